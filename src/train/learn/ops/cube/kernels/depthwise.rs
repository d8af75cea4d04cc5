//! Convolution by channel.

use cubecl::prelude::*;

use super::TAPS;

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
