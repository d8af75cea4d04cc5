//! A block: separable convolutions, perhaps a pool, and the bridge around them.

use burn::module::Module;
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use super::config::Dialect;
use super::conv_norm::{ConvNorm, ConvNormConfig};
use super::separable::{SeparableConv, SeparableConvConfig};

/// What comes before a block's first separable convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lead {
    /// ReLU, as everywhere in the network.
    Relu,
    /// Nothing: it has just been applied (after the stem, and in pre-activation networks).
    Bare,
}

/// The bridge around a [`Block`].
#[derive(Clone, Debug)]
pub enum Bridge {
    /// The input itself; H and W are kept.
    Identity,
    /// Strided 1×1 convolution, beside separable convolutions that end in a 3×3 max-pool, padded as this dialect does.
    Pooled(Dialect),
    /// 1×1 convolution of this stride, beside separable convolutions of which the last has it too.
    Strided(usize),
}

/// Which batch norms a [`Block`] has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Norms {
    /// After each pair, and on the bridge.
    Pairs,
    /// After each convolution.
    All,
    /// After each pair but the last, and with ReLU on the sum.
    Sum,
}

/// What a [`Block`] is made of.
#[derive(Clone, Debug)]
pub struct BlockConfig {
    /// Channels of the input.
    pub input: usize,
    /// Output channels of each separable convolution.
    pub widths: Vec<usize>,
    /// What comes before the first one.
    pub lead: Lead,
    /// What leads around them.
    pub bridge: Bridge,
    /// Where batch norms are.
    pub norms: Norms,
    /// Their epsilon.
    pub epsilon: f64,
}

impl BlockConfig {
    /// Channels of the output.
    pub fn output(&self) -> usize {
        self.widths.last().copied().unwrap_or(self.input)
    }

    /// The separable convolutions alone.
    pub fn units(&self) -> Vec<SeparableConvConfig> {
        let mut from = self.input;
        let last = self.widths.len().saturating_sub(1);
        let unit = |(at, &to): (usize, &usize)| SeparableConvConfig {
            channels: [std::mem::replace(&mut from, to), to],
            stride: match self.bridge {
                Bridge::Strided(stride) if at == last => stride,
                _ => 1,
            },
            between: (self.norms == Norms::All).then_some(self.epsilon),
            after: (self.norms != Norms::Sum || at < last).then_some(self.epsilon),
            relu_between: false,
        };
        self.widths.iter().enumerate().map(unit).collect()
    }

    /// The 1×1 convolution on the bridge, unless that is the identity.
    pub fn shortcut(&self) -> Option<ConvNormConfig> {
        let stride = match self.bridge {
            Bridge::Identity => return None,
            Bridge::Pooled(_) => 2,
            Bridge::Strided(stride) => stride,
        };
        let epsilon = (self.norms != Norms::Sum).then_some(self.epsilon);
        Some(ConvNormConfig::pointwise([self.input, self.output()], stride, epsilon))
    }

    /// Whether the separable convolutions end in a max-pool.
    pub fn is_pooled(&self) -> bool {
        matches!(self.bridge, Bridge::Pooled(_))
    }

    /// Epsilon of the batch norm on the sum, which ReLU follows; in pre-activation networks only.
    pub fn norm(&self) -> Option<f64> {
        (self.norms == Norms::Sum).then_some(self.epsilon)
    }

    /// Fresh weights on `device`.
    pub fn init(&self, device: &Device) -> Block {
        let pool = match &self.bridge {
            Bridge::Pooled(dialect) => {
                let pool = MaxPool2dConfig::new([3, 3]).with_strides([2, 2]);
                Some(pool.with_padding(dialect.pool_padding()).init())
            }
            _ => None,
        };
        let norm = |epsilon| BatchNormConfig::new(self.output()).with_epsilon(epsilon).init(device);
        Block {
            units: self.units().iter().map(|unit| unit.init(device)).collect(),
            shortcut: self.shortcut().map(|shortcut| shortcut.init(device)),
            norm: self.norm().map(norm),
            pool,
            leading_relu: self.lead == Lead::Relu,
        }
    }
}

/// ReLU and separable convolution, repeated; then the pool; then the sum with the bridge.
#[derive(Module, Debug)]
pub struct Block {
    /// The separable convolutions.
    pub units: Vec<SeparableConv>,
    /// 1×1 convolution on the bridge; `None` is the identity.
    pub shortcut: Option<ConvNorm>,
    /// On the sum, in pre-activation networks only; ReLU follows it.
    pub norm: Option<BatchNorm>,
    /// 3×3 with stride 2, in the paper's blocks that halve H and W.
    pub pool: Option<MaxPool2d>,
    /// ReLU before the first of them.
    pub leading_relu: bool,
}

impl Block {
    /// The bridge takes the input before the leading ReLU; in the paper nothing follows the sum.
    ///
    /// # Shapes
    ///
    /// - input: `[B, C, H, W]`
    /// - output: `[B, C', ceil(H / stride), ceil(W / stride)]`, where a pool counts as a stride of 2
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let mut y = x.clone();
        for (i, unit) in self.units.iter().enumerate() {
            if i > 0 || self.leading_relu {
                y = relu(y);
            }
            y = unit.forward(y);
        }
        if let Some(pool) = &self.pool {
            y = pool.forward(y);
        }
        let bridge = match &self.shortcut {
            Some(shortcut) => shortcut.forward(x),
            None => x,
        };
        let sum = y + bridge;
        match &self.norm {
            Some(norm) => relu(norm.forward(sum)),
            None => sum,
        }
    }
}
