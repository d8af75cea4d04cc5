//! All that decides a run's outcome.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::recipe::accelerator::Accelerator;
use crate::recipe::mix::Mix;
use crate::recipe::schedule::Budget;
use crate::recipe::variation::Variation;
use xception_web::error::{Error, Result};
use xception_web::model::{Dialect, XceptionConfig};
use xception_web::preprocess::{Filter, Fit, MAX_SIZE, Preprocess};

/// Side of the drawings' network's input, at the end of training and in use.
pub const SIDE: usize = 64;
/// The same for own pictures, which are photographs more often than not.
const OWN_SIDE: usize = 80;
/// Sides before that, each from a share of the run on: small pictures teach the most for their cost.
const GROWTH: [Growth; 2] = [Growth { from: 0.0, side: 48 }, Growth { from: 0.5, side: SIDE }];
/// Pictures between two checkpoints.
const EPOCH_SAMPLES: usize = 12_800;
/// Largest settings that make sense; past them a step takes more memory than there is.
const MAX_BATCH: usize = 4096;
const MAX_EPOCH: usize = 100_000_000;
const MAX_HANDS: usize = 1000;
/// Probability that the target usually spreads over all classes.
pub const LABEL_SMOOTHING: f32 = 0.1;
/// As many checkpoints has a run on own pictures, unless it is long.
const OWN_EPOCHS: u64 = 10;

/// From this share of the run on, pictures have this side.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Growth {
    /// Share of the run, 0 to 1.
    pub from: f64,
    /// Side in pixels.
    pub side: usize,
}

/// All that decides a run's outcome; stored in its folder. `examples/own.toml` shows it to users.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// When it ends.
    pub budget: Budget,
    /// Pictures per step.
    pub batch: usize,
    /// Highest learning rate.
    pub rate: f64,
    /// AdamW's weight decay.
    pub weight_decay: f32,
    /// Share of the target that is spread over all classes.
    pub label_smoothing: f32,
    /// Seed of the weights and the pictures.
    pub seed: u64,
    /// Pictures between two checkpoints.
    pub epoch: usize,
    /// Side of the network's input, in use.
    pub side: usize,
    /// The pictures' shorter side, where they are smaller than the network's input: what is finer it cannot learn, and
    /// is not shown in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<usize>,
    /// Sides while training; none is `side` throughout.
    pub growth: Vec<Growth>,
    /// Weight of the past in the average of the weights.
    pub decay: f64,
    /// How own pictures are varied.
    pub variation: Variation,
    /// Pictures mixed into others.
    pub mix: Mix,
    /// Redrawn versions of each drawing.
    pub hands: usize,
    /// A user's own pictures, one folder per class, instead of the icon sets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// On what it computes.
    pub device: Accelerator,
    /// A model file to start from instead of fresh weights; its network is taken, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<PathBuf>,
    /// Keep all but the head as `from` has it.
    pub freeze: bool,
    /// The network; without a number of classes (0), as many as there are drawings or folders for.
    pub network: XceptionConfig,
}

impl Default for TrainConfig {
    /// The drawings' model's, without a budget.
    fn default() -> Self {
        Self::new(Budget::Samples(0))
    }
}

impl TrainConfig {
    /// The drawings' model's, for any budget.
    pub fn new(budget: Budget) -> Self {
        Self {
            budget,
            batch: 64,
            rate: 3e-3,
            weight_decay: 0.03,
            label_smoothing: LABEL_SMOOTHING,
            seed: 1,
            epoch: EPOCH_SAMPLES,
            side: SIDE,
            detail: None,
            growth: GROWTH.to_vec(),
            decay: 0.998,
            variation: Variation::default(),
            mix: Mix::default(),
            hands: 10,
            data: None,
            device: Accelerator::Cpu,
            from: None,
            freeze: false,
            network: network(0),
        }
    }

    /// For a user's own pictures in `data`: at one size throughout, as runs are short.
    pub fn own(budget: Budget, data: PathBuf) -> Self {
        let config = Self { side: OWN_SIDE, growth: Vec::new(), data: Some(data), ..Self::new(budget) };
        match budget {
            Budget::Samples(samples) => {
                let epoch = (samples / OWN_EPOCHS).clamp(2 * config.batch as u64, config.epoch as u64);
                Self { epoch: epoch as usize, ..config }
            }
            Budget::Minutes(_) => config,
        }
    }

    /// Side of the pictures at that share of the run.
    pub fn side_at(&self, progress: f64) -> usize {
        self.growth.iter().rev().find(|step| progress >= step.from).map_or(self.side, |step| step.side)
    }

