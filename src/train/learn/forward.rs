//! The network's forward pass by the operations of [`crate::learn::ops`], which have gradients of their own; Burn's autodiff
//! puts them together. A GPU trains by it. On the CPU it is what the engine, [`crate::learn::engine`], is measured against.

use burn::tensor::activation::relu;
use burn::tensor::{Tensor, s};

use crate::learn::ops;
use crate::learn::statistics::remember;
use xception_kernels::Act;
use xception_web::model::block::Block;
use xception_web::model::conv_norm::ConvNorm;
use xception_web::model::separable::SeparableConv;
use xception_web::model::{Dialect, Xception, XceptionConfig};

/// Logits of a batch, by the batch's own statistics, which also enter the running ones.
///
/// # Shapes
///
/// - `x`: `[B, H, W, 3]`, normalised
/// - output: `[B, classes]`
pub fn logits(model: &Xception, config: &XceptionConfig, mut x: Tensor<4>) -> Tensor<2> {
    for conv in &model.stem {
        x = valid(conv, x);
    }
    for block in model.blocks() {
        x = around(block, x, config.dialect);
    }
    for unit in &model.tail {
        x = separable(unit, x, Act::Relu);
    }
    let [b, h, w, c] = x.dims();
    let pooled = x.reshape([b, h * w, c]).mean_dim(1).reshape([b, c]);
    model.head.forward(pooled)
}

/// Plain 3×3 convolution without padding, batch norm, ReLU.
fn valid(conv: &ConvNorm, x: Tensor<4>) -> Tensor<4> {
    let [stride, _] = conv.conv.stride;
    let [b, _, _, c] = x.dims();
    let (rows, [h, w]) = ops::windows(x, stride);
    let kernel = conv.conv.weight.val();
    let to = kernel.dims()[0];
    let kernel = kernel.permute([2, 3, 1, 0]).reshape([9 * c, to]);
    let y = ops::product(rows, kernel).reshape([b, h, w, to]);
    normalised(conv, y, Act::Relu)
}

/// A block's separable convolutions, and what leads around them.
fn around(block: &Block, x: Tensor<4>, dialect: Dialect) -> Tensor<4> {
    let mut y = if block.leading_relu { relu(x.clone()) } else { x.clone() };
    let last = block.units.len() - 1;
    for (i, unit) in block.units.iter().enumerate() {
        y = separable(unit, y, if i < last { Act::Relu } else { Act::None });
    }
    match &block.shortcut {
        Some(shortcut) => {
            let bridge = pointwise(shortcut, x.slice(s![.., ..;2, ..;2, ..]), Act::None);
            ops::max_pool(y, dialect) + bridge
        }
        None => y + x,
    }
}

fn separable(unit: &SeparableConv, x: Tensor<4>, act: Act) -> Tensor<4> {
    let kernel = unit.depthwise.conv.weight.val();
    let c = kernel.dims()[0];
    let y = ops::depthwise(x, kernel.permute([2, 3, 1, 0]).reshape([9, c]));
    pointwise(&unit.pointwise, y, act)
}

fn pointwise(conv: &ConvNorm, x: Tensor<4>, act: Act) -> Tensor<4> {
    let [b, h, w, c] = x.dims();
    let kernel = conv.conv.weight.val();
    let to = kernel.dims()[0];
    let kernel = kernel.reshape([to, c]).transpose();
    let y = ops::product(x.reshape([b * h * w, c]), kernel).reshape([b, h, w, to]);
    normalised(conv, y, act)
}

fn normalised(conv: &ConvNorm, x: Tensor<4>, act: Act) -> Tensor<4> {
    let Some(norm) = &conv.norm else {
        return x;
    };
    let (y, mean, variance) = ops::batch_norm(x, [norm.gamma.val(), norm.beta.val()], norm.epsilon, act);
    remember(norm, mean, variance);
    y
}
