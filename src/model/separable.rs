//! The depthwise separable convolution, the paper's one idea.

use burn::module::Module;
use burn::nn::PaddingConfig2d;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use super::conv_norm::{ConvNorm, ConvNormConfig};

/// What a [`SeparableConv`] is made of.
#[derive(Clone, Debug)]
pub struct SeparableConvConfig {
    /// Input and output channels.
    pub channels: [usize; 2],
    /// Stride of the depthwise convolution.
    pub stride: usize,
    /// Epsilon of the batch norm between the two, which the paper has not.
    pub between: Option<f64>,
    /// Epsilon of the batch norm after the pair.
    pub after: Option<f64>,
}

impl SeparableConvConfig {
    /// Fresh weights on `device`.
    pub fn init(&self, device: &Device) -> SeparableConv {
        let [from, _] = self.channels;
        SeparableConv {
            depthwise: ConvNormConfig {
                channels: [from; 2],
                kernel: 3,
                stride: self.stride,
                groups: from,
                padding: PaddingConfig2d::Explicit(1, 1, 1, 1),
                epsilon: self.between,
            }
            .init(device),
            pointwise: ConvNormConfig::pointwise(self.channels, 1, self.after).init(device),
            relu_between: false,
        }
    }
}

/// A 3×3 convolution per channel, then a 1×1 convolution over channels, with nothing in between in the
/// paper; batch norm after the pair.
#[derive(Module, Debug)]
pub struct SeparableConv {
    /// `[C, 1, 3, 3]`; in the paper stride 1, H and W kept, no batch norm.
    pub depthwise: ConvNorm,
    /// `[C', C, 1, 1]` with the pair's batch norm.
    pub pointwise: ConvNorm,
    /// ReLU between the two: only in the tail of an aligned network.
    pub relu_between: bool,
}

impl SeparableConv {
    /// # Shapes
    ///
    /// - input: `[B, C, H, W]`
    /// - output: `[B, C', ceil(H / stride), ceil(W / stride)]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let mut x = self.depthwise.forward(x);
        if self.relu_between {
            x = relu(x);
        }
        self.pointwise.forward(x)
    }
}
