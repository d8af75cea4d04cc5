//! The network as a list of fused operations.

use burn::backend::{Dispatch, Flex};
use burn::tensor::{Device, Tensor};

#[cfg(feature = "webgpu")]
use super::cube::{Recorder, Turn};
use super::dense::Dense;
use super::input::ResidualInput;
use super::layers::{Conv, FusedBlock, Precision, on_gpu, tensor};
use super::ops::FusedOps;
use super::packer::Packer;
use crate::error::{Error, Result};
use crate::kernels::Act;
use crate::model::place::{Place, TensorId, Unit};
use crate::model::{Dialect, Output, XceptionConfig};

/// Xception for inference, on the CPU or on a GPU.
#[derive(Clone, Debug)]
pub struct Fused {
    stem: Vec<Conv>,
    blocks: Vec<FusedBlock>,
    tail: Vec<Conv>,
    /// Dense layers on the mean over pixels, the last of them the classifier; unless that sees 3×3 windows and
    /// comes before the mean.
    head: Vec<Conv>,
    windows: bool,
    dialect: Dialect,
    #[cfg(feature = "webgpu")]
    recorder: Recorder,
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
            #[cfg(feature = "webgpu")]
            recorder: Recorder::default(),
        })
    }

    /// The logits of pictures `[B, C, H, W]` as numbers.
    ///
    /// # Errors
    ///
    /// When `device` is not the one that the network was packed for, or fails.
    pub async fn logits(&self, pictures: Vec<f32>, shape: [usize; 4], device: &Device) -> Result<Vec<f32>> {
        Ok(self.answer(Output::Logits, pictures, shape, device).await?.0)
    }

    /// What is asked of pictures `[B, C, H, W]`, as numbers with their shape.
    ///
    /// # Errors
    ///
    /// When `device` is not the one that the network was packed for, or fails.
    pub async fn answer(
        &self,
        output: Output,
        pictures: Vec<f32>,
        shape: [usize; 4],
        device: &Device,
    ) -> Result<(Vec<f32>, [usize; 4])> {
        let [count, c, h, w] = shape;
        if count <= 1 || on_gpu(device) {
            return self.at_once(output, pictures, shape, device).await;
        }
        // A CPU is busy with one, and several would push each other's numbers out of its caches.
        let (mut all, mut found) = (Vec::new(), [0; 4]);
        for picture in pictures.chunks_exact(c * h * w) {
            let (numbers, one) = self.at_once(output, picture.to_vec(), [1, c, h, w], device).await?;
            all.extend(numbers);
            found = [count, one[1], one[2], one[3]];
        }
        Ok((all, found))
    }

    async fn at_once(
        &self,
        output: Output,
        pictures: Vec<f32>,
        shape: [usize; 4],
        device: &Device,
    ) -> Result<(Vec<f32>, [usize; 4])> {
        #[cfg(feature = "webgpu")]
        if output == Output::Logits && on_gpu(device) {
            let logits = self.logits_on_gpu(pictures, shape, device).await?;
            let classes = logits.len() / shape[0].max(1);
            return Ok((logits, [shape[0], classes, 1, 1]));
        }
        let x = tensor(pictures, shape, device);
        let x = match output {
            Output::Logits => self.run(x),
            Output::ClassMaps => self.classify(self.feature_map(x)),
            Output::Features if !self.windows => mean(self.feature_map(x)),
            Output::Features | Output::FeatureMap => self.feature_map(x),
        };
        let shape = x.dims();
        let numbers = numbers(x, device).await?;
        Ok(match output {
            Output::Features if self.windows => means(windows(&numbers, shape)),
            Output::FeatureMap if self.windows => windows(&numbers, shape),
            _ => (numbers, shape),
        })
    }

    #[cfg(feature = "webgpu")]
    async fn logits_on_gpu(
        &self,
        pictures: Vec<f32>,
        shape: [usize; 4],
        device: &Device,
    ) -> Result<Vec<f32>> {
        match self.recorder.turn(pictures, shape, device) {
            Turn::Launched(logits) => read(logits).await,
            Turn::Launch(x) => read(self.run(x)).await,
            Turn::Record(x) => {
                let logits = read(self.run(x.clone())).await;
                self.recorder.record(x, |x| self.run(x));
                logits
            }
        }
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
#[allow(clippy::unused_async, reason = "a build without a GPU has nothing to wait for")]
async fn numbers(
    x: Tensor<4>,
    #[allow(unused_variables, reason = "only a GPU's build asks")] device: &Device,
) -> Result<Vec<f32>> {
    #[cfg(feature = "webgpu")]
    if on_gpu(device) {
        let shape = x.dims();
        return Ok(planes(&read(x).await?, shape));
    }
    let x = x.try_into_primitive::<Flex>();
    let x = x.map_err(|error| Error::Backend(format!("the CPU gave no numbers: {error:?}")))?;
    Ok(Dense::of(x).slice().to_vec())
}

/// The means over places.
fn means((map, [b, c, h, w]): (Vec<f32>, [usize; 4])) -> (Vec<f32>, [usize; 4]) {
    let places = h * w;
    let mean = |plane: &[f32]| plane.iter().sum::<f32>() / places as f32;
    (map.chunks_exact(places).map(mean).collect(), [b, c, 1, 1])
}

/// What a 3×3 convolution with one zero on every side sees of each place: `[B, 9 C, H, W]`.
fn windows(map: &[f32], [b, c, h, w]: [usize; 4]) -> (Vec<f32>, [usize; 4]) {
    const TAPS: usize = 9;
    let mut seen = vec![0.0; map.len() * TAPS];
    for (at, out) in seen.chunks_exact_mut(h * w).enumerate() {
        let (picture, tap, channel) = (at / (TAPS * c), at / c % TAPS, at % c);
        let plane = &map[(picture * c + channel) * h * w..][..h * w];
        for (place, out) in out.iter_mut().enumerate() {
            let (y, x) = (place / w + tap / 3, place % w + tap % 3);
            if (1..=h).contains(&y) && (1..=w).contains(&x) {
                *out = plane[(y - 1) * w + x - 1];
            }
        }
    }
    (seen, [b, TAPS * c, h, w])
}

/// `[B, H, W, C]`, as [`read`] gives them, to `[B, C, H, W]`.
#[cfg(feature = "webgpu")]
fn planes(rows: &[f32], [b, c, h, w]: [usize; 4]) -> Vec<f32> {
    let places = h * w;
    let at = |place: usize| (place / (c * places) * places + place % places) * c + place / places % c;
    (0..b * c * places).map(|place| rows[at(place)]).collect()
}

/// Numbers from a GPU. Synchronous reads panic on WebGPU in a browser.
#[cfg(feature = "webgpu")]
async fn read(logits: Tensor<4>) -> Result<Vec<f32>> {
    // As they lie: in any other order, even of sides of one, they would be copied first.
    let data =
        logits.permute([0, 2, 3, 1]).into_data_async().await.map_err(|error| {
            Error::Backend(format!("the backend failed while running the network: {error}"))
        })?;
    data.try_into_vec_as::<f32>()
        .map_err(|error| Error::Backend(format!("the backend gave back no logits: {error:?}")))
}
