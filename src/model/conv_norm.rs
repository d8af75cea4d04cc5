//! A convolution and its batch norm, the unit of which everything here is made.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, PaddingConfig2d};
use burn::tensor::{Device, Tensor};

use super::window::Window;

/// Weight of a new batch in the running statistics while training.
pub const BATCH_NORM_MOMENTUM: f64 = 0.1;

/// What a [`ConvNorm`] is made of.
#[derive(Clone, Debug)]
pub struct ConvNormConfig {
    /// Input and output channels.
    pub channels: [usize; 2],
    /// What it sees at once.
    pub window: Window,
    /// Groups; as many as channels makes the convolution depthwise.
    pub groups: usize,
    /// Batch-norm epsilon; `None` for a bare convolution.
    pub epsilon: Option<f64>,
}

impl ConvNormConfig {
    /// A 1×1 convolution, with batch norm if there is an epsilon.
    pub fn pointwise(channels: [usize; 2], stride: usize, epsilon: Option<f64>) -> Self {
        Self { channels, window: Window::point(stride), groups: 1, epsilon }
    }

    /// A plain 3×3 convolution with batch norm: the stem.
    pub fn plain(channels: [usize; 2], stride: usize, padding: usize, epsilon: f64) -> Self {
        Self { channels, window: Window::square(stride, padding), groups: 1, epsilon: Some(epsilon) }
    }

    /// `[C', C / groups, side, side]`.
    pub fn kernel_shape(&self) -> [usize; 4] {
        let [from, to] = self.channels;
        [to, from / self.groups, self.window.side, self.window.side]
    }

    /// Fresh weights on `device`; they materialise on first use, so loading over them costs nothing.
    pub fn init(&self, device: &Device) -> ConvNorm {
        let Window { side, stride, padding } = self.window;
        let conv = Conv2dConfig::new(self.channels, [side; 2])
            .with_stride([stride; 2])
            .with_groups(self.groups)
            .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
            .with_bias(false)
            .init(device);
        let norm = self.epsilon.map(|epsilon| {
            BatchNormConfig::new(self.channels[1])
                .with_epsilon(epsilon)
                .with_momentum(BATCH_NORM_MOMENTUM)
                .init(device)
        });
        ConvNorm { conv, norm }
    }
}

/// Convolution, then batch norm, if there is one.
#[derive(Module, Debug)]
pub struct ConvNorm {
    /// The kernel; it has no bias.
    pub conv: Conv2d,
    /// Between depthwise and pointwise the paper has none.
    pub norm: Option<BatchNorm>,
}

impl ConvNorm {
    /// # Shapes
    ///
    /// - input: `[B, C, H, W]`
    /// - output: `[B, C', H', W']`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.conv.forward(x);
        match &self.norm {
            Some(norm) => norm.forward(x),
            None => x,
        }
    }
}
