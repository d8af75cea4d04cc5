//! Folding is a value, not a mode: the same network with batch norm gone into the kernels.

use burn::module::Param;
use burn::nn::BatchNorm;
use burn::tensor::Tensor;

use super::block::Block;
use super::conv_norm::ConvNorm;
use super::separable::SeparableConv;
use super::xception::Xception;

impl Xception {
    /// The same function for inference without batch norms.
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
    /// A norm on the sum scales both ways into it: each takes the factor, and one of them the rest.
    fn fold(mut self) -> Self {
        self.units = self.units.into_iter().map(SeparableConv::fold).collect();
        self.shortcut = self.shortcut.map(ConvNorm::fold);
        let Some(norm) = self.norm.take() else { return self };
        let Affine { scale, shift } = Affine::of(&norm);
        if let Some(last) = self.units.pop() {
            let pointwise = last.pointwise.then(Affine { scale: scale.clone(), shift });
            self.units.push(SeparableConv { pointwise, ..last });
        }
        match self.shortcut.take() {
            Some(shortcut) => {
                let shift = scale.zeros_like();
                self.shortcut = Some(shortcut.then(Affine { scale, shift }));
            }
            None => self.bridge_scale = Some(Param::from_tensor(scale)),
        }
        self
    }
}

impl SeparableConv {
    fn fold(self) -> Self {
        Self { depthwise: self.depthwise.fold(), pointwise: self.pointwise.fold(), ..self }
    }
}

impl ConvNorm {
    fn fold(mut self) -> Self {
        match self.norm.take() {
            Some(norm) => self.then(Affine::of(&norm)),
            None => self,
        }
    }

    /// `scale · (W x + b) + shift` is a convolution with kernel `scale W` and bias `scale b + shift`, one
    /// factor per output channel.
    fn then(mut self, Affine { scale, shift }: Affine) -> Self {
        let bias = match &self.conv.bias {
            Some(bias) => bias.val() * scale.clone() + shift,
            None => shift,
        };
        let [channels, ..] = self.conv.weight.dims();
        let scale: Tensor<4> = scale.reshape([channels, 1, 1, 1]);
        self.conv.weight = self.conv.weight.map(|weight| weight * scale);
        self.conv.bias = Some(Param::from_tensor(bias));
        self
    }
}

/// What a batch norm does at inference, per channel.
struct Affine {
    scale: Tensor<1>,
    shift: Tensor<1>,
}

impl Affine {
    /// `gamma · (x − mean) / sqrt(var + epsilon) + beta` is `scale · x + shift`.
    fn of(norm: &BatchNorm) -> Self {
        let scale = norm.gamma.val() / (norm.running_var.value() + norm.epsilon).sqrt();
        let shift = norm.beta.val() - norm.running_mean.value() * scale.clone();
        Self { scale, shift }
    }
}
