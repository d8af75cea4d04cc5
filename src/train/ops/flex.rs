//! The training operations on the CPU. Work is divided by picture, and sums over pictures are taken
//! in their order, so results do not depend on the number of threads.

use burn::backend::flex::FlexTensor;
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::TensorData;
use rayon::prelude::*;

use super::simd::wide;
use super::{PoolGeometry, TrainGradients, TrainOps};

/// Row blocks of a weight gradient's product, each a job of its own.
const PRODUCT_BLOCKS: usize = 8;

/// A tensor's numbers, contiguous.
struct Dense(FlexTensor);

impl Dense {
    fn new(tensor: FlexTensor) -> Self {
        Self(tensor.to_contiguous())
    }

    fn dims<const D: usize>(&self) -> [usize; D] {
        self.0.shape().dims()
    }

    fn slice(&self) -> &[f32] {
        let start = self.0.layout().start_offset();
        &self.0.storage::<f32>()[start..start + self.0.shape().num_elements()]
    }
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

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
fn corner(i: usize, j: usize, geometry: &PoolGeometry) -> [isize; 2] {
    [(2 * i) as isize - geometry.before[0] as isize, (2 * j) as isize - geometry.before[1] as isize]
}

impl TrainOps for Flex {
    fn depthwise(x: FloatTensor<Self>, w: FloatTensor<Self>) -> FloatTensor<Self> {
        let (x, w) = (Dense::new(x), Dense::new(w));
        let dims = x.dims::<4>();
        tensor(depthwise(x.slice(), w.slice(), dims), dims)
    }

    fn batch_norm_act(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
        floor: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let (x, gamma, beta) = (Dense::new(x), Dense::new(gamma), Dense::new(beta));
        let dims @ [b, h, wd, c] = x.dims::<4>();
        let image = h * wd * c;
        let sums: Vec<Vec<f32>> = x
            .slice()
            .par_chunks(image)
            .map(|x| {
                let mut sums = vec![0.0; 2 * c];
                wide(
                    #[inline(always)]
                    || {
                        let (sum, square) = sums.split_at_mut(c);
                        for x in x.chunks_exact(c) {
                            for n in 0..c {
                                sum[n] += x[n];
                                square[n] += x[n] * x[n];
                            }
                        }
                    },
                );
                sums
            })
            .collect();
        let count = (b * h * wd) as f64;
        let total = |n: usize| sums.iter().map(|row| f64::from(row[n])).sum::<f64>() / count;
        let mean: Vec<f32> = (0..c).map(|n| total(n) as f32).collect();
        let variance: Vec<f32> = (0..c).map(|n| (total(c + n) - total(n).powi(2)).max(0.0) as f32).collect();
        let scale: Vec<f32> = (0..c).map(|n| gamma.slice()[n] / (variance[n] + epsilon).sqrt()).collect();
        let shift: Vec<f32> = (0..c).map(|n| beta.slice()[n] - mean[n] * scale[n]).collect();
        let mut y = vec![0.0; b * image];
        y.par_chunks_mut(image).zip(x.slice().par_chunks(image)).for_each(|(y, x)| {
            wide(
                #[inline(always)]
                || {
                    let (scale, shift) = (&scale[..c], &shift[..c]);
                    for (y, x) in y.chunks_exact_mut(c).zip(x.chunks_exact(c)) {
                        for n in 0..c {
                            y[n] = (x[n] * scale[n] + shift[n]).max(floor);
                        }
                    }
                },
            )
        });
        (tensor(y, dims), tensor(mean, [c]), tensor(variance, [c]))
    }

    fn max_pool(x: FloatTensor<Self>, geometry: PoolGeometry) -> FloatTensor<Self> {
        let x = Dense::new(x);
        let [b, h, wd, c] = x.dims::<4>();
        let [oh, ow] = geometry.output;
        let mut y = vec![0.0; b * oh * ow * c];
        y.par_chunks_mut(oh * ow * c).zip(x.slice().par_chunks(h * wd * c)).for_each(|(y, x)| {
            wide(
                #[inline(always)]
                || {
                    let mut tap = vec![0; c];
                    for (p, best) in y.chunks_exact_mut(c).enumerate() {
                        let corner = corner(p / ow, p % ow, &geometry);
                        window_max(x, [h, wd, c], corner, best, &mut tap);
                    }
                },
            )
        });
        tensor(y, [b, oh, ow, c])
    }

    fn windows(x: FloatTensor<Self>, stride: usize) -> FloatTensor<Self> {
        let x = Dense::new(x);
        let [b, h, wd, c] = x.dims::<4>();
        let [oh, ow] = [h, wd].map(|side| (side - 3) / stride + 1);
        let mut rows = vec![0.0; b * oh * ow * 9 * c];
        rows.par_chunks_mut(oh * ow * 9 * c).zip(x.slice().par_chunks(h * wd * c)).for_each(|(rows, x)| {
            for (p, row) in rows.chunks_exact_mut(9 * c).enumerate() {
                let (i, j) = (p / ow * stride, p % ow * stride);
                for (di, row) in row.chunks_exact_mut(3 * c).enumerate() {
                    row.copy_from_slice(&x[((i + di) * wd + j) * c..][..3 * c]);
                }
            }
        });
        tensor(rows, [b * oh * ow, 9 * c])
    }

    fn product(x: FloatTensor<Self>, w: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::float_matmul(x, w)
    }
}

impl TrainGradients for Flex {
    fn depthwise_backward(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (x, w, grad) = (Dense::new(x), Dense::new(w), Dense::new(grad));
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
        let (x, saved, grad) = (Dense::new(x), Dense::new(saved), Dense::new(grad));
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
        geometry: PoolGeometry,
    ) -> FloatTensor<Self> {
        let (x, grad) = (Dense::new(x), Dense::new(grad));
        let dims @ [b, h, wd, c] = x.dims::<4>();
        let [oh, ow] = geometry.output;
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
                            let at @ [top, left] = corner(p / ow, p % ow, &geometry);
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

    fn windows_backward(grad: FloatTensor<Self>, shape: [usize; 4], stride: usize) -> FloatTensor<Self> {
        let grad = Dense::new(grad);
        let [b, h, wd, c] = shape;
        let [oh, ow] = [h, wd].map(|side| (side - 3) / stride + 1);
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
