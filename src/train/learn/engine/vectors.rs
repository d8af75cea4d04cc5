//! Loops over the pixels of one panel: everything but the products and the depthwise convolutions.

use xception_kernels::{PANEL_LANES, wide};

/// One number per channel of a panel.
pub type Lanes = [f32; PANEL_LANES];

/// The eight numbers from `at` on.
#[inline(always)]
pub fn lanes(values: &[f32], panel: usize) -> Lanes {
    std::array::from_fn(|n| values[panel * PANEL_LANES + n])
}

#[inline(always)]
fn pixels(values: &[f32]) -> &[Lanes] {
    values.as_chunks().0
}

#[inline(always)]
fn pixels_mut(values: &mut [f32]) -> &mut [Lanes] {
    values.as_chunks_mut().0
}

/// How a layer reads a panel: `scale · z + shift`, then the larger of that and `floor`.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Of batch norm; one without.
    pub scale: Lanes,
    /// Of batch norm; zero without.
    pub shift: Lanes,
    /// Zero for ReLU, else minus infinity.
    pub floor: f32,
}

impl Reading {
    #[inline(always)]
    fn of(&self, z: &Lanes) -> Lanes {
        std::array::from_fn(|n| (z[n] * self.scale[n] + self.shift[n]).max(self.floor))
    }
}

/// `[H, W, 8]` as read, within a border of `outside` all around.
pub fn pad(z: &[f32], reading: &Reading, [h, w]: [usize; 2], outside: f32, padded: &mut [f32]) {
    wide(
        #[inline(always)]
        || {
            let line = w + 2;
            let padded = &mut pixels_mut(padded)[..(h + 2) * line];
            padded[..line].fill([outside; PANEL_LANES]);
            padded[(h + 1) * line..].fill([outside; PANEL_LANES]);
            for (row, z) in padded[line..].chunks_exact_mut(line).zip(pixels(z).chunks_exact(w)) {
                row[0] = [outside; PANEL_LANES];
                row[w + 1] = [outside; PANEL_LANES];
                for (p, z) in row[1..=w].iter_mut().zip(z) {
                    *p = reading.of(z);
                }
            }
        },
    )
}

/// Every pixel as read.
pub fn read(z: &[f32], reading: &Reading, y: &mut [f32]) {
    wide(
        #[inline(always)]
        || {
            for (y, z) in pixels_mut(y).iter_mut().zip(pixels(z)) {
                *y = reading.of(z);
            }
        },
    )
}

/// Adds every pixel as read.
pub fn add_read(z: &[f32], reading: &Reading, y: &mut [f32]) {
    wide(
        #[inline(always)]
        || {
            for (y, z) in pixels_mut(y).iter_mut().zip(pixels(z)) {
                let z = reading.of(z);
                *y = std::array::from_fn(|n| y[n] + z[n]);
            }
        },
    )
}

/// Every second pixel of every second row as read.
pub fn every_second(z: &[f32], reading: &Reading, [h, w]: [usize; 2], y: &mut [f32]) {
    wide(
        #[inline(always)]
        || {
            let rows = pixels(z).chunks_exact(w).take(h).step_by(2);
            for (y, z) in pixels_mut(y).chunks_exact_mut(w.div_ceil(2)).zip(rows) {
                for (y, z) in y.iter_mut().zip(z.iter().step_by(2)) {
                    *y = reading.of(z);
                }
            }
        },
    )
}

/// The transpose of [`every_second`]: the other pixels become zero.
pub fn spread([h, w]: [usize; 2], y: &[f32], g: &mut [f32]) {
    wide(
        #[inline(always)]
        || {
            let g = &mut pixels_mut(g)[..h * w];
            g.fill([0.0; PANEL_LANES]);
            for (g, y) in g.chunks_exact_mut(w).step_by(2).zip(pixels(y).chunks_exact(w.div_ceil(2))) {
                for (g, y) in g.iter_mut().step_by(2).zip(y) {
                    *g = *y;
                }
            }
        },
    )
}

/// Sums of a panel, and of its squares.
pub fn moments(z: &[f32]) -> [Lanes; 2] {
    wide(
        #[inline(always)]
        || {
            let (mut sum, mut square) = ([0.0; PANEL_LANES], [0.0; PANEL_LANES]);
            for z in pixels(z) {
                for n in 0..PANEL_LANES {
                    sum[n] += z[n];
                    square[n] += z[n] * z[n];
                }
            }
            [sum, square]
        },
    )
}

/// Sums of a gradient, and of its products with what it belongs to, less `mean`.
pub fn shares(g: &[f32], z: &[f32], mean: &Lanes) -> [Lanes; 2] {
    wide(
        #[inline(always)]
        || {
            let (mut sum, mut with) = ([0.0; PANEL_LANES], [0.0; PANEL_LANES]);
            for (g, z) in pixels(g).iter().zip(pixels(z)) {
                for n in 0..PANEL_LANES {
                    sum[n] += g[n];
                    with[n] += g[n] * (z[n] - mean[n]);
                }
            }
            [sum, with]
        },
    )
}

