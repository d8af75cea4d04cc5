//! The kernels of products: a pixel's channels, or those of its window, by panels of packed weights.
//!
//! Sums stay in variables of their own, a [`Sequence`] of cells: browsers' compilers keep an indexed array in memory.

#![allow(
    clippy::collapsible_if,
    clippy::manual_div_ceil,
    reason = "whether a constant holds is decided when a kernel is compiled, apart from the rest"
)]

use cubecl::prelude::*;

use super::kernels::{Places, TAPS, at_least, largest, relu};
use super::tile::Tile;

/// The weights of row `k` of the panel at `start`.
#[cube]
fn weight<N: Size>(
    w: &ComptimeOption<&Tensor<Vector<f32, N>>>,
    words: &ComptimeOption<&Tensor<Vector<i32, N>>>,
    start: usize,
    k: usize,
    #[comptime] panel: usize,
) -> Vector<f32, N> {
    #[comptime]
    match w {
        ComptimeOption::Some(w) => w[start + k * panel],
        ComptimeOption::None => {
            #[comptime]
            match words {
                ComptimeOption::Some(words) => {
                    // The byte that is asked for goes to the top, and back with its sign.
                    let word = words[start + k / 4 * panel];
                    let up = Vector::new(24i32 - (k % 4) as i32 * 8);
                    Vector::cast_from((word << up) >> Vector::new(24i32))
                }
                ComptimeOption::None => Vector::new(0.0f32),
            }
        }
    }
}

/// A sum of whole weights in what their steps are worth.
#[cube]
fn worth<N: Size>(
    sum: Vector<f32, N>,
    steps: &ComptimeOption<&Tensor<Vector<f32, N>>>,
    channel: usize,
) -> Vector<f32, N> {
    #[comptime]
    match steps {
        ComptimeOption::Some(steps) => sum * steps[channel],
        ComptimeOption::None => sum,
    }
}

/// What follows the sums of one vector of outputs.
#[cube]
fn finish<N: Size>(
    sum: Vector<f32, N>,
    at: usize,
    channel: usize,
    residual: &ComptimeOption<&Tensor<Vector<f32, N>>>,
    scale: &ComptimeOption<&Tensor<Vector<f32, N>>>,
    floor: f32,
) -> Vector<f32, N> {
    let mut y = sum;
    #[comptime]
    match residual {
        ComptimeOption::Some(residual) =>
        {
            #[comptime]
            match scale {
                ComptimeOption::Some(scale) => y += residual[at] * scale[channel],
                ComptimeOption::None => y += residual[at],
            }
        }
        ComptimeOption::None => {}
    }
    at_least::<N>(y, floor)
}

/// Adds the products of some steps from `step` on: all that they need is asked for before the first is computed, so that
/// a GPU waits for its memory once and not for each number.
#[cube]
fn products<M: Size, N: Size>(
    x: &Tensor<Vector<f32, M>>,
    w: &ComptimeOption<&Tensor<Vector<f32, N>>>,
    words: &ComptimeOption<&Tensor<Vector<i32, N>>>,
    sums: &Sequence<RuntimeCell<Vector<f32, N>>>,
    starts: &Sequence<usize>,
    panels: &Sequence<usize>,
    step: usize,
    #[comptime] ahead: usize,
    #[comptime] tile: Tile,
    #[comptime] panel: usize,
    #[comptime] lead: bool,
) {
    let lanes = x.vector_size().comptime();
    let mut values = Sequence::<Vector<f32, M>>::new();
    let mut weights = Sequence::<Vector<f32, N>>::new();
    #[unroll]
    for i in 0..ahead {
        #[unroll]
        for row in 0..tile.rows {
            values.push(relu::<M>(x[starts[row] + step + i], lead));
        }
        #[unroll]
        for lane in 0..lanes {
            #[unroll]
            for j in 0..tile.columns {
                let k = (step + i) * lanes + lane;
                weights.push(weight::<N>(w, words, panels[j], k, panel));
            }
        }
    }
    #[unroll]
    for k in 0..comptime!(ahead * lanes) {
        #[unroll]
        for j in 0..tile.columns {
            let weight = weights[comptime!(k * tile.columns + j)];
            #[unroll]
            for row in 0..tile.rows {
                let value = values[comptime!(k / lanes * tile.rows + row)].extract(comptime!(k % lanes));
                let sum = sums.index(comptime!(row * tile.columns + j));
                sum.store(sum.read() + Vector::new(value) * weight);
            }
        }
    }
}

