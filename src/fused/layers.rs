//! The layers of a packed network, each of them one fused operation or a few.

use burn::backend::Dispatch;
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::tensor::{Device, Tensor, TensorData};

use super::input::{ConvInput, Geometry, ResidualInput, RowsInput, WeightsInput};
use super::ops::FusedOps;
use crate::model::Dialect;

/// In what the weights of the pointwise convolutions are kept and multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Single precision.
    F32,
    /// Int8 per output channel, with each pixel quantised on the fly; all else stays in single precision.
    Q8,
}

#[derive(Clone, Debug)]
pub(super) struct FusedBlock {
    pub units: Vec<FusedConv>,
    pub bridge: FusedBridge,
}

/// The way around a block's convolutions.
#[derive(Clone, Debug)]
pub(super) enum FusedBridge {
    /// The input itself.
    Identity,
    /// The input, scaled per channel.
    Scale(FloatTensor<Dispatch>),
    /// A 1×1 convolution, beside convolutions that end in a max-pool.
    Pooled(FusedConv),
    /// A 1×1 convolution.
    Conv(FusedConv),
}

/// One fused convolution, but for its pictures and what is added.
#[derive(Clone, Debug)]
pub(super) struct FusedConv {
    pub rows: RowsInput<Dispatch>,
    pub weights: WeightsInput<Dispatch>,
    pub bias: FloatTensor<Dispatch>,
    pub geometry: Geometry,
}

impl FusedBlock {
    pub fn forward(&self, x: Tensor<4>, dialect: Dialect) -> Tensor<4> {
        let residual = match &self.bridge {
            FusedBridge::Identity => ResidualInput::Sum { values: x.clone().into_dispatch() },
            FusedBridge::Scale(scale) => {
                ResidualInput::Scaled { values: x.clone().into_dispatch(), scale: scale.clone() }
            }
            FusedBridge::Conv(conv) => {
                ResidualInput::Sum { values: conv.forward(x.clone(), ResidualInput::None).into_dispatch() }
            }
            FusedBridge::Pooled(conv) => {
                let [_, _, h, w] = x.dims();
                let bridge = conv.input(x.clone(), ResidualInput::None);
                let y = self.units.iter().fold(x, |y, unit| unit.forward(y, ResidualInput::None));
                let before = [h, w].map(|size| dialect.pool_before(size));
                return Tensor::from_dispatch(Dispatch::conv_pool(bridge, y.into_dispatch(), before));
            }
        };
        let Some((last, units)) = self.units.split_last() else { return x };
        let y = units.iter().fold(x, |y, unit| unit.forward(y, ResidualInput::None));
        last.forward(y, residual)
    }
}

impl FusedConv {
    pub fn forward(&self, x: Tensor<4>, residual: ResidualInput<Dispatch>) -> Tensor<4> {
        Tensor::from_dispatch(Dispatch::fused_conv(self.input(x, residual)))
    }

    fn input(&self, x: Tensor<4>, residual: ResidualInput<Dispatch>) -> ConvInput<Dispatch> {
        let Self { rows, weights, bias, geometry } = self.clone();
        ConvInput { x: x.into_dispatch(), rows, weights, bias, residual, geometry }
    }
}

/// Numbers as a tensor. [`Tensor::from_data`] would do, with a conversion from every type to every other behind
/// it: more code than all of the kernels.
pub(super) fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    let data = TensorData::new(values, shape);
    Tensor::from_dispatch(Dispatch::float_from_data(data, device.as_dispatch()))
}
