//! One step of training, and the network's accuracy on a batch.

use std::collections::HashMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::activation::log_softmax;
use burn::tensor::{DType, Device, Int, Tensor, TensorData, s};

use crate::learn::engine::Engine;
use crate::learn::pass::Pass;
use crate::learn::score::{Score, Scored, right_answers};
use crate::learn::statistics::remember_all;
use crate::recipe::accelerator::Accelerator;
use crate::recipe::config::TrainConfig;
use crate::supply::batch::{Batch, normalised};
use crate::supply::target::Target;
use xception_web::error::{Error, Result};
use xception_web::fused::{Fused, Precision};
use xception_web::model::{Xception, XceptionConfig};

/// Moves `model` one step of `rate` towards the right answers for `batch`, whose pixels may be taken. An `engine` that
/// fits the batch is used again, another one is made anew.
#[allow(clippy::too_many_arguments, reason = "a run's state and one batch of it")]
pub fn step(
    model: Xception,
    config: &TrainConfig,
    pass: Pass,
    engine: &mut Option<Engine>,
    optimizer: &mut ModuleOptimizer,
    batch: &mut Batch,
    targets: &[Target],
    rate: f64,
) -> Result<(Xception, Scored)> {
    if pass != Pass::Ours {
        let device = model.head.weight.val().device();
        let x = match config.device {
            Accelerator::Cpu => pictures(batch, &device),
            Accelerator::Webgpu => uploaded(batch, &device),
        };
        let logits = pass.logits(&model, &config.network, x);
        return Ok(descend(model, logits, optimizer, batch, targets, rate, config.label_smoothing));
    }
    let (side, count) = (batch.side(), batch.classes.len());
    let engine = match engine {
        Some(engine) if engine.fits(side, count) => engine,
        _ => engine.insert(Engine::new(&config.network, side, count)?),
    };
    let outcome = engine.step(&weights(&model)?, &batch.pixels, targets, config.label_smoothing)?;
    remember_all(&model, &outcome.statistics);
    let gradients = gradients(&model, outcome.gradients);
    let score = Score { loss: outcome.loss, right: outcome.right, count };
    Ok((optimizer.step(rate, model, gradients), Scored::Known(Ok(score))))
}

/// The weights in the plan's order.
pub fn weights(model: &Xception) -> Result<Vec<Vec<f32>>> {
    let mut reader = Reader(Ok(Vec::new()));
    model.visit(&mut reader);
    reader.0
}

struct Reader(Result<Vec<Vec<f32>>>);

impl ModuleVisitor for Reader {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        match (&mut self.0, numbers(param.val())) {
            (Ok(found), Ok(values)) => found.push(values),
            (Ok(_), Err(error)) => self.0 = Err(error),
            (Err(_), _) => {}
        }
    }
}

/// The engine's gradients as Burn's optimizers take them.
fn gradients(model: &Xception, found: Vec<Option<Vec<f32>>>) -> GradientsParams {
    struct Writer {
        found: std::vec::IntoIter<Option<Vec<f32>>>,
        gradients: GradientsParams,
    }
    impl ModuleVisitor for Writer {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(Some(gradient)) = self.found.next() {
                let gradient = TensorData::new(gradient, param.lazy_shape());
                self.gradients.register(param.id, Tensor::<D>::from_data(gradient, &Device::flex()));
            }
        }
    }
    let mut writer = Writer { found: found.into_iter(), gradients: GradientsParams::new() };
    model.visit(&mut writer);
    writer.gradients
}

/// A step of any network, from its logits.
pub fn descend<M: Module>(
    model: M,
    logits: Tensor<2>,
    optimizer: &mut ModuleOptimizer,
    batch: &Batch,
    wanted: &[Target],
    rate: f64,
    smoothing: f32,
) -> (M, Scored) {
    let classes = logits.dims()[1];
    let target = targets(wanted, classes, smoothing, &logits.device());
    let losses = (log_softmax(logits.clone(), 1) * target).sum_dim(1).neg();
    let loss = losses.mean();
    let gradients = GradientsParams::from_grads(loss.backward(), &model);
    let model = optimizer.step(rate, model, gradients);
    (model, Scored::read(loss.detach(), logits.detach(), batch.classes.clone()))
}

