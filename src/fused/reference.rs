//! The fused operations in plain tensor operations: slow, short, and right by construction.

use burn::backend::Backend;
use burn::backend::TensorMetadata;
use burn::backend::ops::ConvOptions;
use burn::backend::tensor::FloatTensor;
use burn::tensor::{FloatDType, Shape, Slice};

use super::input::{ConvInput, Geometry, ResidualInput, RowsInput, WeightsInput};
use crate::kernels::{Act, PANEL, STEP};
use crate::model::Window;

pub(super) fn conv<B: Backend>(input: ConvInput<B>) -> FloatTensor<B> {
    let ConvInput { x, rows, weights, bias, residual, geometry } = input;
    let Geometry { window: Window { stride, padding, .. }, lead, act } = geometry;
    let channels = x.shape()[1];
    let outputs = bias.shape()[0];
    let options = |stride: usize, padding: usize, groups: usize| {
        ConvOptions::new([stride; 2], [padding; 2], [1, 1], groups)
    };
    let x = activate::<B>(x, lead);
    let y = match rows {
        RowsInput::Points => {
            let kernel =
                B::float_reshape(unpack::<B>(weights, outputs, channels), [outputs, channels, 1, 1].into());
            B::conv2d(x, kernel, Some(bias), options(stride, 0, 1))
        }
        RowsInput::Windows => {
            let kernel = unpack::<B>(weights, outputs, 9 * channels);
            let kernel = B::float_reshape(kernel, [outputs, 3, 3, channels].into());
            let kernel = B::float_permute(kernel, &[0, 3, 1, 2]);
            B::conv2d(x, kernel, Some(bias), options(stride, padding, 1))
        }
        RowsInput::Depthwise { kernel, bias: first, between } => {
            let kernel = B::float_reshape(B::float_transpose(kernel), [channels, 1, 3, 3].into());
            let y = B::conv2d(x, kernel, Some(first), options(stride, padding, channels));
            let kernel =
                B::float_reshape(unpack::<B>(weights, outputs, channels), [outputs, channels, 1, 1].into());
            B::conv2d(activate::<B>(y, between), kernel, Some(bias), options(1, 0, 1))
        }
    };
    let y = match residual {
        ResidualInput::None => y,
        ResidualInput::Sum { values } => B::float_add(y, values),
        ResidualInput::Scaled { values, scale } => {
            B::float_add(y, B::float_mul(values, B::float_reshape(scale, [1, outputs, 1, 1].into())))
        }
    };
    activate::<B>(y, act)
}

fn activate<B: Backend>(x: FloatTensor<B>, act: Act) -> FloatTensor<B> {
    match act {
        Act::None => x,
        Act::Relu => B::relu(x),
    }
}

/// `[outputs, depth]` from panels.
fn unpack<B: Backend>(weights: WeightsInput<B>, outputs: usize, depth: usize) -> FloatTensor<B> {
    let panels = outputs.div_ceil(PANEL);
    let cut =
        |kernel: FloatTensor<B>| B::float_slice(kernel, &[Slice::from(0..outputs), Slice::from(0..depth)]);
    match weights {
        WeightsInput::F32 { values } => {
            let values = B::float_reshape(values, Shape::from([panels, depth, PANEL]));
            let rows = B::float_permute(values, &[0, 2, 1]);
            cut(B::float_reshape(rows, [panels * PANEL, depth].into()))
        }
        WeightsInput::Q8 { values, scales, .. } => {
            let whole = depth.next_multiple_of(STEP);
            let values = B::int_into_float(values, FloatDType::F32);
            let values = B::float_reshape(values, Shape::from([panels, whole / 4, PANEL, 4]));
            let rows = B::float_permute(values, &[0, 2, 1, 3]);
            let kernel = cut(B::float_reshape(rows, [panels * PANEL, whole].into()));
            B::float_mul(kernel, B::float_reshape(scales, [outputs, 1].into()))
        }
    }
}

pub(super) fn pool_sum<B: Backend>(
    x: FloatTensor<B>,
    bridge: FloatTensor<B>,
    before: [usize; 2],
) -> FloatTensor<B> {
    let [_, _, h, w] = x.shape().dims();
    let [_, _, out_h, out_w] = bridge.shape().dims();
    // Windows start at −before; what the last one lacks is added at the end. Minus infinity never wins.
    let pad = |x: FloatTensor<B>, dim: usize, size: usize, before: usize, output: usize| {
        let after = (2 * output + 1).saturating_sub(before + size);
        let edge = |count: usize| {
            let mut shape = x.shape();
            shape[dim] = count;
            B::float_full(shape, f32::NEG_INFINITY.into(), &x.device(), FloatDType::F32)
        };
        let parts = [(before > 0).then(|| edge(before)), (after > 0).then(|| edge(after))];
        let [first, last] = parts;
        B::float_cat(first.into_iter().chain([x]).chain(last).collect(), dim)
    };
    let x = pad(x, 2, h, before[0], out_h);
    let x = pad(x, 3, w, before[1], out_w);
    B::float_add(B::max_pool2d(x, [3, 3], [2, 2], [0, 0], [1, 1], false), bridge)
}

pub(super) fn mean_pixels<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    let [b, c, h, w] = x.shape().dims();
    let sums = B::float_sum_dim(B::float_reshape(x, [b, c, h * w].into()), 2);
    B::float_div_scalar(B::float_reshape(sums, [b, c, 1, 1].into()), ((h * w) as f32).into())
}