/// Brings together what the units of one tile have summed up, each in its `sums`; each has all of it then. All units of
/// the workgroup must come here.
#[cube]
fn gather<N: Size>(sums: &Sequence<RuntimeCell<Vector<f32, N>>>, unit: usize, #[comptime] tile: Tile) {
    let tiles = comptime!(tile.units / tile.splits);
    let mut shared = Shared::<[Vector<f32, N>]>::new_slice(comptime!(tile.rows * tile.columns * tile.units));
    #[unroll]
    for at in 0..comptime!(tile.rows * tile.columns) {
        shared[at * tile.units + unit] = sums.index(at).read();
    }
    sync_cube();
    #[unroll]
    for at in 0..comptime!(tile.rows * tile.columns) {
        let mut sum = shared[at * tile.units + unit % tiles];
        #[unroll]
        for split in 1..tile.splits {
            sum += shared[at * tile.units + split * tiles + unit % tiles];
        }
        sums.index(at).store(sum);
    }
}

/// The first pixel and the first column of vectors of this unit's tile.
#[cube]
fn corner(columns: usize, #[comptime] tile: Tile) -> (usize, usize) {
    let [down, right] = comptime!(tile.group());
    let across = (columns + comptime!(right * tile.columns - 1)) / comptime!(right * tile.columns);
    let group = ABSOLUTE_POS / tile.units;
    let unit = ABSOLUTE_POS % tile.units;
    let column = (group % across * right + unit % right) * comptime!(tile.columns);
    let first = (group / across * down + unit / right % down) * comptime!(tile.rows);
    (first, column)
}

/// A 1×1 convolution: `x` `[pixels, inner]` by panels of weights `[K, PANEL]`, or of `words` `[K / 4, PANEL]` that hold
/// four in int8 each, worth `steps`; with bias, residual and ReLU. The max-pool of `pooled` is added where there is one.
/// Rows of a panel, of words too, are `depth`.
#[cube(launch_unchecked)]
pub fn points<M: Size, N: Size>(
    x: &Tensor<Vector<f32, M>>,
    w: ComptimeOption<&Tensor<Vector<f32, N>>>,
    words: ComptimeOption<&Tensor<Vector<i32, N>>>,
    steps: ComptimeOption<&Tensor<Vector<f32, N>>>,
    bias: &Tensor<Vector<f32, N>>,
    residual: ComptimeOption<&Tensor<Vector<f32, N>>>,
    scale: ComptimeOption<&Tensor<Vector<f32, N>>>,
    pooled: ComptimeOption<&Tensor<Vector<f32, N>>>,
    y: &mut Tensor<Vector<f32, N>>,
    places: Places,
    pixels: usize,
    inner: usize,
    depth: usize,
    columns: usize,
    above: usize,
    left: usize,
    floor: f32,
    #[comptime] tile: Tile,
    #[comptime] panel: usize,
    #[comptime] stride: usize,
    #[comptime] lead: bool,
) {
    let (first, column) = corner(columns, tile);
    if comptime!(tile.splits == 1) {
        if first >= pixels || column >= columns {
            terminate!();
        }
    }
    let mut sums = Sequence::<RuntimeCell<Vector<f32, N>>>::new();
    let mut starts = Sequence::<usize>::new();
    #[unroll]
    for row in 0..tile.rows {
        // Rows beyond the end are the last one over again.
        let pixel = min(first + row, pixels - 1);
        if comptime!(stride == 1) {
            starts.push(pixel * inner);
        } else {
            let right = pixel % places.columns * stride;
            let down = pixel / places.columns % places.rows * stride;
            let picture = pixel / places.columns / places.rows;
            starts.push(((picture * places.height + down) * places.width + right) * inner);
        }
        #[unroll]
        for _ in 0..tile.columns {
            sums.push(RuntimeCell::new(Vector::new(0.0f32)));
        }
    }
    let mut panels = Sequence::<usize>::new();
    let last = (columns + comptime!(panel - 1)) / panel - 1;
    #[unroll]
    for j in 0..tile.columns {
        let at = column + j;
        let place = min(at / panel, last);
        panels.push(place * depth * panel + at % panel);
    }
    let part = (inner + comptime!(tile.splits - 1)) / comptime!(tile.splits);
    let unit = ABSOLUTE_POS % tile.units;
    let split = unit / comptime!(tile.units / tile.splits);
    let begin = min(split * part, inner);
    let end = min(begin + part, inner);
    let whole = begin + (end - begin) / comptime!(tile.ahead) * comptime!(tile.ahead);
    for block in 0..(whole - begin) / comptime!(tile.ahead) {
        let step = begin + block * comptime!(tile.ahead);
        products::<M, N>(x, &w, &words, &sums, &starts, &panels, step, tile.ahead, tile, panel, lead);
    }
    if comptime!(tile.ahead > 1) {
        for step in whole..end {
            products::<M, N>(x, &w, &words, &sums, &starts, &panels, step, 1usize, tile, panel, lead);
        }
    }
    if comptime!(tile.splits > 1) {
        gather::<N>(&sums, unit, tile);
    }
    #[unroll]
    for j in 0..tile.columns {
        let channel = column + j;
        if channel < columns {
            let shift = bias[channel];
            #[unroll]
            for row in 0..tile.rows {
                let pixel = first + row;
                // Of a tile that units share, each finishes its own rows.
                if pixel < pixels && row % tile.splits == split {
                    let at = pixel * columns + channel;
                    let sum = sums.index(comptime!(row * tile.columns + j)).read();
                    let sum = worth::<N>(sum, &steps, channel) + shift;
                    y[at] = finish::<N>(sum, at, channel, &residual, &scale, floor);
                }
            }
        }
    }
    // A loop, and over what was just written: unrolled, with the sums still in variables, it would be most of the shader
    // and of the time that this takes to compile.
    #[comptime]
    match pooled {
        ComptimeOption::Some(pooled) => {
            for row in 0..tile.rows {
                let pixel = first + row;
                for j in 0..tile.columns {
                    let channel = column + j;
                    if pixel < pixels && channel < columns && row % tile.splits == split {
                        y[pixel * columns + channel] +=
                            largest::<N>(pooled, &places, pixel, above, left, columns, channel);
                    }
                }
            }
        }
        ComptimeOption::None => {}
    }
}