/// The network as it is used, running statistics and all.
pub fn in_use(model: &Xception, network: &XceptionConfig) -> Result<Fused> {
    let ids = network.plan().tensors().into_iter().map(|(id, _)| id);
    let values: HashMap<_, _> = ids.zip(weights(&model.valid())?).collect();
    let missing = |id| Error::Training(format!("the network has no {id}"));
    let read = |id| values.get(&id).cloned().ok_or_else(|| missing(id));
    Fused::new(network, &read, Precision::F32, &Device::flex())
}

/// How many of a batch it names rightly.
pub fn validate(network: &Fused, batch: &Batch) -> Result<Score> {
    judged(network.forward(pictures(batch, &Device::flex()).permute([0, 3, 1, 2])), batch)
}

/// `[B, H, W, 3]`, normalised.
pub fn pictures(batch: &Batch, device: &Device) -> Tensor<4> {
    let (count, side) = (batch.classes.len(), batch.side());
    let pixels = batch.pixels.iter().copied().map(normalised).collect();
    Tensor::from_data(TensorData::new::<f32, _>(pixels, [count, side, side, 3]), device)
}

/// The same by way of bytes, which are taken and become numbers on the device: as numbers, the way to an NVIDIA H200 was
/// longer than a step.
fn uploaded(batch: &mut Batch, device: &Device) -> Tensor<4> {
    let (count, side) = (batch.classes.len(), batch.side());
    let mut bytes = std::mem::take(&mut batch.pixels);
    let len = bytes.len();
    bytes.resize(len.next_multiple_of(4), 0);
    // Four of them are one integer of a GPU, the first in its lowest bits.
    let words = TensorData::from_bytes_vec(bytes, [len.div_ceil(4)], DType::I32);
    let words = Tensor::<1, Int>::from_data(words, (device, DType::I32));
    let byte = |at: u32| words.clone().bitwise_right_shift_scalar(8 * at).bitwise_and_scalar(255);
    let bytes = Tensor::stack::<2>((0..4).map(byte).collect(), 1).flatten::<1>(0, 1).slice(s![..len]);
    let shares = bytes.float().div_scalar(255.0);
    shares.sub_scalar(0.5).div_scalar(0.5).reshape([count, side, side, 3])
}

fn targets(wanted: &[Target], classes: usize, smoothing: f32, device: &Device) -> Tensor<2> {
    let row = |target: &Target| {
        let target = *target;
        (0..classes).map(move |class| target.wanted(class, classes, smoothing))
    };
    let rows: Vec<f32> = wanted.iter().flat_map(row).collect();
    Tensor::from_data(TensorData::new(rows, [wanted.len(), classes]), device)
}

/// How many of a batch the logits name rightly.
pub fn judged(logits: Tensor<2>, batch: &Batch) -> Result<Score> {
    let classes = logits.dims()[1];
    let right = right_answers(&numbers(logits)?, classes, &batch.classes);
    Ok(Score { loss: 0.0, right, count: batch.classes.len() })
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    tensor
        .into_data()
        .try_into_vec_as::<f32>()
        .map_err(|error| Error::Training(format!("the backend gave back no numbers: {error:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_on_the_device_what_they_become_before_it() {
        // Sides of which the bytes fill whole integers, and not.
        for side in [8, 5] {
            let pixels = (0..3 * side * side * 3).map(|i| (i * 7919 % 2003) as u8).collect();
            let mut batch = Batch { pixels, classes: vec![0, 1, 2] };
            let expected = pictures(&batch, &Device::flex());
            uploaded(&mut batch, &Device::flex()).into_data().assert_eq(&expected.into_data(), true);
        }
    }
}
