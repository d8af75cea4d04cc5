//! The kernels of the fused network but for its products, and what both share. All numbers are f32 and pictures are
//! `[B, H, W, C]`, read in vectors of `N` channels: four where channels divide so, else one. What a product takes from
//! its pixels at a time is `M`.
//!
//! Sums stay in variables of their own, a [`Sequence`] of cells: browsers' compilers keep an indexed array in memory.

#![allow(
    clippy::collapsible_if,
    clippy::manual_div_ceil,
    reason = "whether a constant holds is decided when a kernel is compiled, apart from the rest"
)]

use cubecl::prelude::*;

/// Taps of a 3×3 kernel.
pub(super) const TAPS: usize = 9;

/// Where the pixels lie that a convolution reads.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub struct Places {
    /// Rows of the input.
    pub height: usize,
    /// Its columns.
    pub width: usize,
    /// Rows of the output.
    pub rows: usize,
    /// Its columns.
    pub columns: usize,
}

/// ReLU that NaN passes, as in plain operations.
#[cube]
pub(super) fn relu<N: Size>(x: Vector<f32, N>, #[comptime] yes: bool) -> Vector<f32, N> {
    let mut y = x;
    if yes {
        let zero = Vector::new(0.0f32);
        y = select_many(x.less_than(&zero), zero, x);
    }
    y
}

/// ReLU with a `floor` of zero, nothing with minus infinity: a shader serves both, and each costs more to compile than
/// it does to run.
#[cube]
pub(super) fn at_least<N: Size>(x: Vector<f32, N>, floor: f32) -> Vector<f32, N> {
    let floor = Vector::new(floor);
    select_many(x.less_than(&floor), floor, x)
}

/// The largest of the 3×3 window of an output pixel, with stride 2, which begins `above` and `left` before its own.
#[cube]
pub(super) fn largest<N: Size>(
    x: &Tensor<Vector<f32, N>>,
    places: &Places,
    pixel: usize,
    above: usize,
    left: usize,
    channels: usize,
    channel: usize,
) -> Vector<f32, N> {
    let picture = pixel / places.columns / places.rows;
    let row = pixel / places.columns % places.rows * 2;
    let column = pixel % places.columns * 2;
    let start = picture * places.height;
    // The middle of a window is always inside, or, where the padding is at its end, its first pixel.
    let middle = min(row + 1 - above, places.height - 1);
    let centre = min(column + 1 - left, places.width - 1);
    let mut best = x[((start + middle) * places.width + centre) * channels + channel];
    for tap in 0..TAPS {
        let down = row + tap / 3;
        let right = column + tap % 3;
        let inside =
            down >= above && down < places.height + above && right >= left && right < places.width + left;
        if inside {
            let value = x[((start + down - above) * places.width + right - left) * channels + channel];
            // NaN is larger than nothing and nothing is larger than it: it is asked for.
            let better = value.greater_than(&best).or(value.not_equal(&value));
            best = select_many(better, value, best);
        }
    }
    best
}

/// A 3×3 convolution channel by channel: `count` neighbouring pixels of one vector of channels a unit.
#[cube(launch_unchecked)]
pub fn depthwise<N: Size>(
    x: &Tensor<Vector<f32, N>>,
    w: &Tensor<Vector<f32, N>>,
    bias: &Tensor<Vector<f32, N>>,
    y: &mut Tensor<Vector<f32, N>>,
    places: Places,
    lines: usize,
    channels: usize,
    padding: usize,
    lead: f32,
    floor: f32,
    #[comptime] count: usize,
    #[comptime] stride: usize,
) {
    let at = ABSOLUTE_POS;
    let across = (places.columns + comptime!(count - 1)) / count;
    let channel = at % channels;
    let first = at / channels % across * count;
    let line = at / channels / across;
    let row = line % places.rows;
    let picture = line / places.rows;
    if line >= lines {
        terminate!();
    }
    let mut sums = Sequence::<RuntimeCell<Vector<f32, N>>>::new();
    #[unroll]
    for _ in 0..count {
        sums.push(RuntimeCell::new(bias[channel]));
    }
    let span = comptime!((count - 1) * stride + 3);
    #[unroll]
    for down in 0..3usize {
        let from = row * stride + down;
        if from >= padding && from < places.height + padding {
            let start = (picture * places.height + from - padding) * places.width;
            let mut taps = Sequence::<Vector<f32, N>>::new();
            #[unroll]
            for right in 0..3usize {
                taps.push(w[comptime!(down * 3 + right) * channels + channel]);
            }
            #[unroll]
            for i in 0..span {
                let place = first * stride + i;
                let inside = place >= padding && place < places.width + padding;
                let place = min(max(place, padding) - padding, places.width - 1);
                let value = at_least::<N>(x[(start + place) * channels + channel], lead);
                let value = select(inside, value, Vector::new(0.0f32));
                #[unroll]
                for pixel in 0..count {
                    if comptime!(i >= pixel * stride && i < pixel * stride + 3) {
                        let sum = sums.index(pixel);
                        sum.store(sum.read() + value * taps[comptime!(i - pixel * stride)]);
                    }
                }
            }
        }
    }
    #[unroll]
    for pixel in 0..count {
        if first + pixel < places.columns {
            y[(line * places.columns + first + pixel) * channels + channel] =
                at_least::<N>(sums.index(pixel).read(), floor);
        }
    }
}

/// 3×3 max-pool with stride 2, plus `bridge`.
#[cube(launch_unchecked)]
pub fn pool<N: Size>(
    x: &Tensor<Vector<f32, N>>,
    bridge: &Tensor<Vector<f32, N>>,
    y: &mut Tensor<Vector<f32, N>>,
    places: Places,
    count: usize,
    channels: usize,
    above: usize,
    left: usize,
) {
    let at = ABSOLUTE_POS;
    if at >= count {
        terminate!();
    }
    let channel = at % channels;
    let best = largest::<N>(x, &places, at / channels, above, left, channels, channel);
    y[at] = best + bridge[at];
}

/// The mean over the `pixels` of each picture.
#[cube(launch_unchecked)]
pub fn mean<N: Size>(
    x: &Tensor<Vector<f32, N>>,
    y: &mut Tensor<Vector<f32, N>>,
    count: usize,
    pixels: usize,
    channels: usize,
    share: f32,
) {
    let at = ABSOLUTE_POS;
    if at >= count {
        terminate!();
    }
    let start = at / channels * pixels * channels + at % channels;
    let mut sum = Vector::new(0.0f32);
    for pixel in 0..pixels {
        sum += x[start + pixel * channels];
    }
    y[at] = sum * Vector::new(share);
}
