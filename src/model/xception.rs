//! The whole network: stem, entry flow, middle flow, exit flow, head.

use burn::module::Module;
use burn::nn::pool::{AdaptiveAvgPool2d, AdaptiveAvgPool2dConfig};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, s};

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
            windows: plan.windows,
            hidden: plan.hidden.iter().map(|dense| dense.init(device)).collect(),
            head: LinearConfig::new(features, classes).init(device),
        }
    }
}

/// What is asked of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// `[B, classes, 1, 1]`.
    Logits,
    /// What each place of the last feature map says for each class, `[B, classes, H', W']`: the means over places are
    /// the logits, where no dense layer has a ReLU.
    ClassMaps,
    /// The features after global average pooling, before any dense layer, `[B, features, 1, 1]`.
    Features,
    /// What is pooled, `[B, features, H', W']`.
    FeatureMap,
}

/// A dense layer before the classifier.
#[derive(Clone, Debug)]
pub struct DenseConfig {
    /// Inputs and outputs.
    pub channels: [usize; 2],
    /// Whether ReLU follows.
    pub relu: bool,
}

impl DenseConfig {
    /// Fresh weights on `device`.
    fn init(&self, device: &Device) -> Dense {
        let [from, to] = self.channels;
        Dense { linear: LinearConfig::new(from, to).init(device), relu: self.relu }
    }
}

/// A dense layer, perhaps with ReLU.
#[derive(Module, Debug)]
pub struct Dense {
    /// Kernel and bias.
    pub linear: Linear,
    /// Whether ReLU follows.
    pub relu: bool,
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
    /// The block of the exit flow.
    pub exit: Block,
    /// The separable convolutions after it, which no bridge leads around.
    pub tail: Vec<SeparableConv>,
    pub(super) pool: AdaptiveAvgPool2d,
    /// Whether the features are those of 3×3 windows.
    pub(super) windows: bool,
    /// Dense layers before the classifier; none in the paper.
    pub hidden: Vec<Dense>,
    /// The classifier.
    pub head: Linear,
}

impl Xception {
    /// # Shapes
    ///
    /// - input: `[B, C, H, W]`, C = 3 but for grey pictures, normalised, H and W at least [`XceptionConfig::min_size`]
    /// - output: logits `[B, classes]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        self.head.forward(self.features(x))
    }

    /// The blocks of all flows, in order.
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.entry.iter().chain(&self.middle).chain([&self.exit])
    }

    /// What is asked of pictures.
    ///
    /// # Shapes
    ///
    /// - input: `[B, C, H, W]`
    /// - output: as [`Output`] says
    pub fn answer(&self, output: Output, x: Tensor<4>) -> Tensor<4> {
        match output {
            Output::Logits => self.forward(x).unsqueeze_dims(&[2, 3]),
            Output::ClassMaps => self.class_maps(x),
            Output::Features => self.pool.forward(self.feature_map(x)),
            Output::FeatureMap => self.feature_map(x),
        }
    }

    /// What the classifier sees: the pooled features, through the dense layers before it where there are any.
    ///
    /// # Shapes
    ///
    /// - input: `[B, C, H, W]`
    /// - output: `[B, C]`
    pub fn features(&self, x: Tensor<4>) -> Tensor<2> {
        self.hidden(self.pool.forward(self.feature_map(x)).flatten(1, 3))
    }

    /// The dense layers before the classifier.
    fn hidden(&self, mut features: Tensor<2>) -> Tensor<2> {
        for dense in &self.hidden {
            features = dense.linear.forward(features);
            if dense.relu {
                features = relu(features);
            }
        }
        features
    }

    /// What each place of the last feature map says for each class: the means over places are the logits, where no
    /// dense layer has a ReLU.
    ///
    /// # Shapes
    ///
    /// - input: `[B, C, H, W]`
    /// - output: `[B, classes, H', W']`
    fn class_maps(&self, x: Tensor<4>) -> Tensor<4> {
        let map = self.feature_map(x);
        let [b, c, h, w] = map.dims();
        let places = map.permute([0, 2, 3, 1]).reshape([b * h * w, c]);
        let said = self.head.forward(self.hidden(places));
        let [_, classes] = said.dims();
        said.reshape([b, h, w, classes]).permute([0, 3, 1, 2])
    }

    /// What is pooled: `[B, C, H', W']`.
    fn feature_map(&self, mut x: Tensor<4>) -> Tensor<4> {
        for conv in &self.stem {
            x = relu(conv.forward(x));
        }
        for block in self.blocks() {
            x = block.forward(x);
        }
        for separable in &self.tail {
            x = relu(separable.forward(x));
        }
        if !self.windows {
            return x;
        }
        // What a convolution with one zero on every side sees, place by place of its window.
        let [_, _, h, w] = x.dims();
        let x = x.pad((1, 1, 1, 1), 0.0);
        let place = |(i, j): (usize, usize)| x.clone().slice(s![.., .., i..i + h, j..j + w]);
        Tensor::cat((0..3).flat_map(|i| (0..3).map(move |j| (i, j))).map(place).collect(), 1)
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
