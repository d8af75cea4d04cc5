//! One training run of one variant.

use std::time::Instant;

use burn::module::Module;
use burn::optim::AdamWConfig;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::network::Network;
use super::pools::{BATCH, Pools, SIDE, Subject};
use super::variant::Variant;
use super::widths::Widths;
use crate::learn::score::Score;
use crate::learn::step::{descend, judged, pictures};
use crate::recipe::config::LABEL_SMOOTHING;
use crate::recipe::schedule::learning_rate;
use crate::supply::batch::Batch;
use crate::supply::mix::plain;
use xception_web::error::Result;

/// Highest learning rate, and AdamW's weight decay: the drawings' model's, the same for every variant.
pub const RATE: f64 = 3e-3;
const WEIGHT_DECAY: f32 = 0.03;
/// Points of a history.
const POINTS: usize = 8;
/// Batches that judge on the way, of those that judge at the end.
const JUDGED_ON_THE_WAY: usize = 8;

/// Where a run stood.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Pictures learned from until then.
    pub samples: u64,
    /// Mean training loss since the point before.
    pub loss: f64,
    /// Accuracy on some pictures held out.
    pub validation: f64,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Name of the variant.
    pub variant: String,
    /// Seed of weights and pictures.
    pub seed: u64,
    /// What the pictures were.
    pub subject: Subject,
    /// Pictures trained on.
    pub samples: u64,
    /// Output channels of each part.
    pub widths: Widths,
    /// Numbers that training changes.
    pub parameters: usize,
    /// Mean training loss at the end.
    pub loss: f64,
    /// Accuracy on pictures held out, in the training styles.
    pub validation: f64,
    /// Accuracy in a style never trained on, of drawings.
    pub unseen: Option<f64>,
    /// Loss and accuracy on the way.
    pub history: Vec<Point>,
    /// How long it took.
    pub seconds: f64,
}

/// Trains `variant` on `samples` pictures; equal seeds give equal outcomes, time apart.
pub fn run(
    variant: &Variant,
    pools: &Pools,
    seed: u64,
    samples: u64,
    mut tell: impl FnMut(u64),
) -> Result<Outcome> {
    let (start, classes) = (Instant::now(), pools.subject.classes);
    let widths = Widths::of(variant, classes);
    let device = Device::flex().autodiff();
    let mut network = Network::new(variant, &widths, classes, seed, &device);
    let mut optimizer = AdamWConfig::new().with_weight_decay(WEIGHT_DECAY).init();
    let steps = (samples as usize / BATCH).max(1);
    let mut history = Vec::new();
    let mut score = Score::default();
    for (step, batch) in pools.supply.epoch(SIDE, seed, 0, steps, BATCH).into_iter().enumerate() {
        let logits = network.logits(variant, pictures(&batch, &device), true);
        let rate = learning_rate(RATE, step as f64 / steps as f64);
        let one;
        (network, one) =
            descend(network, logits, &mut optimizer, &batch, &plain(&batch), rate, LABEL_SMOOTHING);
        score.add(one.wait()?);
        let done = step + 1;
        if done * POINTS / steps > step * POINTS / steps {
            let judges = &pools.validation[..JUDGED_ON_THE_WAY.min(pools.validation.len())];
            let validation = judge(&network, variant, judges)?;
            let samples = (done * BATCH) as u64;
            history.push(Point { samples, loss: score.mean_loss(), validation });
            score = Score::default();
        }
        tell((done * BATCH) as u64);
    }
    Ok(Outcome {
        variant: variant.name.into(),
        seed,
        subject: pools.subject.clone(),
        samples,
        widths,
        parameters: widths.parameters(variant, classes),
        loss: history.last().map_or(f64::NAN, |point| point.loss),
        validation: judge(&network, variant, &pools.validation)?,
        unseen: (!pools.unseen.is_empty()).then(|| judge(&network, variant, &pools.unseen)).transpose()?,
        history,
        seconds: start.elapsed().as_secs_f64(),
    })
}

/// Share of right answers, by running statistics.
fn judge(network: &Network, variant: &Variant, batches: &[Batch]) -> Result<f64> {
    let network = network.valid();
    let mut score = Score::default();
    for batch in batches {
        let logits = network.logits(variant, pictures(batch, &network.device()), false);
        score.add(judged(logits, batch)?);
    }
    Ok(score.accuracy())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::pools::drawn;
    use super::super::variant::VARIANTS;
    use super::*;
    use crate::draw::icons::{INSTALLED, TRAINING_SETS};
    use crate::supply::drawings::Drawings;

    #[test]
    fn every_variant_can_learn_some_pictures_by_heart() {
        let drawings = Drawings::read_some(Path::new(INSTALLED), &TRAINING_SETS[..1], &drawn().unwrap(), 0);
        let batch = drawings.unwrap().batch(SIDE, 1, 0, 0, 16);
        let device = Device::flex().autodiff();
        for variant in &VARIANTS {
            let classes = drawn().unwrap().len();
            let widths = Widths::of(variant, classes);
            let mut network = Network::new(variant, &widths, classes, 1, &device);
            let mut optimizer = AdamWConfig::new().init();
            let mut step = || {
                let logits = network.logits(variant, pictures(&batch, &device), true);
                let (next, score) =
                    descend(network.clone(), logits, &mut optimizer, &batch, &plain(&batch), RATE, 0.0);
                network = next;
                score.wait().unwrap().mean_loss()
            };
            let losses: Vec<_> = (0..20).map(|_| step()).collect();
            assert!(losses[19] < 0.7 * losses[0], "{}: {losses:?}", variant.name);
        }
    }
}
