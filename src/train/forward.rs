//! The network's forward pass for training: the parameters and the function of
//! [`Xception::forward`](crate::model::Xception::forward), on pictures laid out `[B, H, W, C]`.

use burn::nn::BatchNorm;
use burn::tensor::activation::relu;
use burn::tensor::{Tensor, s};

use super::ops::{self, PoolGeometry};
use crate::kernels::Act;
use crate::model::block::Block;
use crate::model::conv_norm::ConvNorm;
use crate::model::separable::SeparableConv;
use crate::model::{Dialect, Xception, XceptionConfig};

/// Logits of a batch, by the batch's own statistics, which also enter the running ones.
///
/// # Shapes
///
/// - `x`: `[B, H, W, 3]`, normalised
/// - output: `[B, classes]`
pub fn logits(model: &Xception, config: &XceptionConfig, mut x: Tensor<4>) -> Tensor<2> {
    for (conv, stride) in model.stem.iter().zip([2, 1]) {
        x = valid(conv, x, stride);
    }
    for (i, block) in model.entry.iter().chain(&model.middle).chain([&model.exit]).enumerate() {
        let lead = if i == 0 { Act::None } else { Act::Relu };
        x = residual(block, x, lead, config.dialect);
    }
    for unit in &model.tail {
        x = separable(unit, x, Act::Relu);
    }
    let [b, h, w, c] = x.dims();
    let pooled = x.reshape([b, h * w, c]).mean_dim(1).reshape([b, c]);
    model.head.forward(pooled)
}

/// Plain 3×3 convolution without padding, batch norm, ReLU.
fn valid(conv: &ConvNorm, x: Tensor<4>, stride: usize) -> Tensor<4> {
    let [b, h, w, c] = x.dims();
    let [h, w] = [h, w].map(|side| (side - 3) / stride + 1);
    let kernel = conv.conv.weight.val();
    let to = kernel.dims()[0];
    let kernel = kernel.permute([2, 3, 1, 0]).reshape([9 * c, to]);
    let y = ops::product(ops::windows(x, stride), kernel).reshape([b, h, w, to]);
    normalised(conv, y, Act::Relu)
}

fn residual(block: &Block, x: Tensor<4>, lead: Act, dialect: Dialect) -> Tensor<4> {
    let mut y = match lead {
        Act::Relu => relu(x.clone()),
        Act::None => x.clone(),
    };
    let last = block.units.len() - 1;
    for (i, unit) in block.units.iter().enumerate() {
        y = separable(unit, y, if i < last { Act::Relu } else { Act::None });
    }
    match &block.shortcut {
        Some(shortcut) => {
            let bridge = pointwise(shortcut, x.slice(s![.., ..;2, ..;2, ..]), Act::None);
            pool(y, dialect) + bridge
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

/// The 3×3 max-pool with stride 2, padded as `dialect` has it.
pub(super) fn pool(x: Tensor<4>, dialect: Dialect) -> Tensor<4> {
    let [_, h, w, _] = x.dims();
    let output = [h.div_ceil(2), w.div_ceil(2)];
    let before = match dialect {
        Dialect::Timm => [1, 1],
        // TensorFlow's SAME: an even side is padded at its end only.
        Dialect::Keras => [h % 2, w % 2],
    };
    ops::max_pool(x, PoolGeometry { output, before })
}

fn normalised(conv: &ConvNorm, x: Tensor<4>, act: Act) -> Tensor<4> {
    let Some(norm) = &conv.norm else {
        return x;
    };
    let (y, mean, variance) = ops::batch_norm(x, [norm.gamma.val(), norm.beta.val()], norm.epsilon, act);
    remember(norm, mean, variance);
    y
}

/// Moves the running statistics towards a batch's, as [`BatchNorm`] does.
pub(super) fn remember(norm: &BatchNorm, mean: Tensor<1>, variance: Tensor<1>) {
    for (running, batch) in [(&norm.running_mean, mean), (&norm.running_var, variance)] {
        let before = running.value_sync().to_device(&batch.device());
        let next = before.mul_scalar(1.0 - norm.momentum) + batch.detach().mul_scalar(norm.momentum);
        running.update(next.detach());
    }
}

#[cfg(test)]
mod tests {
    use burn::module::Module;
    use burn::tensor::activation::log_softmax;
    use burn::tensor::{Device, Distribution, Tolerance};

    use super::*;

    /// Odd, unequal sides; channels that are no multiple of a vector's width.
    fn network(dialect: Dialect) -> XceptionConfig {
        XceptionConfig {
            architecture: "test".into(),
            dialect,
            classes: 5,
            stem: [5, 7],
            entry: vec![vec![9, 11], vec![13, 10]],
            middle_blocks: 1,
            middle_units: 2,
            exit: vec![10, 14],
            tail: vec![17],
            aligned: None,
        }
    }

    #[test]
    fn values_and_gradients_are_those_of_the_plain_network() {
        for dialect in [Dialect::Keras, Dialect::Timm] {
            let device = Device::flex().autodiff();
            device.seed(3);
            let config = network(dialect);
            let (plain, fast) = (config.init(&device), config.init(&device));
            let fast = fast.load_record(plain.clone().into_record());
            let x = Tensor::<4>::random([3, 3, 45, 38], Distribution::Normal(0.0, 1.0), &device);
            let loss = |logits: Tensor<2>| log_softmax(logits, 1).slice(s![.., 1..3]).sum();

            let expected = plain.forward(x.clone());
            let found = logits(&fast, &config, x.permute([0, 2, 3, 1]));
            let near = Tolerance::<f32>::rel_abs(1e-3, 1e-4);
            found.to_data().assert_approx_eq(&expected.to_data(), near);

            let (expected, found) = (loss(expected).backward(), loss(found).backward());
            let kernels = |model: &Xception| {
                [
                    model.stem[0].conv.weight.val(),
                    model.stem[1].conv.weight.val(),
                    model.entry[0].units[0].depthwise.conv.weight.val(),
                    model.entry[1].units[1].pointwise.conv.weight.val(),
                ]
            };
            for (plain, fast) in kernels(&plain).iter().zip(kernels(&fast)) {
                let expected = plain.grad(&expected).expect("a gradient").into_data();
                let found = fast.grad(&found).expect("a gradient").into_data();
                found.assert_approx_eq(&expected, near);
            }
            let running = |model: &Xception| {
                let norm = model.entry[0].units[0].pointwise.norm.clone().expect("a batch norm");
                norm.running_var.value_sync().into_data()
            };
            running(&fast).assert_approx_eq(&running(&plain), near);
        }
    }
}
