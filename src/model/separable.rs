//! The depthwise separable convolution, the paper's one idea.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::conv_norm::{ConvNorm, ConvNormConfig};

/// A 3×3 convolution per channel, then a 1×1 convolution over channels, nothing in between;
/// batch norm after the pair.
#[derive(Module, Debug)]
pub struct SeparableConv {
    /// `[C, 1, 3, 3]`, stride 1, H and W kept.
    pub depthwise: ConvNorm,
    /// `[C', C, 1, 1]` with the pair's batch norm.
    pub pointwise: ConvNorm,
}

impl SeparableConv {
    /// Fresh weights for `channels[0]` to `channels[1]` channels.
    pub fn new(channels: [usize; 2], epsilon: f64, device: &Device) -> Self {
        Self {
            depthwise: ConvNormConfig::depthwise(channels[0]).init(device),
            pointwise: ConvNormConfig::pointwise(channels, 1, epsilon).init(device),
        }
    }

    /// # Shapes
    ///
    /// - input: `[B, C, H, W]`
    /// - output: `[B, C', H, W]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.pointwise.forward(self.depthwise.forward(x))
    }
}
