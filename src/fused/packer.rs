//! From plain layers to fused ones: batch norms folded in, weights in the kernels' order.

use burn::nn::{BatchNorm, PaddingConfig2d};
use burn::tensor::{DType, Device, Tensor, TensorData};

use super::network::{Bridge, Conv, FusedBlock, Kernel, Precision, Rows};
use super::ops::Geometry;
use crate::error::{Error, Result};
use crate::kernels::{Act, PackedQ8, TAPS, pack, pack_q8};
use crate::model::block::Block;
use crate::model::conv_norm::ConvNorm;
use crate::model::separable::SeparableConv;

/// Puts plain layers into the kernels' order, with batch norms folded into them on the way.
pub(super) struct Packer<'a> {
    pub precision: Precision,
    pub device: &'a Device,
}

impl Packer<'_> {
    pub fn plain(&self, conv: ConvNorm) -> Result<Conv> {
        let [outputs, inputs, ..] = conv.conv.weight.dims();
        let geometry = geometry(&conv, Act::None, Act::Relu);
        let mut linear = Linear::of(&conv)?;
        // `[C', C, 3·3]` to `[C', 3·3, C]`, as windows lie in memory.
        linear.kernel = transposed(&linear.kernel, outputs, [inputs, TAPS]);
        // A small part of the work, and the first layer sees the picture itself: never in int8.
        let (weights, bias) = self.pack(linear, Precision::F32);
        Ok(Conv { rows: Rows::Windows, weights, bias, geometry })
    }

    fn points(&self, conv: &ConvNorm, after: Option<&Affine>) -> Result<(Kernel, Tensor<1>)> {
        let mut linear = Linear::of(conv)?;
        if let Some(after) = after {
            linear.then(after);
        }
        Ok(self.pack(linear, self.precision))
    }

    pub fn separable(
        &self,
        unit: SeparableConv,
        lead: Act,
        act: Act,
        after: Option<&Affine>,
    ) -> Result<Conv> {
        let geometry = geometry(&unit.depthwise, lead, act);
        let Linear { kernel, bias } = Linear::of(&unit.depthwise)?;
        let channels = bias.len();
        let kernel = transposed(&kernel, 1, [channels, TAPS]);
        let rows = Rows::Depthwise {
            kernel: self.tensor(kernel, [TAPS, channels]),
            bias: self.tensor(bias, [channels]),
            between: relu_if(unit.relu_between),
        };
        let (weights, bias) = self.points(&unit.pointwise, after)?;
        Ok(Conv { rows, weights, bias, geometry })
    }

    pub fn block(&self, block: Block) -> Result<FusedBlock> {
        // A norm on the sum goes into both ways to it.
        let norm = block.norm.as_ref().map(Affine::of).transpose()?;
        let last = block.units.len().saturating_sub(1);
        let units = block.units.into_iter().enumerate().map(|(i, unit)| {
            // ReLU stands between convolutions: the one before applies it, the first its own; the last adds
            // the bridge and applies what follows the sum.
            let lead = relu_if(i == 0 && block.leading_relu);
            let act = relu_if(i < last || block.trailing_relu);
            self.separable(unit, lead, act, norm.as_ref().filter(|_| i == last))
        });
        let units = units.collect::<Result<_>>()?;
        let bridge = match (block.shortcut, block.bridge_scale, norm) {
            (Some(shortcut), _, norm) => {
                // The shift has gone into the last unit.
                let norm = norm.map(|norm| Affine { shift: vec![0.0; norm.shift.len()], ..norm });
                let (weights, bias) = self.points(&shortcut, norm.as_ref())?;
                let geometry = geometry(&shortcut, Act::None, Act::None);
                let conv = Conv { rows: Rows::Points, weights, bias, geometry };
                if block.pool.is_some() { Bridge::Pooled(conv) } else { Bridge::Conv(conv) }
            }
            (None, Some(scale), _) => Bridge::Scale(scale.val()),
            (None, None, Some(norm)) => {
                let channels = norm.scale.len();
                Bridge::Scale(self.tensor(norm.scale, [channels]))
            }
            (None, None, None) => Bridge::Identity,
        };
        Ok(FusedBlock { units, bridge })
    }

    pub fn head(&self, head: burn::nn::Linear) -> Result<Conv> {
        let [inputs, outputs] = head.weight.dims();
        let kernel = transposed(&values(head.weight.val())?, 1, [inputs, outputs]);
        let bias = head.bias.map_or_else(|| Ok(vec![0.0; outputs]), |bias| values(bias.val()))?;
        let geometry = Geometry { stride: 1, padding: 0, lead: Act::None, act: Act::None };
        let (weights, bias) = self.pack(Linear { kernel, bias }, Precision::F32);
        Ok(Conv { rows: Rows::Points, weights, bias, geometry })
    }

    fn pack(&self, Linear { kernel, bias }: Linear, precision: Precision) -> (Kernel, Tensor<1>) {
        let outputs = bias.len();
        let depth = kernel.len() / outputs.max(1);
        let weights = match precision {
            Precision::F32 => {
                let packed = pack(&kernel, outputs, depth);
                let len = packed.len();
                Kernel::F32(self.tensor(packed, [len]))
            }
            Precision::Q8 => {
                let PackedQ8 { values, scales, sums } = pack_q8(&kernel, outputs, depth);
                let shape = [values.len()];
                let values = Tensor::from_data(TensorData::new(values, shape), (self.device, DType::I8));
                let [scales, sums] = [scales, sums].map(|numbers| self.tensor(numbers, [outputs]));
                Kernel::Q8 { values, scales, sums }
            }
        };
        (weights, self.tensor(bias, [outputs]))
    }

    fn tensor<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values, shape), self.device)
    }
}

