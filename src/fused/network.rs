//! The network as a list of fused operations.

use burn::backend::{Dispatch, Flex};
use burn::tensor::{Device, Tensor};

use super::dense::Dense;
use super::input::ResidualInput;
use super::layers::{FusedBlock, FusedConv, Precision, tensor};
use super::ops::FusedOps;
use super::packer::Packer;
use super::{gpu, on_gpu};
use crate::error::{Error, Result};
use crate::kernels::{Act, TAPS};
use crate::later::Later;
use crate::model::place::{Place, TensorId, Unit};
use crate::model::{Dialect, Output, Planes, XceptionConfig};

/// Xception for inference, on the CPU or on a GPU.
#[derive(Clone, Debug)]
pub struct Fused {
    stem: Vec<FusedConv>,
    blocks: Vec<FusedBlock>,
    tail: Vec<FusedConv>,
    /// Dense layers on the mean over pixels, the last of them the classifier; unless that sees 3×3 windows and
    /// comes before the mean.
    head: Vec<FusedConv>,
    windows: bool,
    dialect: Dialect,
    device: Device,
    recorder: gpu::Recorder,
}

impl Fused {
    /// Packs the network of `config` convolution by convolution. `read` gives the values of a tensor, and is asked for
    /// each once.
    ///
    /// # Errors
    ///
    /// When a tensor cannot be read.
    pub fn new(
        config: &XceptionConfig,
        read: &dyn Fn(TensorId) -> Result<Vec<f32>>,
        precision: Precision,
        device: &Device,
    ) -> Result<Self> {
        let packer = Packer { read, precision, device };
        let plan = config.plan();
        let stem = plan.stem.iter().enumerate().map(|(i, conv)| packer.plain(Place::Stem(i), conv));
        let stem = stem.collect::<Result<_>>()?;
        let blocks = plan.blocks().map(|(id, block)| packer.block(id, block));
        let blocks = blocks.collect::<Result<_>>()?;
        let tail = plan
            .tail
            .iter()
            .enumerate()
            .map(|(i, unit)| packer.separable(Unit::Tail(i), unit, [Act::None, Act::Relu], None));
        let tail = tail.collect::<Result<_>>()?;
        let head = packer.head(&plan)?;
        Ok(Self {
            stem,
            blocks,
            tail,
            head,
            windows: plan.windows,
            dialect: config.dialect,
            device: device.clone(),
            recorder: gpu::Recorder::default(),
        })
    }

    /// Where it was packed for.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The logits of pictures, as numbers.
    ///
    /// # Errors
    ///
    /// When the device fails.
    pub async fn logits(&self, pictures: Planes) -> Result<Vec<f32>> {
        Ok(self.answer(Output::Logits, pictures).await?.values)
    }

    /// What is asked of pictures.
    ///
    /// # Errors
    ///
    /// When the device fails.
    pub fn answer(&self, output: Output, pictures: Planes) -> Later<'_, Planes> {
        Box::pin(self.each(output, pictures))
    }

    async fn each(&self, output: Output, pictures: Planes) -> Result<Planes> {
        let [count, c, h, w] = pictures.shape;
        if count <= 1 || on_gpu(&self.device) {
            return self.at_once(output, pictures).await;
        }
        // A CPU is busy with one, and several would push each other's numbers out of its caches.
        let mut all = Planes { values: Vec::new(), shape: [0; 4] };
        for picture in pictures.values.chunks_exact(c * h * w) {
            let picture = Planes { values: picture.to_vec(), shape: [1, c, h, w] };
            let Planes { values, shape: [_, c, h, w] } = self.at_once(output, picture).await?;
            all.values.extend(values);
            all.shape = [count, c, h, w];
        }
        Ok(all)
    }

    async fn at_once(&self, output: Output, pictures: Planes) -> Result<Planes> {
        if output == Output::Logits && on_gpu(&self.device) {
            let count = pictures.shape[0];
            let values = self.recorder.logits(pictures, &self.device, |x| self.run(x)).await?;
            let classes = values.len() / count.max(1);
            return Ok(Planes { values, shape: [count, classes, 1, 1] });
        }
        let x = tensor(pictures.values, pictures.shape, &self.device);
        let x = match output {
            Output::Logits => self.run(x),
            Output::ClassMaps => self.classify(self.feature_map(x)),
            Output::Features if !self.windows => mean(self.feature_map(x)),
            Output::Features | Output::FeatureMap => self.feature_map(x),
        };
        let shape = x.dims();
        let answer = Planes { values: numbers(x, &self.device).await?, shape };
        Ok(match output {
            Output::Features if self.windows => means(&windows(&answer)),
            Output::FeatureMap if self.windows => windows(&answer),
            _ => answer,
        })
    }

    /// # Shapes
    ///
    /// - input: `[B, C, H, W]`, normalised
    /// - output: logits `[B, classes]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        self.run(x).flatten(1, 3)
    }

    /// The logits as `[B, classes, 1, 1]`.
    fn run(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.feature_map(x);
        if self.windows { mean(self.classify(x)) } else { self.classify(mean(x)) }
    }

    /// The dense layers, on each place by itself.
    fn classify(&self, x: Tensor<4>) -> Tensor<4> {
        self.head.iter().fold(x, |x, dense| dense.forward(x, ResidualInput::None))
    }

    /// What the head sees the mean of: `[B, C, H', W']`.
    fn feature_map(&self, mut x: Tensor<4>) -> Tensor<4> {
        for conv in &self.stem {
            x = conv.forward(x, ResidualInput::None);
        }
        for block in &self.blocks {
            x = block.forward(x, self.dialect);
        }
        for conv in &self.tail {
            x = conv.forward(x, ResidualInput::None);
        }
        x
    }
}

fn mean(x: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::mean_pixels(x.into_dispatch()))
}

/// The numbers of `[B, C, H, W]` in that order, wherever they lie.
async fn numbers(x: Tensor<4>, device: &Device) -> Result<Vec<f32>> {
    if on_gpu(device) {
        return gpu::numbers(x).await;
    }
    let x = x.try_into_primitive::<Flex>();
    let x = x.map_err(|error| Error::Backend(format!("the CPU gave no numbers: {error:?}")))?;
    Ok(Dense::of(x).slice().to_vec())
}

/// The means over places.
fn means(map: &Planes) -> Planes {
    let [b, c, h, w] = map.shape;
    let places = h * w;
    let mean = |plane: &[f32]| plane.iter().sum::<f32>() / places as f32;
    Planes { values: map.values.chunks_exact(places).map(mean).collect(), shape: [b, c, 1, 1] }
}

/// What a 3×3 convolution with one zero on every side sees of each place: `[B, 9 C, H, W]`.
fn windows(map: &Planes) -> Planes {
    let [b, c, h, w] = map.shape;
    let mut seen = vec![0.0; map.values.len() * TAPS];
    for (at, out) in seen.chunks_exact_mut(h * w).enumerate() {
        let (picture, tap, channel) = (at / (TAPS * c), at / c % TAPS, at % c);
        let plane = &map.values[(picture * c + channel) * h * w..][..h * w];
        for (place, out) in out.iter_mut().enumerate() {
            let (y, x) = (place / w + tap / 3, place % w + tap % 3);
            if (1..=h).contains(&y) && (1..=w).contains(&x) {
                *out = plane[(y - 1) * w + x - 1];
            }
        }
    }
    Planes { values: seen, shape: [b, TAPS * c, h, w] }
}
