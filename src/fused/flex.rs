//! How burn-flex runs the operations: by [`crate::kernels`].

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::tensor::TensorData;

use super::dense::Dense;
use super::ops::{ConvInput, FusedOps, Geometry, ResidualInput, RowsInput, WeightsInput};
use crate::kernels::{self, Conv, MaxPool, Residual, Rows, Weights, Windows};

/// The numbers of a packed kernel; in int8 the values, the scales and the sums.
#[allow(clippy::large_enum_variant, reason = "one at a time")]
enum DenseWeights {
    F32(Dense),
    Q8([Dense; 3]),
}

impl DenseWeights {
    fn of(weights: WeightsInput<Flex>) -> Self {
        match weights {
            WeightsInput::F32 { values } => Self::F32(Dense::of(values)),
            WeightsInput::Q8 { values, scales, sums } => Self::Q8([values, scales, sums].map(Dense::of)),
        }
    }

    fn view(&self) -> Weights<'_> {
        match self {
            Self::F32(values) => Weights::F32(values.slice()),
            Self::Q8([values, scales, sums]) => {
                Weights::Q8 { values: values.int8(), scales: scales.slice(), sums: sums.slice() }
            }
        }
    }
}

/// `[B, H, W, C]` with Burn's shape.
fn channels_first(values: Vec<f32>, shape: [usize; 4]) -> FlexTensor {
    Flex::float_permute(FlexTensor::from_data(TensorData::new(values, shape)), &[0, 3, 1, 2])
}

impl FusedOps for Flex {
    fn fused_conv(input: ConvInput<Self>) -> FloatTensor<Self> {
        let ConvInput { x, rows, weights, bias, residual, geometry } = input;
        let (x, bias) = (Dense::channels_last(x), Dense::of(bias));
        let shape @ [b, h, w, _] = x.dims();
        let Geometry { window, lead, act } = geometry;
        let output @ [out_h, out_w] = [h, w].map(|size| window.output(size));
        let windows = Windows { stride: window.stride, before: [window.padding; 2], output };
        let depthwise = match &rows {
            RowsInput::Depthwise { kernel, bias, .. } => Some([kernel, bias].map(|t| Dense::of(t.clone()))),
            _ => None,
        };
        let rows = match (&rows, &depthwise) {
            (RowsInput::Depthwise { between, .. }, Some([kernel, bias])) => {
                Rows::Depthwise { kernel: kernel.slice(), bias: bias.slice(), between: *between }
            }
            (RowsInput::Windows, _) => Rows::Windows,
            _ => Rows::Points,
        };
        let weights = DenseWeights::of(weights);
        let weights = weights.view();
        let (residual, scale) = match residual {
            ResidualInput::None => (None, None),
            ResidualInput::Sum { values } => (Some(Dense::channels_last(values)), None),
            ResidualInput::Scaled { values, scale } => {
                (Some(Dense::channels_last(values)), Some(Dense::of(scale)))
            }
        };
        let residual = residual
            .as_ref()
            .map(|residual| Residual { values: residual.slice(), scale: scale.as_ref().map(Dense::slice) });
        let bias = bias.slice();
        let conv = Conv { input: x.slice(), shape, lead, windows, rows, weights, bias, residual, act };
        channels_first(kernels::conv(&conv), [b, out_h, out_w, bias.len()])
    }

    fn pool_sum(x: FloatTensor<Self>, bridge: FloatTensor<Self>, before: [usize; 2]) -> FloatTensor<Self> {
        let (x, bridge) = (Dense::channels_last(x), Dense::channels_last(bridge));
        let shape @ [_, out_h, out_w, _] = bridge.dims();
        let windows = Windows { stride: 2, before, output: [out_h, out_w] };
        let pool = MaxPool { input: x.slice(), shape: x.dims(), windows, bridge: bridge.slice() };
        channels_first(kernels::max_pool(&pool), shape)
    }

    fn mean_pixels(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let x = Dense::channels_last(x);
        let shape @ [b, _, _, c] = x.dims();
        FlexTensor::from_data(TensorData::new(kernels::mean(x.slice(), shape), [b, c, 1, 1]))
    }
}
