//! What a plain convolution multiplies.

use cubecl::prelude::*;

use super::TAPS;

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
