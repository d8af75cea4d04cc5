//! The gradients.

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};
use rayon::prelude::*;

use super::super::TrainGradients;
use super::{corner, depthwise, taps, tensor, window_max};
use xception_kernels::{Windows, wide};
use xception_web::inside::Dense;

/// Row blocks of a weight gradient's product, each a job of its own.
const PRODUCT_BLOCKS: usize = 8;

/// Sums rows of equal length in order.
fn sum_rows(rows: Vec<Vec<f32>>, len: usize) -> Vec<f32> {
    let mut total = vec![0.0; len];
    for row in rows {
        for (t, v) in total.iter_mut().zip(row) {
            *t += v;
        }
    }
    total
}

#[inline(always)]
fn depthwise_weights_image(x: &[f32], g: &[f32], dw: &mut [f32], [h, wd, c]: [usize; 3]) {
    for i in 0..h {
        for j in 0..wd {
            let g = &g[(i * wd + j) * c..][..c];
            for di in taps(i, h) {
                for dj in taps(j, wd) {
                    let a = &x[((i + di - 1) * wd + j + dj - 1) * c..][..c];
                    let d = &mut dw[(di * 3 + dj) * c..][..c];
                    for n in 0..c {
                        d[n] += a[n] * g[n];
                    }
                }
            }
        }
    }
}

impl TrainGradients for Flex {
    fn depthwise_backward(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (x, w, grad) = (Dense::of(x), Dense::of(w), Dense::of(grad));
        let dims @ [_, h, wd, c] = x.dims::<4>();
        let flipped: Vec<f32> = w.slice().chunks(c).rev().flatten().copied().collect();
        let dx = depthwise(grad.slice(), &flipped, dims);
        let image = h * wd * c;
        let rows = x
            .slice()
            .par_chunks(image)
            .zip(grad.slice().par_chunks(image))
            .map(|(x, g)| {
                let mut dw = vec![0.0; 9 * c];
                wide(
                    #[inline(always)]
                    || depthwise_weights_image(x, g, &mut dw, [h, wd, c]),
                );
                dw
            })
            .collect();
        (tensor(dx, dims), tensor(sum_rows(rows, 9 * c), [9, c]))
    }

    fn batch_norm_act_backward(
        x: FloatTensor<Self>,
        saved: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        epsilon: f32,
        floor: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let (x, saved, grad) = (Dense::of(x), Dense::of(saved), Dense::of(grad));
        let dims @ [b, h, wd, c] = x.dims::<4>();
        let image = h * wd * c;
        let saved = saved.slice();
        let (mean, variance) = (&saved[..c], &saved[c..2 * c]);
        let (gamma, beta) = (&saved[2 * c..3 * c], &saved[3 * c..]);
        let inverse: Vec<f32> = variance.iter().map(|v| 1.0 / (v + epsilon).sqrt()).collect();
        let sums: Vec<Vec<f32>> = x
            .slice()
            .par_chunks(image)
            .zip(grad.slice().par_chunks(image))
            .map(|(x, g)| {
                let mut sums = vec![0.0; 2 * c];
                wide(
                    #[inline(always)]
                    || {
                        let (dgamma, dbeta) = sums.split_at_mut(c);
                        let (mean, inverse) = (&mean[..c], &inverse[..c]);
                        let (gamma, beta) = (&gamma[..c], &beta[..c]);
                        for (x, g) in x.chunks_exact(c).zip(g.chunks_exact(c)) {
                            for n in 0..c {
                                let hat = (x[n] - mean[n]) * inverse[n];
                                let g = if hat * gamma[n] + beta[n] > floor { g[n] } else { 0.0 };
                                dgamma[n] += g * hat;
                                dbeta[n] += g;
                            }
                        }
                    },
                );
                sums
            })
            .collect();
        let sums = sum_rows(sums, 2 * c);
        let (dgamma, dbeta) = sums.split_at(c);
        let count = (b * h * wd) as f32;
        let mut dx = vec![0.0; b * image];
        dx.par_chunks_mut(image)
            .zip(x.slice().par_chunks(image))
            .zip(grad.slice().par_chunks(image))
            .for_each(|((dx, x), g)| {
                wide(
                    #[inline(always)]
                    || {
                        let (mean, inverse) = (&mean[..c], &inverse[..c]);
                        let (gamma, beta) = (&gamma[..c], &beta[..c]);
                        let (dgamma, dbeta) = (&dgamma[..c], &dbeta[..c]);
                        let rows = dx.chunks_exact_mut(c).zip(x.chunks_exact(c));
                        for ((dx, x), g) in rows.zip(g.chunks_exact(c)) {
                            for n in 0..c {
                                let hat = (x[n] - mean[n]) * inverse[n];
                                let g = if hat * gamma[n] + beta[n] > floor { g[n] } else { 0.0 };
                                let centred = g - (dbeta[n] + hat * dgamma[n]) / count;
                                dx[n] = gamma[n] * inverse[n] * centred;
                            }
                        }
                    },
                )
            });
        (tensor(dx, dims), tensor(dgamma.to_vec(), [c]), tensor(dbeta.to_vec(), [c]))
    }

