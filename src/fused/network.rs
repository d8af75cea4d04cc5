//! The folded network as a list of fused operations.

use burn::backend::Dispatch;
use burn::nn::Linear;
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::ops::{ConvInput, FusedOps, Geometry, ResidualInput, RowsInput, WeightsInput};
use crate::error::{Error, Result};
use crate::kernels::{Act, TAPS, pack, pack_q8};
use crate::model::block::Block;
use crate::model::conv_norm::ConvNorm;
use crate::model::separable::SeparableConv;
use crate::model::{Dialect, Xception};

/// In what the weights of the pointwise convolutions are kept and multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Single precision.
    F32,
    /// Int8 per output channel, with each pixel quantised on the fly; all else stays in single precision.
    Q8,
}

/// Xception for inference on the CPU.
#[derive(Clone, Debug)]
pub struct Fused {
    stem: Vec<Conv>,
    blocks: Vec<FusedBlock>,
    tail: Vec<Conv>,
    head: Conv,
    dialect: Dialect,
}

#[derive(Clone, Debug)]
struct FusedBlock {
    units: Vec<Conv>,
    bridge: Bridge,
}

/// The way around a block's convolutions.
#[derive(Clone, Debug)]
enum Bridge {
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
struct Conv {
    rows: Rows,
    weights: Kernel,
    bias: Tensor<1>,
    geometry: Geometry,
}

#[derive(Clone, Debug)]
enum Rows {
    Points,
    Windows,
    Depthwise { kernel: Tensor<2>, bias: Tensor<1>, between: Act },
}

#[derive(Clone, Debug)]
enum Kernel {
    F32(Tensor<1>),
    Q8 { values: Tensor<1, Int>, scales: Tensor<1> },
}

impl Fused {
    /// Packs `network`, which must be folded, layer by layer; each plain layer is dropped once packed.
    ///
    /// # Errors
    ///
    /// When its tensors cannot be read.
    pub fn new(network: Xception, dialect: Dialect, precision: Precision, device: &Device) -> Result<Self> {
        let packer = Packer { precision, device };
        let stem = network.stem.into_iter().map(|conv| packer.plain(conv)).collect::<Result<_>>()?;
        let blocks = network.entry.into_iter().chain(network.middle).chain([network.exit]);
        let blocks = blocks.map(|block| packer.block(block)).collect::<Result<_>>()?;
        let tail = network.tail.into_iter().map(|unit| packer.separable(unit, Act::None, Act::Relu));
        let tail = tail.collect::<Result<_>>()?;
        Ok(Self { stem, blocks, tail, head: packer.head(network.head)?, dialect })
    }

    /// # Shapes
    ///
    /// - input: `[B, 3, H, W]`, normalised
    /// - output: logits `[B, classes]`
    pub fn forward(&self, mut x: Tensor<4>) -> Tensor<2> {
        for conv in &self.stem {
            x = conv.forward(x, ResidualInput::None);
        }
        for block in &self.blocks {
            x = block.forward(x, self.dialect);
        }
        for conv in &self.tail {
            x = conv.forward(x, ResidualInput::None);
        }
        let pooled: Tensor<2> = Tensor::from_dispatch(Dispatch::mean_pixels(x.into_dispatch()));
        let [b, c] = pooled.dims();
        self.head.forward(pooled.reshape([b, c, 1, 1]), ResidualInput::None).flatten(1, 3)
    }
}

impl FusedBlock {
    fn forward(&self, x: Tensor<4>, dialect: Dialect) -> Tensor<4> {
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
                let bridge = conv.forward(x.clone(), ResidualInput::None);
                let y = self.units.iter().fold(x, |y, unit| unit.forward(y, ResidualInput::None));
                let before = [h, w].map(|size| match dialect {
                    Dialect::Timm => 1,
                    // TensorFlow's SAME: an even side is padded at its end only.
                    Dialect::Keras => size % 2,
                });
                return Tensor::from_dispatch(Dispatch::pool_sum(
                    y.into_dispatch(),
                    bridge.into_dispatch(),
                    before,
                ));
            }
        };
        let Some((last, units)) = self.units.split_last() else { return x };
        let y = units.iter().fold(x, |y, unit| unit.forward(y, ResidualInput::None));
        last.forward(y, residual)
    }
}

impl Conv {
    fn forward(&self, x: Tensor<4>, residual: ResidualInput<Dispatch>) -> Tensor<4> {
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
            Kernel::Q8 { values, scales } => WeightsInput::Q8 {
                values: values.clone().into_dispatch(),
                scales: scales.clone().into_dispatch(),
            },
        };
        Tensor::from_dispatch(Dispatch::fused_conv(ConvInput {
            x: x.into_dispatch(),
            rows,
            weights,
            bias: self.bias.clone().into_dispatch(),
            residual,
            geometry: self.geometry,
        }))
    }
}

/// Puts plain layers into the kernels' order.
struct Packer<'a> {
    precision: Precision,
    device: &'a Device,
}

