//! The layers of a packed network, each of them one fused operation or a few.

use burn::backend::Dispatch;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::input::{ConvInput, Geometry, ResidualInput, RowsInput, WeightsInput};
use super::ops::FusedOps;
use crate::kernels::Act;
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
    pub units: Vec<Conv>,
    pub bridge: Bridge,
}

/// The way around a block's convolutions.
#[derive(Clone, Debug)]
pub(super) enum Bridge {
    /// The input itself.
    Identity,
    /// The input, scaled per channel.
    Scale(Tensor<1>),
    /// A 1×1 convolution, beside convolutions that end in a max-pool.
    Pooled(Conv),
    /// A 1×1 convolution.
    Conv(Conv),
}

/// One fused convolution.
#[derive(Clone, Debug)]
pub(super) struct Conv {
    pub rows: Rows,
    pub weights: Kernel,
    pub bias: Tensor<1>,
    pub geometry: Geometry,
}

#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "some forty of them in all")]
pub(super) enum Rows {
    Points,
    Windows,
    Depthwise { kernel: Tensor<2>, bias: Tensor<1>, between: Act },
}

#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "some forty of them in all")]
pub(super) enum Kernel {
    F32(Tensor<1>),
    Q8 { values: Tensor<1, Int>, scales: Tensor<1>, sums: Tensor<1> },
}

impl FusedBlock {
    pub fn forward(&self, x: Tensor<4>, dialect: Dialect) -> Tensor<4> {
        let residual = match &self.bridge {
            Bridge::Identity => ResidualInput::Sum { values: x.clone().into_dispatch() },
            Bridge::Scale(scale) => ResidualInput::Scaled {
                values: x.clone().into_dispatch(),
                scale: scale.clone().into_dispatch(),
            },
            Bridge::Conv(conv) => {
                ResidualInput::Sum { values: conv.forward(x.clone(), ResidualInput::None).into_dispatch() }
            }
            Bridge::Pooled(conv) => {
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

impl Conv {
    pub fn forward(&self, x: Tensor<4>, residual: ResidualInput<Dispatch>) -> Tensor<4> {
        Tensor::from_dispatch(Dispatch::fused_conv(self.input(x, residual)))
    }

    fn input(&self, x: Tensor<4>, residual: ResidualInput<Dispatch>) -> ConvInput<Dispatch> {
        let rows = match &self.rows {
            Rows::Points => RowsInput::Points,
            Rows::Windows => RowsInput::Windows,
            Rows::Depthwise { kernel, bias, between } => RowsInput::Depthwise {
                kernel: kernel.clone().into_dispatch(),
                bias: bias.clone().into_dispatch(),
                between: *between,
            },
        };
        let weights = match &self.weights {
            Kernel::F32(values) => WeightsInput::F32 { values: values.clone().into_dispatch() },
            Kernel::Q8 { values, scales, sums } => WeightsInput::Q8 {
                values: values.clone().into_dispatch(),
                scales: scales.clone().into_dispatch(),
                sums: sums.clone().into_dispatch(),
            },
        };
        ConvInput {
            x: x.into_dispatch(),
            rows,
            weights,
            bias: self.bias.clone().into_dispatch(),
            residual,
            geometry: self.geometry,
        }
    }
}

/// Numbers as a tensor. [`Tensor::from_data`] would do, with a conversion from every type to every other behind
/// it: more code than all of the kernels.
pub(super) fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    let data = TensorData::new(values, shape);
    Tensor::from_dispatch(Dispatch::float_from_data(data, device.as_dispatch()))
}

/// Whether tensors of `device` lie in a GPU's memory.
#[cfg_attr(not(feature = "webgpu"), allow(unused_variables, reason = "none is in this build"))]
pub(crate) fn on_gpu(device: &Device) -> bool {
    #[cfg(feature = "webgpu")]
    return matches!(device.as_dispatch(), burn::backend::DispatchDevice::Cube(_));
    #[cfg(not(feature = "webgpu"))]
    false
}
