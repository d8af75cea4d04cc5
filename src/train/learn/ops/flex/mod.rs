//! The training operations on the CPU. Work is divided by picture, and sums over pictures are taken
//! in their order, so results do not depend on the number of threads.

mod backward;
mod forward;

use burn::backend::flex::FlexTensor;
use burn::tensor::TensorData;
use rayon::prelude::*;

use xception_kernels::{Windows, wide};

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// The range of taps (0..3) that stay inside `size` around `at`, for padding 1.
#[inline(always)]
fn taps(at: usize, size: usize) -> std::ops::Range<usize> {
    usize::from(at == 0)..if at + 1 == size { 2 } else { 3 }
}

#[inline(always)]
fn depthwise_image(x: &[f32], w: &[f32], y: &mut [f32], [h, wd, c]: [usize; 3]) {
    for i in 0..h {
        for j in 0..wd {
            let out = &mut y[(i * wd + j) * c..][..c];
            if i > 0 && i + 1 < h && j > 0 && j + 1 < wd {
                let at = |k: usize| &x[((i + k / 3 - 1) * wd + j + k % 3 - 1) * c..][..c];
                let [a0, a1, a2, a3, a4, a5, a6, a7, a8] = std::array::from_fn(at);
                let [w0, w1, w2, w3, w4, w5, w6, w7, w8] = std::array::from_fn(|k| &w[k * c..][..c]);
                for n in 0..c {
                    out[n] = a0[n] * w0[n]
                        + a1[n] * w1[n]
                        + a2[n] * w2[n]
                        + a3[n] * w3[n]
                        + a4[n] * w4[n]
                        + a5[n] * w5[n]
                        + a6[n] * w6[n]
                        + a7[n] * w7[n]
                        + a8[n] * w8[n];
                }
                continue;
            }
            for di in taps(i, h) {
                for dj in taps(j, wd) {
                    let a = &x[((i + di - 1) * wd + j + dj - 1) * c..][..c];
                    let k = &w[(di * 3 + dj) * c..][..c];
                    for n in 0..c {
                        out[n] += a[n] * k[n];
                    }
                }
            }
        }
    }
}

fn depthwise(x: &[f32], w: &[f32], [b, h, wd, c]: [usize; 4]) -> Vec<f32> {
    let mut y = vec![0.0; b * h * wd * c];
    let image = h * wd * c;
    y.par_chunks_mut(image).zip(x.par_chunks(image)).for_each(|(y, x)| {
        wide(
            #[inline(always)]
            || depthwise_image(x, w, y, [h, wd, c]),
        )
    });
    y
}

/// The largest of a window, and which tap it was, per channel.
#[inline(always)]
fn window_max(x: &[f32], [h, wd, c]: [usize; 3], [top, left]: [isize; 2], best: &mut [f32], tap: &mut [u32]) {
    best.fill(f32::NEG_INFINITY);
    for k in 0..9 {
        let (i, j) = (top + k / 3, left + k % 3);
        if i < 0 || j < 0 || i >= h as isize || j >= wd as isize {
            continue;
        }
        let a = &x[(i as usize * wd + j as usize) * c..][..c];
        let (best, tap) = (&mut best[..c], &mut tap[..c]);
        for n in 0..c {
            let larger = a[n] > best[n];
            best[n] = if larger { a[n] } else { best[n] };
            tap[n] = if larger { k as u32 } else { tap[n] };
        }
    }
}

#[inline(always)]
fn corner(i: usize, j: usize, windows: Windows) -> [isize; 2] {
    [(2 * i) as isize - windows.before[0] as isize, (2 * j) as isize - windows.before[1] as isize]
}
