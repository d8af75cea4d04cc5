//! Max-pooling.

use cubecl::prelude::*;

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
