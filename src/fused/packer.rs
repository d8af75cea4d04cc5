//! From a file's tensors to fused layers: batch norms folded in, weights in the kernels' order.
//!
//! One convolution after the other: at no time are more than one kernel's plain numbers in memory.

use burn::backend::Dispatch;
use burn::backend::ops::IntTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::tensor::{Device, TensorData};

use super::input::{Geometry, RowsInput, WeightsInput};
use super::layers::{FusedBlock, FusedBridge, FusedConv, Precision, tensor};
use super::on_gpu;
use crate::error::Result;
use crate::kernels::{Act, PackedQ8, TAPS, pack, pack_q8};
use crate::model::Window;
use crate::model::block::{BlockConfig, Lead};
use crate::model::conv_norm::ConvNormConfig;
use crate::model::place::{BlockId, Part, Place, TensorId, Unit};
use crate::model::plan::Plan;
use crate::model::separable::SeparableConvConfig;

/// Convolutions of fewer channels stay in f32: a fortieth of the arithmetic of the paper's network, but of
/// small ones the layers whose rounding changes most answers.
const Q8_MIN_DEPTH: usize = 128;

/// Puts the tensors of planned layers into the kernels' order, with batch norms folded into them on the way.
pub(super) struct Packer<'a> {
    /// The values of a tensor.
    pub read: &'a dyn Fn(TensorId) -> Result<Vec<f32>>,
    pub precision: Precision,
    pub device: &'a Device,
}

impl Packer<'_> {
    pub fn plain(&self, place: Place, conv: &ConvNormConfig) -> Result<FusedConv> {
        let [inputs, outputs] = conv.channels;
        let mut linear = self.linear(place, conv)?;
        // `[C', C, 3·3]` to `[C', 3·3, C]`, as windows lie in memory.
        linear.kernel = transposed(&linear.kernel, outputs, [inputs, TAPS]);
        // A small part of the work, and the first layer sees the picture itself: never in int8.
        let (weights, bias) = self.pack(linear, Precision::F32);
        Ok(FusedConv {
            rows: RowsInput::Windows,
            weights,
            bias,
            geometry: geometry(conv, Act::None, Act::Relu),
        })
    }

    fn points(
        &self,
        place: Place,
        conv: &ConvNormConfig,
        after: Option<&Affine>,
    ) -> Result<(WeightsInput<Dispatch>, FloatTensor<Dispatch>)> {
        let mut linear = self.linear(place, conv)?;
        if let Some(after) = after {
            linear.then(after);
        }
        Ok(self.pack(linear, self.precision))
    }

    pub fn separable(
        &self,
        id: Unit,
        unit: &SeparableConvConfig,
        [lead, act]: [Act; 2],
        after: Option<&Affine>,
    ) -> Result<FusedConv> {
        let depthwise = unit.depthwise();
        let Linear { kernel, bias } = self.linear(id.depthwise(), &depthwise)?;
        let channels = bias.len();
        let kernel = transposed(&kernel, 1, [channels, TAPS]);
        let rows = RowsInput::Depthwise {
            kernel: self.tensor(kernel, [TAPS, channels]),
            bias: self.tensor(bias, [channels]),
            between: relu_if(unit.relu_between),
        };
        let (weights, bias) = self.points(id.pointwise(), &unit.pointwise(), after)?;
        Ok(FusedConv { rows, weights, bias, geometry: geometry(&depthwise, lead, act) })
    }

    pub fn block(&self, id: BlockId, block: &BlockConfig) -> Result<FusedBlock> {
        // A norm on the sum goes into both ways to it, and ReLU follows it.
        let norm = block.norm().map(|epsilon| self.affine(Place::Sum(id), epsilon)).transpose()?;
        let units = block.units();
        let last = units.len().saturating_sub(1);
        let units = units.iter().enumerate().map(|(i, unit)| {
            // ReLU stands between convolutions: the one before applies it, the first its own; the last adds
            // the bridge and applies what follows the sum.
            let lead = relu_if(i == 0 && block.lead == Lead::Relu);
            let act = relu_if(i < last || norm.is_some());
            self.separable(Unit::Of(id, i), unit, [lead, act], norm.as_ref().filter(|_| i == last))
        });
        let units = units.collect::<Result<_>>()?;
        let bridge = match (block.shortcut(), norm) {
            (Some(shortcut), norm) => {
                // The shift has gone into the last unit.
                let norm = norm.map(|norm| Affine { shift: vec![0.0; norm.shift.len()], ..norm });
                let (weights, bias) = self.points(Place::Shortcut(id), &shortcut, norm.as_ref())?;
                let geometry = geometry(&shortcut, Act::None, Act::None);
                let conv = FusedConv { rows: RowsInput::Points, weights, bias, geometry };
                if block.is_pooled() { FusedBridge::Pooled(conv) } else { FusedBridge::Conv(conv) }
            }
            (None, Some(norm)) => {
                let channels = norm.scale.len();
                FusedBridge::Scale(self.tensor(norm.scale, [channels]))
            }
            (None, None) => FusedBridge::Identity,
        };
        Ok(FusedBlock { units, bridge })
    }

    /// The dense layers and the classifier, `[features, classes]`.
    pub fn head(&self, plan: &Plan) -> Result<Vec<FusedConv>> {
        let hidden = plan.hidden.iter().enumerate();
        let hidden = hidden.map(|(i, dense)| (Place::Hidden(i), dense.channels, relu_if(dense.relu)));
        let layers = hidden.chain([(Place::Head, plan.head, Act::None)]);
        layers.map(|(place, shape, act)| self.dense(place, shape, act, plan.windows)).collect()
    }

    fn dense(&self, place: Place, shape: [usize; 2], act: Act, windows: bool) -> Result<FusedConv> {
        // Of windows to `[C', 3·3·C]`, as they lie in memory.
        let kernel = transposed(&(self.read)(place.part(Part::Kernel))?, 1, shape);
        let bias = (self.read)(place.part(Part::Bias))?;
        let window = if windows { Window::square(1, 1) } else { Window::point(1) };
        let geometry = Geometry { window, lead: Act::None, act };
        let (weights, bias) = self.pack(Linear { kernel, bias }, Precision::F32);
        let rows = if windows { RowsInput::Windows } else { RowsInput::Points };
        Ok(FusedConv { rows, weights, bias, geometry })
    }

    /// A convolution with its batch norm, if it has one.
    fn linear(&self, place: Place, conv: &ConvNormConfig) -> Result<Linear> {
        let kernel = (self.read)(place.part(Part::Kernel))?;
        let mut linear = Linear { kernel, bias: vec![0.0; conv.channels[1]] };
        if let Some(epsilon) = conv.epsilon {
            linear.then(&self.affine(place, epsilon)?);
        }
        Ok(linear)
    }

    /// The batch norm of this place.
    fn affine(&self, place: Place, epsilon: f64) -> Result<Affine> {
        let part = |part| (self.read)(place.part(part));
        let scale = part(Part::Gamma)?.into_iter().zip(part(Part::Variance)?);
        let scale: Vec<f32> = scale.map(|(gamma, var)| gamma / (var + epsilon as f32).sqrt()).collect();
        let shift = part(Part::Beta)?.into_iter().zip(part(Part::Mean)?).zip(&scale);
        let shift = shift.map(|((beta, mean), scale)| beta - mean * scale).collect();
        Ok(Affine { scale, shift })
    }

    fn pack(
        &self,
        Linear { kernel, bias }: Linear,
        precision: Precision,
    ) -> (WeightsInput<Dispatch>, FloatTensor<Dispatch>) {
        let outputs = bias.len();
        let depth = kernel.len() / outputs.max(1);
        let weights = match precision {
            Precision::Q8 if depth >= Q8_MIN_DEPTH => {
                let PackedQ8 { values, scales, sums } = pack_q8(&kernel, outputs, depth);
                let values = if on_gpu(self.device) {
                    // A shader knows no bytes.
                    let words: Vec<i32> = bytemuck::pod_collect_to_vec(&values);
                    let shape = [words.len()];
                    TensorData::new(words, shape)
                } else {
                    let shape = [values.len()];
                    TensorData::new(values, shape)
                };
                let values = Dispatch::int_from_data(values, self.device.as_dispatch());
                let [scales, sums] = [scales, sums].map(|numbers| self.tensor(numbers, [outputs]));
                WeightsInput::Q8 { values, scales, sums }
            }
            _ => {
                let packed = pack(&kernel, outputs, depth);
                let len = packed.len();
                WeightsInput::F32 { values: self.tensor(packed, [len]) }
            }
        };
        (weights, self.tensor(bias, [outputs]))
    }

    fn tensor<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> FloatTensor<Dispatch> {
        tensor(values, shape, self.device).into_dispatch()
    }
}

