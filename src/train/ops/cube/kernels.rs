//! The kernels. All numbers are f32; pictures are `[B, H, W, C]`, so that neighbouring units read neighbouring channels.
//!
//! Sums over pixels are taken in parts by many units, `[S, …]`, which [`sum_parts`] then adds up: each in a fixed
//! order, so that a step is the same every time.

#![allow(
    clippy::collapsible_if,
    reason = "whether a constant holds is decided when a kernel is compiled, apart from the rest"
)]
#![allow(clippy::manual_div_ceil, reason = "kernels have no such method")]

use cubecl::prelude::*;

/// Taps of a 3×3 kernel.
pub const TAPS: usize = 9;
/// Rows of a product that one unit makes: with four columns, sixteen vectors of sums and operands, which fit into the
/// registers of every GPU.
pub const ROWS: usize = 8;

/// 3×3 convolution per channel, padded by one; with its taps `flipped`, the gradient of its input.
#[cube(launch_unchecked)]
pub fn depthwise(
    x: &Tensor<f32>,
    w: &Tensor<f32>,
    y: &mut Tensor<f32>,
    height: usize,
    width: usize,
    channels: usize,
    #[comptime] flipped: bool,
) {
    let at = ABSOLUTE_POS;
    if at >= y.len() {
        terminate!();
    }
    let channel = at % channels;
    let column = at / channels % width;
    let row = at / channels / width % height;
    let before = (width + 1) * channels;
    let mut sum = 0.0f32;
    #[unroll]
    for tap in 0..TAPS {
        let down = comptime!(tap / 3);
        let right = comptime!(tap % 3);
        let inside =
            row + down >= 1 && row + down <= height && column + right >= 1 && column + right <= width;
        if inside {
            let weight = comptime!(if flipped { TAPS - 1 - tap } else { tap });
            sum += x[at + (width * down + right) * channels - before] * w[weight * channels + channel];
        }
    }
    y[at] = sum;
}

/// Parts of the gradient of the taps, `[S, 9, C]`: each over `span` of the `rows` of all pictures.
#[cube(launch_unchecked)]
pub fn depthwise_taps(
    x: &Tensor<f32>,
    grad: &Tensor<f32>,
    parts: &mut Tensor<f32>,
    height: usize,
    width: usize,
    channels: usize,
    rows: usize,
    span: usize,
) {
    let at = ABSOLUTE_POS;
    let part = at / channels;
    if part * span >= rows {
        terminate!();
    }
    let channel = at % channels;
    let before = (width + 1) * channels;
    let mut sums = Array::<f32>::new(TAPS);
    #[unroll]
    for tap in 0..TAPS {
        sums[tap] = 0.0f32;
    }
    let end = min(part * span + span, rows);
    for row_of_all in part * span..end {
        let row = row_of_all % height;
        for column in 0..width {
            let pixel = (row_of_all * width + column) * channels + channel;
            let g = grad[pixel];
            #[unroll]
            for tap in 0..TAPS {
                let down = comptime!(tap / 3);
                let right = comptime!(tap % 3);
                let inside =
                    row + down >= 1 && row + down <= height && column + right >= 1 && column + right <= width;
                if inside {
                    sums[tap] += x[pixel + (width * down + right) * channels - before] * g;
                }
            }
        }
    }
    #[unroll]
    for tap in 0..TAPS {
        parts[(part * TAPS + tap) * channels + channel] = sums[tap];
    }
}

/// Adds up `span` of `count` parts of `length` numbers each.
#[cube(launch_unchecked)]
pub fn sum_parts(parts: &Tensor<f32>, sums: &mut Tensor<f32>, count: usize, length: usize, span: usize) {
    let at = ABSOLUTE_POS;
    if at >= sums.len() {
        terminate!();
    }
    let group = at / length;
    let mut sum = 0.0f32;
    let end = min(group * span + span, count);
    for part in group * span..end {
        sum += parts[part * length + at % length];
    }
    sums[at] = sum;
}

/// Parts of the sums of what each channel is above its first pixel, and of the squares of that, `[S, 2, C]`. Channels
/// far from zero would lose their variance otherwise.
#[cube(launch_unchecked)]
pub fn moments(x: &Tensor<f32>, parts: &mut Tensor<f32>, channels: usize, rows: usize, span: usize) {
    let at = ABSOLUTE_POS;
    let part = at / channels;
    if part * span >= rows {
        terminate!();
    }
    let channel = at % channels;
    let first = x[channel];
    let mut sum = 0.0f32;
    let mut squares = 0.0f32;
    let end = min(part * span + span, rows);
    for row in part * span..end {
        let value = x[row * channels + channel] - first;
        sum += value;
        squares += value * value;
    }
    parts[part * 2 * channels + channel] = sum;
    parts[(part * 2 + 1) * channels + channel] = squares;
}