impl Packer<'_> {
    fn plain(&self, conv: ConvNorm) -> Result<Conv> {
        let [outputs, inputs, ..] = conv.conv.weight.dims();
        let geometry = geometry(&conv, Act::None, Act::Relu);
        let (kernel, bias) = (conv.conv.weight.val(), self.bias(&conv, outputs));
        let kernel = kernel.permute([0, 2, 3, 1]).reshape([outputs, TAPS * inputs]);
        // A small part of the work, whose windows would cost more to quantise than the product saves.
        let weights = self.weights(kernel, Precision::F32)?;
        Ok(Conv { rows: Rows::Windows, weights, bias, geometry })
    }

    fn points(&self, conv: ConvNorm, lead: Act, act: Act) -> Result<Conv> {
        let [outputs, inputs, ..] = conv.conv.weight.dims();
        let geometry = geometry(&conv, lead, act);
        let bias = self.bias(&conv, outputs);
        let weights = self.weights(conv.conv.weight.val().reshape([outputs, inputs]), self.precision)?;
        Ok(Conv { rows: Rows::Points, weights, bias, geometry })
    }

    fn separable(&self, unit: SeparableConv, lead: Act, act: Act) -> Result<Conv> {
        let [channels, ..] = unit.depthwise.conv.weight.dims();
        let geometry = geometry(&unit.depthwise, lead, act);
        let kernel = unit.depthwise.conv.weight.val().reshape([channels, TAPS]).transpose();
        // Contiguous once, here, and not at every picture.
        let kernel = Tensor::from_data(kernel.into_data(), self.device);
        let bias = self.bias(&unit.depthwise, channels);
        let between = if unit.relu_between { Act::Relu } else { Act::None };
        let rows = Rows::Depthwise { kernel, bias, between };
        Ok(Conv { rows, geometry, ..self.points(unit.pointwise, Act::None, act)? })
    }

    fn block(&self, block: Block) -> Result<FusedBlock> {
        let count = block.units.len();
        let leading = if block.leading_relu { Act::Relu } else { Act::None };
        let units = block.units.into_iter().enumerate().map(|(i, unit)| {
            // ReLU stands between convolutions: the one before applies it, the first its own; the last adds
            // the bridge and applies what follows the sum.
            let relu = if i + 1 < count { true } else { block.trailing_relu };
            let act = if relu { Act::Relu } else { Act::None };
            self.separable(unit, if i == 0 { leading } else { Act::None }, act)
        });
        let units = units.collect::<Result<_>>()?;
        let bridge = match (block.shortcut, block.bridge_scale) {
            (None, None) => Bridge::Identity,
            (None, Some(scale)) => Bridge::Scale(scale.val()),
            (Some(shortcut), _) => {
                let conv = self.points(shortcut, Act::None, Act::None)?;
                if block.pool.is_some() { Bridge::Pooled(conv) } else { Bridge::Conv(conv) }
            }
        };
        Ok(FusedBlock { units, bridge })
    }

    fn head(&self, head: Linear) -> Result<Conv> {
        let kernel = head.weight.val().transpose();
        let [outputs, _] = kernel.dims();
        let bias = head.bias.map_or_else(|| Tensor::zeros([outputs], self.device), |bias| bias.val());
        let geometry = Geometry { stride: 1, padding: 0, lead: Act::None, act: Act::None };
        Ok(Conv { rows: Rows::Points, weights: self.weights(kernel, Precision::F32)?, bias, geometry })
    }

    fn bias(&self, conv: &ConvNorm, channels: usize) -> Tensor<1> {
        match &conv.conv.bias {
            Some(bias) => bias.val(),
            None => Tensor::zeros([channels], self.device),
        }
    }

    /// Packs `[C', K]`.
    fn weights(&self, kernel: Tensor<2>, precision: Precision) -> Result<Kernel> {
        let [outputs, depth] = kernel.dims();
        let values = kernel
            .into_data()
            .try_into_vec_as::<f32>()
            .map_err(|error| Error::Backend(format!("a kernel cannot be read: {error:?}")))?;
        if precision == Precision::F32 {
            let packed = pack(&values, outputs, depth);
            let shape = [packed.len()];
            return Ok(Kernel::F32(Tensor::from_data(TensorData::new(packed, shape), self.device)));
        }
        let (values, scales) = quantise(&values, depth);
        let packed = pack_q8(&values, outputs, depth);
        let shape = [packed.len()];
        Ok(Kernel::Q8 {
            values: Tensor::from_data(TensorData::new(packed, shape), (self.device, burn::tensor::DType::I8)),
            scales: Tensor::from_data(TensorData::new(scales, [outputs]), self.device),
        })
    }
}

/// Symmetric int8 per row. Rows that were int8 before come back as they were: their largest is 127.
fn quantise(values: &[f32], depth: usize) -> (Vec<i8>, Vec<f32>) {
    let scales: Vec<f32> = values
        .chunks_exact(depth)
        .map(|row| row.iter().fold(0.0f32, |largest, x| largest.max(x.abs())) / f32::from(i8::MAX))
        .collect();
    let steps = values.chunks_exact(depth).zip(&scales).flat_map(|(row, &scale)| {
        let inverse = if scale > 0.0 { scale.recip() } else { 0.0 };
        row.iter().map(move |x| (x * inverse).round() as i8)
    });
    (steps.collect(), scales)
}

fn geometry(conv: &ConvNorm, lead: Act, act: Act) -> Geometry {
    let padding = match conv.conv.padding {
        burn::nn::PaddingConfig2d::Explicit(top, ..) => top,
        _ => 0,
    };
    Geometry { stride: conv.conv.stride[0], padding, lead, act }
}