/// `kernel · x + bias`, one row of the kernel per output channel.
struct Linear {
    kernel: Vec<f32>,
    bias: Vec<f32>,
}

impl Linear {
    /// Followed by a factor and a shift per output channel.
    fn then(&mut self, Affine { scale, shift }: &Affine) {
        let depth = self.kernel.len() / self.bias.len().max(1);
        for (row, &scale) in self.kernel.chunks_exact_mut(depth.max(1)).zip(scale) {
            multiply(row, scale);
        }
        for ((bias, scale), shift) in self.bias.iter_mut().zip(scale).zip(shift) {
            *bias = *bias * scale + shift;
        }
    }
}

/// What a batch norm does at inference: `scale · x + shift` per channel.
pub(super) struct Affine {
    scale: Vec<f32>,
    shift: Vec<f32>,
}

/// A call of its own: engines compile a function anew, and faster, only between two calls.
#[inline(never)]
fn multiply(row: &mut [f32], factor: f32) {
    row.iter_mut().for_each(|x| *x *= factor);
}

/// Each of `count` matrices `[rows, columns]`, the other way round.
fn transposed(values: &[f32], count: usize, [rows, columns]: [usize; 2]) -> Vec<f32> {
    let mut out = Vec::with_capacity(values.len());
    for matrix in values.chunks_exact((rows * columns).max(1)).take(count) {
        for column in 0..columns {
            out.extend((0..rows).map(|row| matrix[row * columns + column]));
        }
    }
    out
}

fn relu_if(condition: bool) -> Act {
    if condition { Act::Relu } else { Act::None }
}

fn geometry(conv: &ConvNormConfig, lead: Act, act: Act) -> Geometry {
    Geometry { window: conv.window, lead, act }
}
