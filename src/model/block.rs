//! A residual block: separable convolutions, perhaps a pool, and the bridge around them.

use burn::module::Module;
use burn::nn::PaddingConfig2d;
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use super::conv_norm::{ConvNorm, ConvNormConfig};
use super::separable::SeparableConv;

/// What comes before a block's first separable convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lead {
    /// ReLU, as everywhere in the network.
    Relu,
    /// Nothing: the stem has just applied it (first block only).
    Bare,
}

/// What a downsampling [`Block`] ends in.
#[derive(Clone, Debug)]
pub struct Down {
    /// Padding of the 3×3 max-pool with stride 2.
    pub pool_padding: PaddingConfig2d,
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
    /// Halve H and W, with a projected residual; `None` keeps them, with the identity.
    pub down: Option<Down>,
    /// Batch-norm epsilon.
    pub epsilon: f64,
}

impl BlockConfig {
    /// Fresh weights on `device`.
    pub fn init(&self, device: &Device) -> Block {
        let mut from = self.input;
        let units = self
            .widths
            .iter()
            .map(|&to| SeparableConv::new([std::mem::replace(&mut from, to), to], self.epsilon, device))
            .collect();
        let shortcut = self
            .down
            .as_ref()
            .map(|_| ConvNormConfig::pointwise([self.input, from], 2, self.epsilon).init(device));
        let pool = self.down.as_ref().map(|down| {
            MaxPool2dConfig::new([3, 3]).with_strides([2, 2]).with_padding(down.pool_padding.clone()).init()
        });
        Block { units, shortcut, pool, leading_relu: self.lead == Lead::Relu }
    }
}

/// ReLU and separable convolution, repeated; then the pool; then the sum with the bridge.
#[derive(Module, Debug)]
pub struct Block {
    /// The separable convolutions.
    pub units: Vec<SeparableConv>,
    /// Strided 1×1 convolution on the bridge; `None` is the identity.
    pub shortcut: Option<ConvNorm>,
    pub(super) pool: Option<MaxPool2d>,
    /// ReLU before the first of them.
    pub leading_relu: bool,
}

impl Block {
    /// The bridge takes the input before the leading ReLU; nothing follows the sum.
    ///
    /// # Shapes
    ///
    /// - input: `[B, C, H, W]`
    /// - output: `[B, C', ceil(H / 2), ceil(W / 2)]` with a pool, `[B, C, H, W]` without
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
        y + bridge
    }
}