    fn max_pool_backward(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        windows: Windows,
    ) -> FloatTensor<Self> {
        let (x, grad) = (Dense::of(x), Dense::of(grad));
        let dims @ [b, h, wd, c] = x.dims::<4>();
        let [oh, ow] = windows.output;
        let mut dx = vec![0.0; b * h * wd * c];
        dx.par_chunks_mut(h * wd * c)
            .zip(x.slice().par_chunks(h * wd * c))
            .zip(grad.slice().par_chunks(oh * ow * c))
            .for_each(|((dx, x), g)| {
                wide(
                    #[inline(always)]
                    || {
                        let (mut best, mut tap) = (vec![0.0; c], vec![0; c]);
                        for (p, g) in g.chunks_exact(c).enumerate() {
                            let at @ [top, left] = corner(p / ow, p % ow, windows);
                            window_max(x, [h, wd, c], at, &mut best, &mut tap);
                            for k in 0..9 {
                                let (i, j) = (top + k / 3, left + k % 3);
                                if i < 0 || j < 0 || i >= h as isize || j >= wd as isize {
                                    continue;
                                }
                                let d = &mut dx[(i as usize * wd + j as usize) * c..][..c];
                                let tap = &tap[..c];
                                for n in 0..c {
                                    d[n] += if tap[n] == k as u32 { g[n] } else { 0.0 };
                                }
                            }
                        }
                    },
                )
            });
        tensor(dx, dims)
    }

    fn windows_backward(grad: FloatTensor<Self>, shape: [usize; 4], windows: Windows) -> FloatTensor<Self> {
        let grad = Dense::of(grad);
        let [b, h, wd, c] = shape;
        let Windows { stride, output: [oh, ow], .. } = windows;
        let mut dx = vec![0.0; b * h * wd * c];
        dx.par_chunks_mut(h * wd * c).zip(grad.slice().par_chunks(oh * ow * 9 * c)).for_each(|(dx, rows)| {
            wide(
                #[inline(always)]
                || {
                    for (p, row) in rows.chunks_exact(9 * c).enumerate() {
                        let (i, j) = (p / ow * stride, p % ow * stride);
                        for (di, row) in row.chunks_exact(3 * c).enumerate() {
                            let d = &mut dx[((i + di) * wd + j) * c..][..3 * c];
                            for (d, g) in d.iter_mut().zip(row) {
                                *d += g;
                            }
                        }
                    }
                },
            )
        });
        tensor(dx, shape)
    }

    fn product_backward(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let dx = Self::float_matmul(grad.clone(), Self::float_transpose(w));
        let ([n, from], [_, to]) = (x.shape().dims::<2>(), grad.shape().dims::<2>());
        // The product over all rows has a small output, which the matrix product cannot divide
        // between threads by itself: sum a few products over blocks of rows.
        let blocks = if n % PRODUCT_BLOCKS == 0 { PRODUCT_BLOCKS } else { 1 };
        let x = Self::float_reshape(x, [blocks, n / blocks, from].into());
        let grad = Self::float_reshape(grad, [blocks, n / blocks, to].into());
        let parts = Self::float_matmul(Self::float_swap_dims(x, 1, 2), grad);
        let dw = Self::float_reshape(Self::float_sum_dim(parts, 0), [from, to].into());
        (dx, dw)
    }
}
