//! The depthwise separable convolution, the paper's one idea.

use burn::module::Module;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use super::conv_norm::{ConvNorm, ConvNormConfig};
use super::window::Window;

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
    /// ReLU between the two.
    pub relu_between: bool,
}

impl SeparableConvConfig {
    /// The 3×3 convolution per channel.
    pub fn depthwise(&self) -> ConvNormConfig {
        let [from, _] = self.channels;
        ConvNormConfig {
            channels: [from; 2],
            window: Window::square(self.stride, 1),
            groups: from,
            epsilon: self.between,
        }
    }

    /// The 1×1 convolution over channels.
    pub fn pointwise(&self) -> ConvNormConfig {
        ConvNormConfig::pointwise(self.channels, 1, self.after)
    }

    /// Fresh weights on `device`.
    pub fn init(&self, device: &Device) -> SeparableConv {
        SeparableConv {
            depthwise: self.depthwise().init(device),
            pointwise: self.pointwise().init(device),
            relu_between: self.relu_between,
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