/// Mean and biased variance from the sums of [`moments`], with what follows them: `[4, C]`.
#[cube(launch_unchecked)]
pub fn statistics(
    x: &Tensor<f32>,
    sums: &Tensor<f32>,
    gamma: &Tensor<f32>,
    beta: &Tensor<f32>,
    saved: &mut Tensor<f32>,
    channels: usize,
    scale: f32,
) {
    let channel = ABSOLUTE_POS;
    if channel >= channels {
        terminate!();
    }
    let mean = sums[channel] * scale;
    saved[channel] = x[channel] + mean;
    saved[channels + channel] = max(sums[channels + channel] * scale - mean * mean, 0.0f32);
    saved[2 * channels + channel] = gamma[channel];
    saved[3 * channels + channel] = beta[channel];
}

/// Batch norm by `saved` `[4, C]`: mean, variance, gamma, beta.
#[cube(launch_unchecked)]
pub fn normalise(
    x: &Tensor<f32>,
    saved: &Tensor<f32>,
    y: &mut Tensor<f32>,
    channels: usize,
    epsilon: f32,
    #[comptime] relu: bool,
) {
    let at = ABSOLUTE_POS;
    if at >= y.len() {
        terminate!();
    }
    let channel = at % channels;
    let scale = saved[2 * channels + channel] / f32::sqrt(saved[channels + channel] + epsilon);
    let mut value = (x[at] - saved[channel]) * scale + saved[3 * channels + channel];
    if relu {
        value = max(value, 0.0f32);
    }
    y[at] = value;
}

/// Parts of the sums of the gradient behind the ReLU, and of its products with the normalised input, `[S, 2, C]`: the
/// gradients of beta and gamma.
#[cube(launch_unchecked)]
pub fn normalise_sums(
    x: &Tensor<f32>,
    saved: &Tensor<f32>,
    grad: &Tensor<f32>,
    parts: &mut Tensor<f32>,
    channels: usize,
    rows: usize,
    span: usize,
    epsilon: f32,
    #[comptime] relu: bool,
) {
    let at = ABSOLUTE_POS;
    let part = at / channels;
    if part * span >= rows {
        terminate!();
    }
    let channel = at % channels;
    let mean = saved[channel];
    let inverse = 1.0f32 / f32::sqrt(saved[channels + channel] + epsilon);
    let gamma = saved[2 * channels + channel];
    let beta = saved[3 * channels + channel];
    let mut sum = 0.0f32;
    let mut products = 0.0f32;
    let end = min(part * span + span, rows);
    for row in part * span..end {
        let normal = (x[row * channels + channel] - mean) * inverse;
        let mut g = grad[row * channels + channel];
        if relu {
            if normal * gamma + beta <= 0.0f32 {
                g = 0.0f32;
            }
        }
        sum += g;
        products += g * normal;
    }
    parts[part * 2 * channels + channel] = sum;
    parts[(part * 2 + 1) * channels + channel] = products;
}

/// Gradient of batch norm's input; `scale` is 1 / pixels.
#[cube(launch_unchecked)]
pub fn normalise_backward(
    x: &Tensor<f32>,
    saved: &Tensor<f32>,
    grad: &Tensor<f32>,
    sums: &Tensor<f32>,
    back: &mut Tensor<f32>,
    channels: usize,
    scale: f32,
    epsilon: f32,
    #[comptime] relu: bool,
) {
    let at = ABSOLUTE_POS;
    if at >= back.len() {
        terminate!();
    }
    let channel = at % channels;
    let inverse = 1.0f32 / f32::sqrt(saved[channels + channel] + epsilon);
    let gamma = saved[2 * channels + channel];
    let normal = (x[at] - saved[channel]) * inverse;
    let mut g = grad[at];
    if relu {
        if normal * gamma + saved[3 * channels + channel] <= 0.0f32 {
            g = 0.0f32;
        }
    }
    back[at] = gamma * inverse * (g - (sums[channel] + normal * sums[channels + channel]) * scale);
}

