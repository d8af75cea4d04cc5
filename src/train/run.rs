//! A whole run: from drawings to a model file.

use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::module::Module;
use burn::optim::AdamWConfig;
use burn::tensor::Device;
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

use super::checkpoint::{LogLine, RunFolder, State};
use super::classes::{CLASSES, labels};
use super::dataset::{Drawings, Source};
use super::schedule::{Budget, learning_rate};
use super::step::{Score, step, validate};
use crate::error::{Error, Result};
use crate::labels::Labels;
use crate::model::{Dialect, Xception, XceptionConfig};
use crate::preprocess::{Filter, Fit, Preprocess};
use crate::weights::{About, Dtype, save};

/// Side of the network's input.
pub const SIDE: usize = 72;
/// Pictures between two checkpoints.
const EPOCH_SAMPLES: usize = 12_800;
/// Pictures held out, and how many are judged at once.
const VALIDATION_SAMPLES: usize = 640;
const VALIDATION_BATCH: usize = 64;

/// All that decides a run's outcome; stored in its folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainConfig {
    /// When it ends.
    pub budget: Budget,
    /// Pictures per step.
    pub batch: usize,
    /// Highest learning rate.
    pub rate: f64,
    /// AdamW's weight decay.
    pub weight_decay: f32,
    /// Seed of the weights and the pictures.
    pub seed: u64,
    /// Side of the network's input.
    pub side: usize,
    /// The network.
    pub network: XceptionConfig,
}

impl TrainConfig {
    /// The bundled model's, for any budget.
    pub fn new(budget: Budget) -> Self {
        Self {
            budget,
            batch: 64,
            rate: 3e-3,
            weight_decay: 0.03,
            seed: 1,
            side: SIDE,
            network: XceptionConfig::mini(Dialect::Timm, CLASSES.len()),
        }
    }

    fn check(&self) -> Result<()> {
        let positive = match self.budget {
            Budget::Samples(samples) => samples > 0,
            Budget::Minutes(minutes) => minutes > 0.0,
        };
        if !positive || self.batch < 2 || self.batch > EPOCH_SAMPLES || self.rate <= 0.0 {
            return Err(Error::Training(format!(
                "a run needs a budget and a rate above zero, and 2 to {EPOCH_SAMPLES} pictures per step"
            )));
        }
        self.network.validate()
    }

    fn epoch_steps(&self) -> usize {
        EPOCH_SAMPLES / self.batch
    }
}

/// What the input of a network trained here must look like.
pub fn preprocess(side: usize) -> Preprocess {
    Preprocess {
        size: side,
        fit: Fit::CenterCrop { crop_pct: 1.0 },
        filter: Filter::Bilinear,
        mean: [0.5; 3],
        std: [0.5; 3],
    }
}

/// Where a run reads and writes.
#[derive(Clone, Debug)]
pub struct Paths {
    /// The icon sets.
    pub icons: PathBuf,
    /// The run's folder.
    pub run: PathBuf,
    /// The model file.
    pub out: PathBuf,
}

/// Trains from the beginning.
pub fn train(config: &TrainConfig, paths: &Paths) -> Result<()> {
    config.check()?;
    let drawings = Drawings::read(&paths.icons)?;
    let folder = RunFolder::create(&paths.run, config)?;
    proceed(config, &folder, &drawings, &paths.out)
}

/// Continues the run in `paths.run` from its last checkpoint.
pub fn resume(paths: &Paths) -> Result<()> {
    let (folder, config) = RunFolder::open::<TrainConfig>(&paths.run)?;
    config.check()?;
    proceed(&config, &folder, &Drawings::read(&paths.icons)?, &paths.out)
}

