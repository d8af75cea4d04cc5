//! The whole network: stem, entry flow, middle flow, exit flow, head.

use burn::module::Module;
use burn::nn::pool::{AdaptiveAvgPool2d, AdaptiveAvgPool2dConfig};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use super::block::{Block, BlockConfig};
use super::config::XceptionConfig;
use super::conv_norm::ConvNorm;
use super::separable::SeparableConv;

impl XceptionConfig {
    /// Fresh weights on `device`; they materialise on first use, so loading over them costs nothing.
    pub fn init(&self, device: &Device) -> Xception {
        let plan = self.plan();
        let blocks = |blocks: &[BlockConfig]| blocks.iter().map(|block| block.init(device)).collect();
        let [features, classes] = plan.head;
        Xception {
            stem: plan.stem.iter().map(|conv| conv.init(device)).collect(),
            entry: blocks(&plan.entry),
            middle: blocks(&plan.middle),
            exit: plan.exit.init(device),
            tail: plan.tail.iter().map(|unit| unit.init(device)).collect(),
            pool: AdaptiveAvgPool2dConfig::new([1, 1]).init(),
            head: LinearConfig::new(features, classes).init(device),
        }
    }
}

/// Xception, or a smaller network of its structure. Made by [`XceptionConfig::init`].
#[derive(Module, Debug)]
pub struct Xception {
    /// Two plain convolutions, each with ReLU.
    pub stem: Vec<ConvNorm>,
    /// Entry flow.
    pub entry: Vec<Block>,
    /// Middle flow.
    pub middle: Vec<Block>,
    /// Exit flow, the block with the residual.
    pub exit: Block,
    /// Exit flow, the separable convolutions after it.
    pub tail: Vec<SeparableConv>,
    pub(super) pool: AdaptiveAvgPool2d,
    /// The classifier.
    pub head: Linear,
}

impl Xception {
    /// # Shapes
    ///
    /// - input: `[B, 3, H, W]`, normalised, H and W at least [`XceptionConfig::min_size`]
    /// - output: logits `[B, classes]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        self.head.forward(self.features(x))
    }

    /// The pooled features that the classifier sees.
    ///
    /// # Shapes
    ///
    /// - input: `[B, 3, H, W]`
    /// - output: `[B, C]`
    pub fn features(&self, mut x: Tensor<4>) -> Tensor<2> {
        for conv in &self.stem {
            x = relu(conv.forward(x));
        }
        for block in self.entry.iter().chain(&self.middle).chain([&self.exit]) {
            x = block.forward(x);
        }
        for separable in &self.tail {
            x = relu(separable.forward(x));
        }
        self.pool.forward(x).flatten(1, 3)
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::Dialect;
    use super::*;

    #[test]
    fn the_papers_network_has_the_papers_numbers() {
        let model = XceptionConfig::xception(Dialect::Keras, 1000).init(&Device::flex());
        // 22,855,952 trainable numbers and 54,528 running statistics.
        assert_eq!(model.num_params(), 22_910_480);
    }

    #[test]
    fn any_picture_size_down_to_the_smallest_gives_one_row_of_logits() {
        let device = Device::flex();
        let model = XceptionConfig::mini(Dialect::Timm, 5).init(&device);
        for (h, w) in [(7, 7), (33, 41), (64, 50)] {
            let logits = model.forward(Tensor::zeros([3, 3, h, w], &device));
            assert_eq!(logits.dims(), [3, 5]);
        }
    }
}