/// 3×3 max-pool with stride 2.
#[cube(launch_unchecked)]
pub fn max_pool(
    x: &Tensor<f32>,
    y: &mut Tensor<f32>,
    height: usize,
    width: usize,
    rows: usize,
    columns: usize,
    above: usize,
    left: usize,
    channels: usize,
) {
    let at = ABSOLUTE_POS;
    if at >= y.len() {
        terminate!();
    }
    let channel = at % channels;
    let column = at / channels % columns * 2;
    let row = at / channels / columns % rows * 2;
    let picture = at / channels / columns / rows;
    let mut best = f32::min_value();
    for down in 0..3usize {
        for right in 0..3usize {
            let (i, j) = (row + down, column + right);
            if i >= above && i < height + above && j >= left && j < width + left {
                let pixel = (picture * height + i - above) * width + j - left;
                best = max(best, x[pixel * channels + channel]);
            }
        }
    }
    y[at] = best;
}

/// Gradient of [`max_pool`]'s input: of each window that a pixel lies in, if it is the first of the largest there.
#[cube(launch_unchecked)]
pub fn max_pool_backward(
    x: &Tensor<f32>,
    grad: &Tensor<f32>,
    back: &mut Tensor<f32>,
    height: usize,
    width: usize,
    rows: usize,
    columns: usize,
    above: usize,
    left: usize,
    channels: usize,
) {
    let at = ABSOLUTE_POS;
    if at >= back.len() {
        terminate!();
    }
    let channel = at % channels;
    let column = at / channels % width + left;
    let row = at / channels / width % height + above;
    let picture = at / channels / width / height;
    let own = x[at];
    let mut sum = 0.0f32;
    // Window `n` begins at pixel `2 n`, counted with the padding.
    for up in 0..2usize {
        for back_by in 0..2usize {
            let (i, j) = (row / 2, column / 2);
            let covers = i >= up && j >= back_by && row < (i - up) * 2 + 3 && column < (j - back_by) * 2 + 3;
            if covers && i - up < rows && j - back_by < columns {
                let (i, j) = (i - up, j - back_by);
                let mut mine = true;
                for down in 0..3usize {
                    for right in 0..3usize {
                        let (k, l) = (i * 2 + down, j * 2 + right);
                        if k >= above && k < height + above && l >= left && l < width + left {
                            let pixel = (picture * height + k - above) * width + l - left;
                            let other = x[pixel * channels + channel];
                            let earlier = k < row || (k == row && l < column);
                            if other > own || (earlier && other == own) {
                                mine = false;
                            }
                        }
                    }
                }
                if mine {
                    sum += grad[((picture * rows + i) * columns + j) * channels + channel];
                }
            }
        }
    }
    back[at] = sum;
}

/// All 3×3 windows without padding, `[B·H'·W', 9·C]`.
#[cube(launch_unchecked)]
pub fn windows(
    x: &Tensor<f32>,
    y: &mut Tensor<f32>,
    height: usize,
    width: usize,
    rows: usize,
    columns: usize,
    channels: usize,
    #[comptime] stride: usize,
) {
    let at = ABSOLUTE_POS;
    if at >= y.len() {
        terminate!();
    }
    let channel = at % channels;
    let tap = at / channels % TAPS;
    let window = at / channels / TAPS;
    let column = window % columns * stride + tap % 3;
    let row = window / columns % rows * stride + tap / 3;
    let picture = window / columns / rows;
    y[at] = x[((picture * height + row) * width + column) * channels + channel];
}

/// Gradient of [`windows`]' input.
#[cube(launch_unchecked)]
pub fn windows_backward(
    grad: &Tensor<f32>,
    back: &mut Tensor<f32>,
    height: usize,
    width: usize,
    rows: usize,
    columns: usize,
    channels: usize,
    #[comptime] stride: usize,
) {
    let at = ABSOLUTE_POS;
    if at >= back.len() {
        terminate!();
    }
    let channel = at % channels;
    let column = at / channels % width;
    let row = at / channels / width % height;
    let picture = at / channels / width / height;
    let mut sum = 0.0f32;
    for tap in 0..TAPS {
        let (down, right) = (tap / 3, tap % 3);
        if row >= down && column >= right {
            let (i, j) = (row - down, column - right);
            if i % stride == 0 && j % stride == 0 && i / stride < rows && j / stride < columns {
                let window = (picture * rows + i / stride) * columns + j / stride;
                sum += grad[(window * TAPS + tap) * channels + channel];
            }
        }
    }
    back[at] = sum;
}