fn proceed(config: &TrainConfig, folder: &RunFolder, drawings: &Drawings, out: &Path) -> Result<()> {
    let device = Device::flex().autodiff();
    device.seed(config.seed);
    let optimizer = AdamWConfig::new().with_weight_decay(config.weight_decay).init();
    let (mut model, mut optimizer) = folder.load(config.network.init(&device), optimizer)?;
    let mut state = folder.state()?;
    let bar = progress_bar(config.budget, state);
    let progress = |state: State| config.budget.progress(state.samples, state.seconds);
    while progress(state) < 1.0 {
        let start = Instant::now();
        let before = state;
        let mut score = Score::default();
        let mut rate = 0.0;
        let batches =
            drawings.epoch(config.side, config.seed, state.epochs, config.epoch_steps(), config.batch);
        for batch in batches {
            rate = learning_rate(config.rate, progress(state));
            let (next, one) = step(model, &config.network, &mut optimizer, &batch, rate)?;
            model = next;
            score.add(one);
            state.samples += batch.classes.len() as u64;
            state.seconds = before.seconds + start.elapsed().as_secs_f64();
            bar.set_position((progress(state) * BAR) as u64);
            let speed = score.count as f64 / start.elapsed().as_secs_f64();
            bar.set_message(format!(
                "epoch {}, loss {:.3}, {:.1} % right, {speed:.0} pictures/s",
                state.epochs + 1,
                score.mean_loss(),
                100.0 * score.accuracy()
            ));
            if progress(state) >= 1.0 {
                break;
            }
        }
        let pictures_per_second = score.count as f64 / start.elapsed().as_secs_f64();
        let validation = validation(&model, config, drawings)?;
        state.epochs += 1;
        state.seconds = before.seconds + start.elapsed().as_secs_f64();
        folder.save(state, &model, &optimizer)?;
        let line = LogLine {
            state,
            loss: score.mean_loss(),
            train_accuracy: score.accuracy(),
            validation_accuracy: validation.accuracy(),
            rate,
            pictures_per_second,
        };
        folder.log(&line)?;
        report(&bar, &line);
    }
    bar.finish_and_clear();
    export(&model, config, &drawings.sources, state, out)
}

fn validation(model: &Xception, config: &TrainConfig, drawings: &Drawings) -> Result<Score> {
    let mut score = Score::default();
    for first in (0..VALIDATION_SAMPLES).step_by(VALIDATION_BATCH) {
        let batch = drawings.validation(config.side, config.seed, first as u64, VALIDATION_BATCH);
        score.add(validate(model, &config.network, &batch)?);
    }
    Ok(score)
}

/// Writes the model as f16, with all that a user must know of it.
fn export(
    model: &Xception,
    config: &TrainConfig,
    sources: &[Source],
    state: State,
    out: &Path,
) -> Result<()> {
    let list = |of: fn(&Source) -> String| sources.iter().map(of).collect::<Vec<_>>().join(", ");
    let about = About {
        title: Some(format!("Things as drawn in emoji and icon sets, {} classes", CLASSES.len())),
        licence: Some(format!(
            "weights: MIT OR Apache-2.0; trained on drawings under their own licences: {}",
            list(|source| format!("{} {}", source.name, source.license))
        )),
        provenance: Some(format!(
            "trained from nothing by `xception train` (seed {}, {} pictures, {} px) on the npm packages {}",
            config.seed,
            state.samples,
            config.side,
            list(|source| format!("@iconify-json/{}@{}", source.name, source.version))
        )),
    };
    let labels = Labels::new(labels());
    let bytes = save(model, &config.network, &preprocess(config.side), &labels, &about, Dtype::F16)?;
    if let Some(parent) = out.parent() {
        std::fs::create_dir_all(parent).map_err(|source| io("create", parent, source))?;
    }
    std::fs::write(out, &bytes).map_err(|source| io("write", out, source))?;
    println!(
        "{}: {} bytes, {} numbers, {:.1} million multiply-accumulates a picture",
        out.display(),
        bytes.len(),
        model.num_params(),
        config.network.macs(config.side) as f64 / 1e6
    );
    Ok(())
}

fn io(action: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::Io { action, path: path.display().to_string(), source }
}

/// Length of the progress bar's scale.
const BAR: f64 = 10_000.0;

fn progress_bar(budget: Budget, state: State) -> ProgressBar {
    let bar = ProgressBar::new(BAR as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3} % {msg}, {eta} left") {
        bar.set_style(style);
    }
    bar.set_position((budget.progress(state.samples, state.seconds) * BAR) as u64);
    bar.reset_eta();
    bar
}

/// One line per epoch; printed plainly when there is no terminal for a bar.
fn report(bar: &ProgressBar, line: &LogLine) {
    let text = format!(
        "epoch {:>3}  {:>8} pictures  {:>6.1} min  loss {:.3}  train {:.1} %  validation {:.1} %  rate {:.5}  {:.0} pictures/s",
        line.state.epochs,
        line.state.samples,
        line.state.seconds / 60.0,
        line.loss,
        100.0 * line.train_accuracy,
        100.0 * line.validation_accuracy,
        line.rate,
        line.pictures_per_second
    );
    if bar.is_hidden() {
        println!("{text}");
    } else {
        bar.println(text);
    }
}
