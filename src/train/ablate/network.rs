//! The small network of the comparison: a stem, an entry block, a middle flow and a tail, like
//! Xception's, with the variant's own convolutions. Pictures lie as `[B, H, W, C]`, as everywhere in
//! training, and kernels as matrices `[inputs, outputs]`.

use burn::module::{Module, Param};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::tensor::activation::{elu, relu};
use burn::tensor::ops::PadMode;
use burn::tensor::{Device, Tensor, s};

use super::variant::{Between, Kind, Variant};
use super::widths::{MIDDLE_BLOCKS, MIDDLE_UNITS, TOWERS, Widths, tower};
use crate::learn::init::seeded;
use crate::learn::ops;
use crate::learn::statistics::remember;
use xception_kernels::Act;
use xception_web::model::Dialect;

/// As in PyTorch, and in Xception as timm has it.
const EPSILON: f64 = 1e-5;

/// A matrix product over channels, or over windows, and its batch norm.
#[derive(Module, Debug)]
pub struct ProductNorm {
    weight: Param<Tensor<2>>,
    norm: BatchNorm,
}

impl ProductNorm {
    fn new(inputs: usize, outputs: usize, device: &Device) -> Self {
        Self { weight: matrix(inputs, outputs, device), norm: norm(outputs, device) }
    }

    /// Rows `[B·H·W, inputs]` to `[B, H, W, outputs]`.
    fn forward(&self, rows: Tensor<2>, [b, h, w]: [usize; 3], act: Act, training: bool) -> Tensor<4> {
        let outputs = self.weight.dims()[1];
        let y = ops::product(rows, self.weight.val()).reshape([b, h, w, outputs]);
        normalised(&self.norm, y, act, training)
    }
}

/// The paper's separable convolution.
#[derive(Module, Debug)]
pub struct Separable {
    depthwise: Param<Tensor<2>>,
    pointwise: ProductNorm,
}

/// A 1×1 convolution, and 3×3 towers over its channels.
#[derive(Module, Debug)]
pub struct Inception {
    first: ProductNorm,
    towers: Vec<Param<Tensor<2>>>,
    norm: BatchNorm,
}

/// What a variant has in place of a separable convolution; batch norm follows.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "there are fifteen of them")]
pub enum Unit {
    /// [`Kind::Separable`].
    Separable(Separable),
    /// [`Kind::Plain`].
    Plain(ProductNorm),
    /// [`Kind::Inception`].
    Inception(Inception),
}

impl Unit {
    fn new(kind: Kind, from: usize, to: usize, device: &Device) -> Self {
        match kind {
            Kind::Separable(_) => Self::Separable(Separable {
                depthwise: matrix(9, from, device),
                pointwise: ProductNorm::new(from, to, device),
            }),
            Kind::Plain => Self::Plain(ProductNorm::new(9 * from, to, device)),
            Kind::Inception => {
                let side = |t| tower(to, t).len();
                Self::Inception(Inception {
                    first: ProductNorm::new(from, to, device),
                    towers: (0..TOWERS).map(|t| matrix(9 * side(t), side(t), device)).collect(),
                    norm: norm(to, device),
                })
            }
        }
    }

    fn forward(&self, x: Tensor<4>, between: Between, act: Act, training: bool) -> Tensor<4> {
        let [b, h, w, c] = x.dims();
        let size = [b, h, w];
        match self {
            Self::Separable(unit) => {
                let y = ops::depthwise(x, unit.depthwise.val());
                let y = match between {
                    Between::Nothing => y,
                    Between::Relu => relu(y),
                    Between::Elu => elu(y, 1.0),
                };
                unit.pointwise.forward(y.reshape([b * h * w, c]), size, act, training)
            }
            Self::Plain(conv) => conv.forward(windows(x), size, act, training),
            Self::Inception(unit) => {
                let y = unit.first.forward(x.reshape([b * h * w, c]), size, Act::Relu, training);
                let channels = y.dims()[3];
                let parts = unit.towers.iter().enumerate().map(|(t, weight)| {
                    let share = tower(channels, t);
                    let outputs = share.len();
                    let part = y.clone().slice(s![.., .., .., share]);
                    ops::product(windows(part), weight.val()).reshape([b, h, w, outputs])
                });
                normalised(&unit.norm, Tensor::cat(parts.collect(), 3), act, training)
            }
        }
    }
}

/// All 3×3 windows of `x` with a border of zeros.
fn windows(x: Tensor<4>) -> Tensor<2> {
    ops::windows(x.pad([(0, 0), (1, 1), (1, 1), (0, 0)], PadMode::Constant(0.0)), 1).0
}

/// The whole network.
#[derive(Module, Debug)]
pub struct Network {
    stem: ProductNorm,
    entry: Vec<Unit>,
    shortcut: Option<ProductNorm>,
    middle: Vec<Unit>,
    tail: Unit,
    head: Linear,
}