/// Product of `x` `[rows, inner]` and `w`: [`ROWS`] rows and one of `columns` vectors a unit.
#[cube(launch_unchecked)]
pub fn product<N: Size>(
    x: &Tensor<Vector<f32, N>>,
    w: &Tensor<Vector<f32, N>>,
    y: &mut Tensor<Vector<f32, N>>,
    rows: usize,
    inner: usize,
    columns: usize,
) {
    let at = ABSOLUTE_POS;
    let column = at % columns;
    let first = at / columns * ROWS;
    if first >= rows {
        terminate!();
    }
    let lanes = w.vector_size().comptime();
    let steps = inner / lanes;
    let mut starts = Array::<usize>::new(ROWS);
    let mut sums = Array::<Vector<f32, N>>::new(ROWS);
    #[unroll]
    for row in 0..ROWS {
        // Rows beyond the end are the last one over again.
        starts[row] = min(first + row, rows - 1) * steps;
        sums[row] = Vector::new(0.0f32);
    }
    for step in 0..steps {
        let mut weights = Array::<Vector<f32, N>>::new(lanes);
        #[unroll]
        for lane in 0..lanes {
            weights[lane] = w[(step * lanes + lane) * columns + column];
        }
        #[unroll]
        for row in 0..ROWS {
            let values = x[starts[row] + step];
            #[unroll]
            for lane in 0..lanes {
                sums[row] += Vector::new(values.extract(lane)) * weights[lane];
            }
        }
    }
    #[unroll]
    for row in 0..ROWS {
        if first + row < rows {
            y[(first + row) * columns + column] = sums[row];
        }
    }
}

/// Parts of the gradient of a product's weights, `[S, inner, columns]`: each over `span` rows, two vectors
/// of inputs by one of outputs a unit. `inner` and `columns` count vectors.
#[cube(launch_unchecked)]
pub fn product_weights<N: Size>(
    x: &Tensor<Vector<f32, N>>,
    grad: &Tensor<Vector<f32, N>>,
    parts: &mut Tensor<Vector<f32, N>>,
    rows: usize,
    inner: usize,
    columns: usize,
    span: usize,
) {
    let at = ABSOLUTE_POS;
    let column = at % columns;
    let blocks = (inner + 1) / 2;
    let input = at / columns % blocks * 2;
    let part = at / columns / blocks;
    if part * span >= rows {
        terminate!();
    }
    let lanes = x.vector_size().comptime();
    let other = min(input + 1, inner - 1);
    let mut sums = Array::<Vector<f32, N>>::new(comptime!(2 * lanes));
    #[unroll]
    for lane in 0..2 * lanes {
        sums[lane] = Vector::new(0.0f32);
    }
    let end = min(part * span + span, rows);
    for row in part * span..end {
        let g = grad[row * columns + column];
        let a = x[row * inner + input];
        let b = x[row * inner + other];
        #[unroll]
        for lane in 0..lanes {
            sums[lane] += Vector::new(a.extract(lane)) * g;
            sums[lanes + lane] += Vector::new(b.extract(lane)) * g;
        }
    }
    let to = (part * inner + input) * lanes;
    #[unroll]
    for lane in 0..lanes {
        parts[(to + lane) * columns + column] = sums[lane];
        if input + 1 < inner {
            parts[(to + lanes + lane) * columns + column] = sums[lanes + lane];
        }
    }
}

/// A step of AdamW.
#[cube(launch_unchecked)]
pub fn adamw(
    parameter: &Tensor<f32>,
    gradient: &Tensor<f32>,
    first: &Tensor<f32>,
    second: &Tensor<f32>,
    new_parameter: &mut Tensor<f32>,
    new_first: &mut Tensor<f32>,
    new_second: &mut Tensor<f32>,
    beta_1: f32,
    beta_2: f32,
    rate: f32,
    scale: f32,
    epsilon: f32,
    keep: f32,
) {
    let at = ABSOLUTE_POS;
    if at >= new_parameter.len() {
        terminate!();
    }
    let g = gradient[at];
    let m = beta_1 * first[at] + (1.0f32 - beta_1) * g;
    let v = beta_2 * second[at] + (1.0f32 - beta_2) * g * g;
    new_first[at] = m;
    new_second[at] = v;
    new_parameter[at] = keep * parameter[at] - rate * m / (f32::sqrt(v * scale) + epsilon);
}
