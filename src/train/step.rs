//! One step of training, and the network's accuracy on a batch.

use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor, TensorData};

use super::config::TrainConfig;
use super::dataset::Batch;
use super::pass::Pass;
use crate::error::{Error, Result};
use crate::model::Xception;

/// Probability that the target usually spreads over all classes.
pub const LABEL_SMOOTHING: f32 = 0.1;

/// What a step, or several, made of its pictures.
#[derive(Clone, Copy, Debug, Default)]
pub struct Score {
    /// Sum of the pictures' losses.
    pub loss: f64,
    /// Pictures whose likeliest class was right.
    pub right: usize,
    /// Pictures.
    pub count: usize,
}

impl Score {
    /// Adds another's pictures.
    pub fn add(&mut self, other: Self) {
        self.loss += other.loss;
        self.right += other.right;
        self.count += other.count;
    }

    /// Mean loss.
    pub fn mean_loss(&self) -> f64 {
        self.loss / self.count.max(1) as f64
    }

    /// Share of right answers.
    pub fn accuracy(&self) -> f64 {
        self.right as f64 / self.count.max(1) as f64
    }
}

/// Moves `model` one step of `rate` towards the right answers for `batch`.
pub fn step(
    model: Xception,
    config: &TrainConfig,
    pass: Pass,
    optimizer: &mut ModuleOptimizer,
    batch: &Batch,
    rate: f64,
) -> Result<(Xception, Score)> {
    let device = model.head.weight.val().device();
    let logits = pass.logits(&model, &config.network, pictures(batch, &device));
    descend(model, logits, optimizer, batch, rate, config.label_smoothing)
}

/// The same for any network, from its logits.
pub fn descend<M: Module>(
    model: M,
    logits: Tensor<2>,
    optimizer: &mut ModuleOptimizer,
    batch: &Batch,
    rate: f64,
    smoothing: f32,
) -> Result<(M, Score)> {
    let classes = logits.dims()[1];
    let target = targets(batch, classes, smoothing, &logits.device());
    let losses = (log_softmax(logits.clone(), 1) * target).sum_dim(1).neg();
    let loss = losses.mean();
    let score = Score {
        loss: read(loss.clone().reshape([1, 1]).detach())?.iter().map(|v| f64::from(*v)).sum::<f64>()
            * batch.classes.len() as f64,
        ..right_answers(logits.detach(), batch)?
    };
    if !score.loss.is_finite() {
        return Err(Error::Training(
            "the loss is no longer a number; start again with a lower --rate".into(),
        ));
    }
    let gradients = GradientsParams::from_grads(loss.backward(), &model);
    Ok((optimizer.step(rate, model, gradients), score))
}

/// Answers of the network as it would be used, running statistics and all.
pub fn validate(model: &Xception, batch: &Batch) -> Result<Score> {
    let model = model.valid();
    let device = model.head.weight.val().device();
    let logits = model.forward(pictures(batch, &device).permute([0, 3, 1, 2]));
    right_answers(logits, batch)
}

/// `[B, H, W, 3]`.
pub fn pictures(batch: &Batch, device: &Device) -> Tensor<4> {
    let count = batch.classes.len();
    let side = (batch.pixels.len() / count / 3).isqrt();
    Tensor::from_data(TensorData::new(batch.pixels.clone(), [count, side, side, 3]), device)
}

fn targets(batch: &Batch, classes: usize, smoothing: f32, device: &Device) -> Tensor<2> {
    let mut rows = vec![smoothing / classes as f32; batch.classes.len() * classes];
    for (row, &class) in rows.chunks_exact_mut(classes).zip(&batch.classes) {
        row[class] += 1.0 - smoothing;
    }
    Tensor::from_data(TensorData::new(rows, [batch.classes.len(), classes]), device)
}

/// How many of the logits are largest where they should be.
pub fn right_answers(logits: Tensor<2>, batch: &Batch) -> Result<Score> {
    let classes = logits.dims()[1];
    let logits = read(logits)?;
    let best = |row: &[f32]| (0..classes).max_by(|&a, &b| row[a].total_cmp(&row[b]));
    let answers = logits.chunks_exact(classes).map(best).zip(&batch.classes);
    let right = answers.filter(|(answer, class)| *answer == Some(**class)).count();
    Ok(Score { loss: 0.0, right, count: batch.classes.len() })
}

fn read(tensor: Tensor<2>) -> Result<Vec<f32>> {
    tensor
        .into_data()
        .try_into_vec_as::<f32>()
        .map_err(|error| Error::Training(format!("the backend gave back no numbers: {error:?}")))
}
