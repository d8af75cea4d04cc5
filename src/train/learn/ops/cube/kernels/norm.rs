//! Batch norm over a batch, and the ReLU behind it.

use cubecl::prelude::*;

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