    /// Whether a run can be made of it.
    ///
    /// # Errors
    ///
    /// When not; the message says what is allowed.
    pub fn check(&self) -> Result<()> {
        match self.fault() {
            None => Ok(()),
            Some((field, what)) => Err(Error::Option(format!("`{field}` {what}"))),
        }
    }

    /// The first setting that no run can be made with, and what is wrong with it.
    pub fn fault(&self) -> Option<(&'static str, String)> {
        let (least, most) = (XceptionConfig::min_size(), MAX_SIZE);
        let side = |side: &usize| (least..=most).contains(side);
        let share = |share: f64| (0.0..1.0).contains(&share);
        let budget = match self.budget {
            Budget::Samples(samples) => samples > 0,
            Budget::Minutes(minutes) => minutes.is_finite() && minutes > 0.0,
        };
        let grows = self.growth.iter().all(|step| share(step.from) && side(&step.side))
            && self.growth.is_sorted_by(|before, after| before.from < after.from);
        let network = XceptionConfig { classes: self.network.classes.max(1), ..self.network.clone() }.fault();
        let (variation, mix) = (self.variation.fault(), self.mix.fault());
        let Self { batch, epoch, rate, weight_decay, label_smoothing, decay, .. } = self;
        let rules = [
            ("budget", budget, "must be above zero".into()),
            (
                "epoch",
                (2..=MAX_EPOCH).contains(epoch),
                format!("is {epoch} and must be 2 to {MAX_EPOCH}, and no batch is larger"),
            ),
            (
                "batch",
                (2..=MAX_BATCH.min(*epoch)).contains(batch),
                format!(
                    "is {batch} and must be 2 to {}, and at most the pictures between two checkpoints (`epoch`)",
                    MAX_BATCH.min(*epoch)
                ),
            ),
            ("hands", self.hands <= MAX_HANDS, format!("is {} and must be at most {MAX_HANDS}", self.hands)),
            (
                "rate",
                rate.is_finite() && *rate > 0.0,
                format!("is {rate} and must be above zero, such as 0.003"),
            ),
            (
                "weight_decay",
                weight_decay.is_finite() && *weight_decay >= 0.0,
                format!("is {weight_decay} and must be zero or above"),
            ),
            (
                "label_smoothing",
                share(f64::from(*label_smoothing)),
                format!("is {label_smoothing} and must be a share, from 0 to below 1"),
            ),
            ("decay", share(*decay), format!("is {decay} and must be a share, from 0 to below 1")),
            ("side", side(&self.side), format!("is {} and must be {least} to {most} pixels", self.side)),
            (
                "detail",
                self.detail.is_none_or(|detail| (1..=self.side).contains(&detail)),
                format!("is {} and must be 1 to `side`, {}", self.detail.unwrap_or(0), self.side),
            ),
            (
                "growth",
                grows,
                format!(
                    "must have rising shares in `from`, from 0 to below 1, and sides of {least} to {most} pixels"
                ),
            ),
            ("variation", variation.is_none(), variation.unwrap_or_default()),
            ("mix", mix.is_none(), mix.unwrap_or_default()),
            (
                "freeze",
                !self.freeze || self.from.is_some(),
                "keeps the layers of a given model; name one with --from, or leave --freeze out".into(),
            ),
            (
                "network",
                network.is_none(),
                format!("asks for {}", network.as_deref().unwrap_or("nothing wrong")),
            ),
        ];
        rules.into_iter().find(|(_, holds, _)| !holds).map(|(field, _, what)| (field, what))
    }
}

/// The drawings' network: the mini one with a wider end, where pixels are few and channels cheap.
pub fn network(classes: usize) -> XceptionConfig {
    XceptionConfig {
        exit: vec![192, 320],
        tail: vec![512, 768],
        ..XceptionConfig::mini(Dialect::Timm, classes)
    }
    .named()
}

/// What the input of a network trained here must look like, from pictures of any size.
pub fn preprocess(side: usize) -> Preprocess {
    seen_at(side, None)
}

/// The same for a network that learns from pictures of that size, if they are smaller than its input.
pub fn seen_at(side: usize, detail: Option<usize>) -> Preprocess {
    Preprocess {
        size: side,
        detail: detail.filter(|detail| *detail < side),
        grey: false,
        fit: Fit::CenterCrop { crop_pct: 1.0 },
        filter: Filter::Bilinear,
        mean: [0.5; 3],
        std: [0.5; 3],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_grow_with_the_run() {
        let config = TrainConfig::new(Budget::Samples(1));
        let sides = [0.0, 0.49, 0.5, 1.0].map(|progress| config.side_at(progress));
        assert_eq!(sides, [48, 48, SIDE, SIDE]);
        assert_eq!(TrainConfig { growth: Vec::new(), ..config }.side_at(0.0), SIDE);
    }
}