/// A 3×3 convolution over all channels. `x` is read in vectors of `M` by strides, so that a picture may lie plane by
/// plane; its weights are those of [`points`] with the windows' numbers in `[3·3, C]`.
#[cube(launch_unchecked)]
pub fn windows<M: Size, N: Size>(
    x: &Tensor<Vector<f32, M>>,
    w: ComptimeOption<&Tensor<Vector<f32, N>>>,
    words: ComptimeOption<&Tensor<Vector<i32, N>>>,
    steps: ComptimeOption<&Tensor<Vector<f32, N>>>,
    bias: &Tensor<Vector<f32, N>>,
    residual: ComptimeOption<&Tensor<Vector<f32, N>>>,
    scale: ComptimeOption<&Tensor<Vector<f32, N>>>,
    y: &mut Tensor<Vector<f32, N>>,
    places: Places,
    pixels: usize,
    inner: usize,
    depth: usize,
    columns: usize,
    padding: usize,
    by_picture: usize,
    by_row: usize,
    by_column: usize,
    by_channel: usize,
    stride: usize,
    floor: f32,
    #[comptime] tile: Tile,
    #[comptime] panel: usize,
    #[comptime] lead: bool,
) {
    let (first, column) = corner(columns, tile);
    if first >= pixels || column >= columns {
        terminate!();
    }
    let lanes = x.vector_size().comptime();
    let mut sums = Sequence::<RuntimeCell<Vector<f32, N>>>::new();
    #[unroll]
    for _ in 0..tile.rows * tile.columns {
        sums.push(RuntimeCell::new(Vector::new(0.0f32)));
    }
    let mut panels = Sequence::<usize>::new();
    let last = (columns + comptime!(panel - 1)) / panel - 1;
    #[unroll]
    for j in 0..tile.columns {
        let at = column + j;
        let place = min(at / panel, last);
        panels.push(place * depth * panel + at % panel);
    }
    for tap in 0..TAPS {
        let mut starts = Sequence::<usize>::new();
        let mut inside = Sequence::<bool>::new();
        #[unroll]
        for row in 0..tile.rows {
            let pixel = min(first + row, pixels - 1);
            let right = pixel % places.columns * stride + tap % 3;
            let down = pixel / places.columns % places.rows * stride + tap / 3;
            let picture = pixel / places.columns / places.rows;
            inside.push(
                down >= padding
                    && down < places.height + padding
                    && right >= padding
                    && right < places.width + padding,
            );
            // Outside, the nearest pixel is read and not used.
            let down = min(max(down, padding) - padding, places.height - 1);
            let right = min(max(right, padding) - padding, places.width - 1);
            starts.push(picture * by_picture + down * by_row + right * by_column);
        }
        for step in 0..inner {
            let mut values = Sequence::<Vector<f32, M>>::new();
            #[unroll]
            for row in 0..tile.rows {
                let value = relu::<M>(x[starts[row] + step * by_channel], lead);
                values.push(select(inside[row], value, Vector::new(0.0f32)));
            }
            #[unroll]
            for lane in 0..lanes {
                let k = (tap * inner + step) * lanes + lane;
                #[unroll]
                for j in 0..tile.columns {
                    let weight = weight::<N>(&w, &words, panels[j], k, panel);
                    #[unroll]
                    for row in 0..tile.rows {
                        let sum = sums.index(comptime!(row * tile.columns + j));
                        sum.store(sum.read() + Vector::new(values[row].extract(lane)) * weight);
                    }
                }
            }
        }
    }
    #[unroll]
    for j in 0..tile.columns {
        let channel = column + j;
        if channel < columns {
            let shift = bias[channel];
            #[unroll]
            for row in 0..tile.rows {
                let pixel = first + row;
                if pixel < pixels {
                    let at = pixel * columns + channel;
                    let sum = sums.index(comptime!(row * tile.columns + j)).read();
                    let sum = worth::<N>(sum, &steps, channel) + shift;
                    y[at] = finish::<N>(sum, at, channel, &residual, &scale, floor);
                }
            }
        }
    }
}
