//! Folding is a value, not a mode: the same network with batch norm gone into the kernels.

use burn::module::Param;
use burn::tensor::Tensor;

use super::block::Block;
use super::conv_norm::ConvNorm;
use super::separable::SeparableConv;
use super::xception::Xception;

impl Xception {
    /// The same function for inference without batch norms. Folding twice changes nothing.
    pub fn fold(self) -> Self {
        Self {
            stem: self.stem.into_iter().map(ConvNorm::fold).collect(),
            entry: self.entry.into_iter().map(Block::fold).collect(),
            middle: self.middle.into_iter().map(Block::fold).collect(),
            exit: self.exit.fold(),
            tail: self.tail.into_iter().map(SeparableConv::fold).collect(),
            ..self
        }
    }
}

impl Block {
    fn fold(self) -> Self {
        Self {
            units: self.units.into_iter().map(SeparableConv::fold).collect(),
            shortcut: self.shortcut.map(ConvNorm::fold),
            ..self
        }
    }
}

impl SeparableConv {
    fn fold(self) -> Self {
        Self { depthwise: self.depthwise.fold(), pointwise: self.pointwise.fold() }
    }
}

impl ConvNorm {
    /// `gamma · (W x − mean) / sqrt(var + epsilon) + beta` is a convolution with kernel `s W` and bias
    /// `beta − s mean`, where `s = gamma / sqrt(var + epsilon)`, one factor per output channel.
    fn fold(mut self) -> Self {
        let Some(norm) = self.norm.take() else { return self };
        let scale = norm.gamma.val() / (norm.running_var.value() + norm.epsilon).sqrt();
        let mean = match &self.conv.bias {
            Some(bias) => norm.running_mean.value() - bias.val(),
            None => norm.running_mean.value(),
        };
        let bias = norm.beta.val() - mean * scale.clone();
        let [channels, ..] = self.conv.weight.dims();
        let scale: Tensor<4> = scale.reshape([channels, 1, 1, 1]);
        self.conv.weight = self.conv.weight.map(|weight| weight * scale);
        self.conv.bias = Some(Param::from_tensor(bias));
        self
    }
}
