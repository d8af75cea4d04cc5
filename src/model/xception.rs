//! The whole network: stem, entry flow, middle flow, exit flow, head.

use burn::module::Module;
use burn::nn::pool::{AdaptiveAvgPool2d, AdaptiveAvgPool2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use super::block::{Block, BlockConfig, Bridge, Lead, Norms};
use super::config::{Order, XceptionConfig};
use super::conv_norm::{ConvNorm, ConvNormConfig};
use super::separable::SeparableConv;

impl XceptionConfig {
    /// Fresh weights on `device`; they materialise on first use, so loading over them costs nothing.
    pub fn init(&self, device: &Device) -> Xception {
        let epsilon = self.epsilon();
        let order = self.aligned.as_ref().map(|aligned| aligned.order);
        let norms = match order {
            None => Norms::Pairs,
            Some(Order::Post) => Norms::All,
            Some(Order::Pre) => Norms::Sum,
        };
        // After the stem's ReLU another would change nothing; in a pre-activation network one ends each block.
        let lead = |first: bool| if first || norms == Norms::Sum { Lead::Bare } else { Lead::Relu };
        let down = |stride: usize| match order {
            None => Bridge::Pooled(self.dialect.pool_padding()),
            Some(_) => Bridge::Strided(stride),
        };
        let block = |input: usize, widths: &[usize], lead: Lead, bridge: Bridge| BlockConfig {
            input,
            widths: widths.to_vec(),
            lead,
            bridge,
            norms,
            epsilon,
        };

        let padding = match order {
            None => PaddingConfig2d::Valid,
            Some(_) => PaddingConfig2d::Explicit(1, 1, 1, 1),
        };
        let stem = vec![
            ConvNormConfig::plain([3, self.stem[0]], 2, padding.clone(), epsilon).init(device),
            ConvNormConfig::plain(self.stem, 1, padding, epsilon).init(device),
        ];
        let mut from = self.stem[1];
        let mut entry = Vec::new();
        for (i, widths) in self.entry.iter().enumerate() {
            entry.push(block(from, widths, lead(i == 0), down(self.entry_stride(i))).init(device));
            from = widths.last().copied().unwrap_or(from);
        }
        let widths = vec![from; self.middle_units];
        let middle = (0..self.middle_blocks)
            .map(|_| block(from, &widths, lead(false), Bridge::Identity).init(device))
            .collect();
        let exit = block(from, &self.exit, lead(false), down(2)).init(device);
        let from = self.exit.last().copied().unwrap_or(from);
        let mut tail = block(from, &self.tail, Lead::Bare, Bridge::Identity).units(device);
        tail.iter_mut().for_each(|unit| unit.relu_between = norms == Norms::All);
        Xception {
            stem,
            entry,
            middle,
            exit,
            tail,
            pool: AdaptiveAvgPool2dConfig::new([1, 1]).init(),
            head: LinearConfig::new(self.features(), self.classes).init(device),
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