/// `kernel · x + bias`, one row of the kernel per output channel.
struct Linear {
    kernel: Vec<f32>,
    bias: Vec<f32>,
}

impl Linear {
    /// A convolution with its batch norm, if it still has one.
    fn of(conv: &ConvNorm) -> Result<Self> {
        let kernel = values(conv.conv.weight.val())?;
        let bias = match &conv.conv.bias {
            Some(bias) => values(bias.val())?,
            None => vec![0.0; conv.conv.weight.dims()[0]],
        };
        let mut linear = Self { kernel, bias };
        if let Some(norm) = &conv.norm {
            linear.then(&Affine::of(norm)?);
        }
        Ok(linear)
    }

    /// Followed by a factor and a shift per output channel.
    fn then(&mut self, Affine { scale, shift }: &Affine) {
        let depth = self.kernel.len() / self.bias.len().max(1);
        for (row, scale) in self.kernel.chunks_exact_mut(depth.max(1)).zip(scale) {
            row.iter_mut().for_each(|x| *x *= scale);
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

impl Affine {
    fn of(norm: &BatchNorm) -> Result<Self> {
        let [gamma, beta] = [&norm.gamma, &norm.beta].map(|param| values(param.val()));
        let [mean, variance] = [&norm.running_mean, &norm.running_var].map(|running| values(running.value()));
        let scale = gamma?.into_iter().zip(variance?);
        let scale: Vec<f32> = scale.map(|(gamma, var)| gamma / (var + norm.epsilon as f32).sqrt()).collect();
        let shift = beta?.into_iter().zip(mean?).zip(&scale);
        let shift = shift.map(|((beta, mean), scale)| beta - mean * scale).collect();
        Ok(Self { scale, shift })
    }
}

fn values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    let read = tensor.into_data().try_into_vec_as::<f32>();
    read.map_err(|error| Error::Backend(format!("a kernel cannot be read: {error:?}")))
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

fn geometry(conv: &ConvNorm, lead: Act, act: Act) -> Geometry {
    let padding = match conv.conv.padding {
        PaddingConfig2d::Explicit(top, ..) => top,
        _ => 0,
    };
    Geometry { stride: conv.conv.stride[0], padding, lead, act }
}
