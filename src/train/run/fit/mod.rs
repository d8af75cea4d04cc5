//! What a run is while it goes: steps, and the checkpoints between them.

use std::time::Instant;

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use rayon::prelude::*;

use crate::learn::adamw::AdamW;
use crate::learn::average::Average;
use crate::learn::engine::Engine;
use crate::learn::init::{fresh, settled};
use crate::learn::pass::Pass;
use crate::learn::score::{Score, Scored};
use crate::learn::start::beginning;
use crate::learn::step::{in_use, step, validate};
use crate::recipe::accelerator::Accelerator;
use crate::recipe::config::TrainConfig;
use crate::recipe::schedule::learning_rate;
use crate::run::checkpoint::{LogLine, RunFolder, State};
use crate::run::progress::Progress;
use crate::supply::Supply;
use crate::supply::batch::Batch;
use crate::supply::mix::mixed_ahead;
use crate::supply::target::Target;
use xception_web::error::Result;
use xception_web::model::Xception;

/// Steps between two looks at the weights for their average where a GPU has them: reading them back took a third of a
/// step on an NVIDIA H200.
const GPU_STEPS: u64 = 16;

/// A network that is being fitted.
pub struct Fit<'a> {
    config: &'a TrainConfig,
    folder: &'a RunFolder,
    supply: &'a Supply,
    model: Xception,
    average: Average,
    optimizer: ModuleOptimizer,
    engine: Option<Engine>,
    /// Where it stands.
    pub state: State,
}

impl<'a> Fit<'a> {
    /// From the folder's last checkpoint, or from the beginning.
    pub fn open(config: &'a TrainConfig, folder: &'a RunFolder, supply: &'a Supply) -> Result<Self> {
        let device = config.device.open()?;
        let optimizer = AdamW::init(config.weight_decay);
        let state = folder.state()?;
        let first = match state.epochs {
            0 => beginning(config, &supply.labels(), &device)?,
            // Any weights will do, the checkpoint's come in their place.
            _ => fresh(&config.network, &device, config.seed),
        };
        let (model, averaged, optimizer) = folder.load(first, optimizer)?;
        // Burn keeps what it notes of each weight that asks for a gradient until it goes backwards, which the engine
        // does instead.
        let model = if Pass::of(config) == Pass::Ours { model.no_grad() } else { model };
        let average = Average::new(&averaged, state.samples / config.batch as u64)?;
        Ok(Self { config, folder, supply, model, average, optimizer, engine: None, state })
    }

    /// The model to keep.
    pub fn averaged(&self) -> Xception {
        self.average.model(&self.model)
    }

    /// The share that is over, 0 to 1.
    pub fn progress(&self) -> f64 {
        self.config.budget.progress(self.state.samples, self.state.seconds)
    }

    /// Trains until the next checkpoint, and writes it.
    pub fn epoch(&mut self, shown: &Progress) -> Result<LogLine> {
        let config = self.config;
        let (start, before) = (Instant::now(), self.state.seconds);
        let mut score = Score::default();
        let mut rate = 0.0;
        let steps = config.epoch / config.batch;
        let side = config.side_at(self.progress());
        let batches = self.supply.epoch(side, config.seed, self.state.epochs, steps, config.batch);
        // Of the last step, which may still be under way.
        let mut last = None;
        for mixed in mixed_ahead(batches, config, self.state.samples) {
            let (mut batch, targets) = mixed?;
            rate = learning_rate(config.rate, self.progress());
            if let Some(last) = last.replace(self.learn(&mut batch, &targets, rate)?) {
                score.add(last.wait()?);
            }
            self.state.seconds = before + start.elapsed().as_secs_f64();
            let speed = score.count as f64 / start.elapsed().as_secs_f64();
            shown.step(self.progress(), self.state.epochs + 1, &score, speed);
            // Larger pictures come when they are due, not with the next checkpoint.
            if self.progress() >= 1.0 || config.side_at(self.progress()) != side {
                break;
            }
        }
        score.add(last.map_or_else(|| Ok(Score::default()), Scored::wait)?);
        let pictures_per_second = score.count as f64 / start.elapsed().as_secs_f64();
        let validation = self.validation(side)?;
        self.state.seconds = before + start.elapsed().as_secs_f64();
        self.checkpoint()?;
        let line = LogLine {
            state: self.state,
            loss: score.mean_loss(),
            train_accuracy: score.accuracy(),
            validation_accuracy: validation.accuracy(),
            rate,
            pictures_per_second,
        };
        self.folder.log(&line)?;
        Ok(line)
    }

    /// Moves the network by one batch.
    fn learn(&mut self, batch: &mut Batch, targets: &[Target], rate: f64) -> Result<Scored> {
        let (config, model, pass) = (self.config, self.model.clone(), Pass::of(self.config));
        let (engine, optimizer) = (&mut self.engine, &mut self.optimizer);
        let (model, score) = step(model, config, pass, engine, optimizer, batch, targets, rate)?;
        let first = self.state.samples == 0 && config.from.is_none();
        self.model = if first { settled(model) } else { model };
        self.state.samples += batch.classes.len() as u64;
        let steps = if config.device == Accelerator::Cpu { 1 } else { GPU_STEPS };
        if (self.state.samples / config.batch as u64).is_multiple_of(steps) {
            self.average.add(&self.model, config.decay, steps)?;
        }
        Ok(score)
    }

    /// Ends an epoch.
    fn checkpoint(&mut self) -> Result<()> {
        self.state.epochs += 1;
        // The last batch's share of the running statistics included, as in the average.
        self.folder.save(self.state, &self.model.valid(), &self.averaged(), &self.optimizer)
    }

    /// At the side that the epoch had: statistics of batch norm hold for that one.
    fn validation(&self, side: usize) -> Result<Score> {
        let network = in_use(&self.averaged(), &self.config.network)?;
        let batches = self.supply.validation(side, self.config.seed).par_bridge();
        batches.map(|batch| validate(&network, &batch)).try_reduce(Score::default, |mut all, one| {
            all.add(one);
            Ok(all)
        })
    }
}

#[cfg(test)]
mod tests;
