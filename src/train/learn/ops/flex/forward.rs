//! The values.

use burn::backend::flex::FlexTensor;
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::TensorData;
use rayon::prelude::*;

use super::super::{AdamWStep, TrainOps};
use super::{corner, depthwise, tensor, window_max};
use xception_kernels::{Windows, wide};
use xception_web::inside::Dense;

/// Numbers of a parameter that a thread takes at once.
const PIECE: usize = 1 << 14;

impl TrainOps for Flex {
    fn depthwise(x: FloatTensor<Self>, w: FloatTensor<Self>) -> FloatTensor<Self> {
        let (x, w) = (Dense::of(x), Dense::of(w));
        let dims = x.dims::<4>();
        tensor(depthwise(x.slice(), w.slice(), dims), dims)
    }

    fn batch_norm_act(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
        floor: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (x, gamma, beta) = (Dense::of(x), Dense::of(gamma), Dense::of(beta));
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
        let saved = [&mean[..], &variance, gamma.slice(), beta.slice()].concat();
        (tensor(y, dims), tensor(saved, [4, c]))
    }

    fn max_pool(x: FloatTensor<Self>, windows: Windows) -> FloatTensor<Self> {
        let x = Dense::of(x);
        let [b, h, wd, c] = x.dims::<4>();
        let [oh, ow] = windows.output;
        let mut y = vec![0.0; b * oh * ow * c];
        y.par_chunks_mut(oh * ow * c).zip(x.slice().par_chunks(h * wd * c)).for_each(|(y, x)| {
            wide(
                #[inline(always)]
                || {
                    let mut tap = vec![0; c];
                    for (p, best) in y.chunks_exact_mut(c).enumerate() {
                        let corner = corner(p / ow, p % ow, windows);
                        window_max(x, [h, wd, c], corner, best, &mut tap);
                    }
                },
            )
        });
        tensor(y, [b, oh, ow, c])
    }

    fn windows(x: FloatTensor<Self>, windows: Windows) -> FloatTensor<Self> {
        let x = Dense::of(x);
        let [b, h, wd, c] = x.dims::<4>();
        let Windows { stride, output: [oh, ow], .. } = windows;
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

    fn adamw(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        step: AdamWStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let shape = parameter.shape();
        let gradient = Dense::of(gradient);
        let [mut parameter, mut first, mut second] =
            [parameter, first, second].map(|tensor| Dense::of(tensor).slice().to_vec());
        let numbers = parameter.par_chunks_mut(PIECE).zip(first.par_chunks_mut(PIECE));
        let numbers = numbers.zip(second.par_chunks_mut(PIECE)).zip(gradient.slice().par_chunks(PIECE));
        numbers.for_each(|(((parameter, first), second), gradient)| {
            wide(
                #[inline(always)]
                || {
                    let ([b, c], numbers) = (step.betas, parameter.iter_mut().zip(gradient));
                    for (((p, &g), m), v) in numbers.zip(first).zip(second) {
                        *m = b * *m + (1.0 - b) * g;
                        *v = c * *v + (1.0 - c) * g * g;
                        *p = step.keep * *p - step.rate * *m / ((*v * step.scale).sqrt() + step.epsilon);
                    }
                },
            )
        });
        let of = |values| FlexTensor::from_data(TensorData::new(values, shape.clone()));
        (of(parameter), of(first), of(second))
    }
}