impl Network {
    /// Fresh weights by `seed`, on `device`.
    pub fn new(variant: &Variant, widths: &Widths, classes: usize, seed: u64, device: &Device) -> Self {
        let unit = |from, to| Unit::new(variant.kind, from, to, device);
        let Widths { stem, entry, middle, tail } = *widths;
        let network = Self {
            stem: ProductNorm::new(27, stem, device),
            entry: vec![unit(stem, entry), unit(entry, middle)],
            shortcut: variant.residual.then(|| ProductNorm::new(stem, middle, device)),
            middle: (0..MIDDLE_BLOCKS * MIDDLE_UNITS).map(|_| unit(middle, middle)).collect(),
            tail: unit(middle, tail),
            head: LinearConfig::new(tail, classes).init(device),
        };
        seeded(network, seed)
    }

    /// Where it lives.
    pub fn device(&self) -> Device {
        self.head.weight.val().device()
    }

    /// # Shapes
    ///
    /// - `x`: `[B, H, W, 3]`
    /// - output: logits `[B, classes]`
    pub fn logits(&self, variant: &Variant, x: Tensor<4>, training: bool) -> Tensor<2> {
        let between = match variant.kind {
            Kind::Separable(between) => between,
            Kind::Plain | Kind::Inception => Between::Nothing,
        };
        let chain = |units: &[Unit], mut y: Tensor<4>| {
            for (i, unit) in units.iter().enumerate() {
                let act = if i + 1 < units.len() { Act::Relu } else { Act::None };
                y = unit.forward(y, between, act, training);
            }
            y
        };
        let [b, ..] = x.dims();
        let (rows, [h, w]) = ops::windows(x, 2);
        let x = self.stem.forward(rows, [b, h, w], Act::Relu, training);

        let mut y = ops::max_pool(chain(&self.entry, x.clone()), Dialect::Timm);
        if let Some(shortcut) = &self.shortcut {
            let x = x.slice(s![.., ..;2, ..;2, ..]);
            let [b, h, w, c] = x.dims();
            y = y + shortcut.forward(x.reshape([b * h * w, c]), [b, h, w], Act::None, training);
        }
        for units in self.middle.chunks(MIDDLE_UNITS) {
            let z = chain(units, relu(y.clone()));
            y = if variant.residual { y + z } else { z };
        }
        let y = self.tail.forward(relu(y), between, Act::Relu, training);
        let [b, h, w, c] = y.dims();
        self.head.forward(y.reshape([b, h * w, c]).mean_dim(1).reshape([b, c]))
    }
}

fn matrix(inputs: usize, outputs: usize, device: &Device) -> Param<Tensor<2>> {
    Param::from_tensor(Tensor::zeros([inputs, outputs], device))
}

fn norm(channels: usize, device: &Device) -> BatchNorm {
    BatchNormConfig::new(channels).with_epsilon(EPSILON).init(device)
}

fn normalised(norm: &BatchNorm, x: Tensor<4>, act: Act, training: bool) -> Tensor<4> {
    if training {
        let (y, mean, variance) = ops::batch_norm(x, [norm.gamma.val(), norm.beta.val()], norm.epsilon, act);
        remember(norm, mean, variance);
        return y;
    }
    let scale = norm.gamma.val() / (norm.running_var.value().add_scalar(norm.epsilon)).sqrt();
    let shift = norm.beta.val() - norm.running_mean.value() * scale.clone();
    let y = x * scale.reshape([1, 1, 1, -1]) + shift.reshape([1, 1, 1, -1]);
    if act == Act::Relu { relu(y) } else { y }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Distribution, Tolerance};

    use super::super::variant::VARIANTS;
    use super::*;

    #[test]
    fn the_counted_parameters_are_there() {
        let device = Device::flex().autodiff();
        for variant in &VARIANTS {
            let widths = Widths::of(variant, 5);
            let [weights, normed] = widths.count(variant, 5);
            // Two running statistics per channel are numbers of the network, too.
            let network = Network::new(variant, &widths, 5, 1, &device);
            assert_eq!(network.num_params(), weights + 4 * normed, "{}", variant.name);
        }
    }

    #[test]
    fn towers_are_one_plain_convolution_with_gaps() {
        let device = Device::flex().autodiff();
        device.seed(4);
        let unit = Unit::new(Kind::Inception, 5, 7, &device);
        let Unit::Inception(inner) = seeded(unit, 3) else { panic!("asked for Inception") };
        let x = Tensor::<4>::random([2, 4, 6, 5], Distribution::Normal(0.0, 1.0), &device);
        let first = inner.first.forward(x.clone().reshape([48, 5]), [2, 4, 6], Act::Relu, true);
        let mut kernel = Tensor::<3>::zeros([9, 7, 7], &device);
        for (t, weight) in inner.towers.iter().enumerate() {
            let share = tower(7, t);
            let values = weight.val().reshape([9, share.len(), share.len()]);
            kernel = kernel.slice_assign(s![.., share.clone(), share], values);
        }
        let dense = windows(first).matmul(kernel.reshape([63, 7])).reshape([2, 4, 6, 7]);
        let expected = normalised(&inner.norm, dense, Act::None, true);
        let found = Unit::Inception(inner).forward(x, Between::Nothing, Act::None, true);
        found.to_data().assert_approx_eq(&expected.to_data(), Tolerance::<f32>::rel_abs(1e-4, 1e-5));
    }
}