/// Batch norm backwards: `slope · g + curve · z + offset`.
pub fn through_norm(g: &[f32], z: &[f32], [slope, curve, offset]: &[Lanes; 3], dz: &mut [f32]) {
    wide(
        #[inline(always)]
        || {
            for ((dz, g), z) in pixels_mut(dz).iter_mut().zip(pixels(g)).zip(pixels(z)) {
                *dz = std::array::from_fn(|n| slope[n] * g[n] + curve[n] * z[n] + offset[n]);
            }
        },
    )
}

/// What comes back to a map that a layer read: `before` are the gradients that others left in `g`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// There are none: `g` is written anew.
    Nothing,
    /// They went through the same ReLU.
    Inside,
    /// They did not.
    Outside,
}

/// Lets `back` through the reading's ReLU and into `g`; returns what [`shares`] does of the outcome.
pub fn back_through(
    z: &[f32],
    reading: &Reading,
    back: &[f32],
    before: Before,
    mean: &Lanes,
    g: &mut [f32],
) -> [Lanes; 2] {
    match before {
        Before::Nothing => wide(
            #[inline(always)]
            || back_by(z, reading, back, mean, g, |_, back, passes| if passes { back } else { 0.0 }),
        ),
        Before::Inside => wide(
            #[inline(always)]
            || back_by(z, reading, back, mean, g, |g, back, passes| if passes { g + back } else { 0.0 }),
        ),
        Before::Outside => wide(
            #[inline(always)]
            || back_by(z, reading, back, mean, g, |g, back, passes| if passes { g + back } else { g }),
        ),
    }
}

/// NOTE: loops rather than iterators' own, which are not compiled for the wide vectors.
#[inline(always)]
fn back_by(
    z: &[f32],
    reading: &Reading,
    back: &[f32],
    mean: &Lanes,
    g: &mut [f32],
    sum_up: impl Fn(f32, f32, bool) -> f32,
) -> [Lanes; 2] {
    let (mut sum, mut with) = ([0.0; PANEL_LANES], [0.0; PANEL_LANES]);
    let Reading { scale, shift, floor } = *reading;
    for ((g, z), back) in pixels_mut(g).iter_mut().zip(pixels(z)).zip(pixels(back)) {
        for n in 0..PANEL_LANES {
            let value = sum_up(g[n], back[n], z[n] * scale[n] + shift[n] > floor);
            g[n] = value;
            sum[n] += value;
            with[n] += value * (z[n] - mean[n]);
        }
    }
    [sum, with]
}

/// 3×3 max-pool with stride 2 of a padded panel; `top` is where the first window begins. Writes the largest, and
/// which of the nine it was.
pub fn pool(
    padded: &[f32],
    [_, w]: [usize; 2],
    top: [usize; 2],
    [oh, ow]: [usize; 2],
    y: &mut [f32],
    taps: &mut [u8],
) {
    wide(
        #[inline(always)]
        || {
            let (padded, line) = (pixels(padded), w + 2);
            let taps: &mut [[u8; PANEL_LANES]] = taps.as_chunks_mut().0;
            for (at, (y, taps)) in pixels_mut(y).iter_mut().zip(taps).enumerate().take(oh * ow) {
                let corner = (2 * (at / ow) + top[0]) * line + 2 * (at % ow) + top[1];
                let (mut best, mut tap) = (padded[corner], [0u32; PANEL_LANES]);
                for k in 1..9 {
                    let z = &padded[corner + k / 3 * line + k % 3];
                    for n in 0..PANEL_LANES {
                        let larger = z[n] > best[n];
                        best[n] = if larger { z[n] } else { best[n] };
                        tap[n] = if larger { k as u32 } else { tap[n] };
                    }
                }
                *y = best;
                *taps = tap.map(|tap| tap as u8);
            }
        },
    )
}

/// The gradient of [`pool`]: each number goes to the pixel that was largest, in `g` without padding.
pub fn unpool(
    back: &[f32],
    taps: &[u8],
    [h, w]: [usize; 2],
    top: [usize; 2],
    [oh, ow]: [usize; 2],
    g: &mut [f32],
) {
    let g = &mut g[..h * w * PANEL_LANES];
    g.fill(0.0);
    let taps: &[[u8; PANEL_LANES]] = taps.as_chunks().0;
    for (at, (back, taps)) in pixels(back).iter().zip(taps).enumerate().take(oh * ow) {
        // Inside the padding of one, where the largest is never.
        let corner = [2 * (at / ow) + top[0], 2 * (at % ow) + top[1]];
        for n in 0..PANEL_LANES {
            let [i, j] = [corner[0] + usize::from(taps[n]) / 3 - 1, corner[1] + usize::from(taps[n]) % 3 - 1];
            g[(i * w + j) * PANEL_LANES + n] += back[n];
        }
    }
}

/// Mean over the pixels of a panel, as read.
pub fn mean(z: &[f32], reading: &Reading) -> Lanes {
    wide(
        #[inline(always)]
        || {
            let mut sum = [0.0; PANEL_LANES];
            for z in pixels(z) {
                let z = reading.of(z);
                for n in 0..PANEL_LANES {
                    sum[n] += z[n];
                }
            }
            sum.map(|sum| sum / pixels(z).len() as f32)
        },
    )
}
