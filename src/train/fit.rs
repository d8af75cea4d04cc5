//! A run under way: steps, and the checkpoints between them.

use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Instant;

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use rayon::prelude::*;

use super::accelerator::Accelerator;
use super::adamw::AdamW;
use super::average::Average;
use super::checkpoint::{LogLine, RunFolder, State};
use super::config::TrainConfig;
use super::dataset::Batch;
use super::init::{fresh, settled};
use super::learn::{Engine, Target};
use super::mix::mixed;
use super::pass::Pass;
use super::progress::Progress;
use super::schedule::learning_rate;
use super::score::{Score, Scored};
use super::start::beginning;
use super::step::{in_use, step, validate};
use super::supply::Supply;
use xception_web::error::Result;
use xception_web::model::Xception;

/// Steps between two looks at the weights for their average where a GPU has them: reading them back took a third of a
/// step on an NVIDIA H200.
const GPU_STEPS: u64 = 16;

/// A run under way.
pub struct Run<'a> {
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

impl<'a> Run<'a> {
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

    /// One step.
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

/// Batches with pictures mixed into each other, and what they are to be taken for, a few ahead of need; `first` pictures
/// came before them.
fn mixed_ahead(
    batches: Receiver<Batch>,
    config: &TrainConfig,
    first: u64,
) -> Receiver<Result<(Batch, Vec<Target>)>> {
    let (mix, detail, seed, size) = (config.mix, config.detail, config.seed, config.batch as u64);
    let (send, receive) = sync_channel(1);
    std::thread::spawn(move || {
        for (number, mut batch) in (0..).zip(batches) {
            let targets = mixed(&mut batch, &mix, detail, seed, first + number * size);
            // The receiver is gone when training stops early.
            if send.send(targets.map(|targets| (batch, targets))).is_err() {
                return;
            }
        }
    });
    receive
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use burn::tensor::{Device, Tensor, Tolerance};

    use super::super::checkpoint::Kept;
    use super::super::classes::{CLASSES, labels};
    use super::super::config::preprocess;
    use super::super::dataset::Drawings;
    use super::super::icons::INSTALLED;
    use super::super::mix::plain;
    use super::super::schedule::Budget;
    use super::super::step::pictures;
    use super::*;
    use xception_web::labels::Labels;
    use xception_web::model::{Dialect, XceptionConfig};
    use xception_web::weights::{About, Dtype, save};

    fn config() -> TrainConfig {
        let network = XceptionConfig {
            stem: [4, 6],
            entry: vec![vec![8, 8], vec![12, 12]],
            middle_blocks: 1,
            middle_units: 1,
            exit: vec![12, 16],
            tail: vec![24],
            ..XceptionConfig::mini(Dialect::Timm, CLASSES.len())
        };
        let growth = Vec::new();
        let budget = Budget::Samples(128);
        TrainConfig { batch: 16, epoch: 64, side: 33, growth, hands: 1, network, ..TrainConfig::new(budget) }
    }

    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("xception-train-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        path
    }

    fn weights(model: &Xception) -> Vec<u8> {
        let config = config();
        save(
            &model.valid(),
            &config.network,
            &preprocess(config.side),
            &Labels::new(labels()),
            &About::default(),
            Dtype::F32,
        )
        .unwrap()
    }

    #[test]
    fn a_resumed_run_ends_like_one_that_went_through() {
        let (config, drawings) = (config(), Drawings::read(Path::new(INSTALLED), 1).unwrap());
        let drawings = Supply::Drawings(drawings);
        let paths = [folder("through"), folder("resumed")];

        let kept = Kept { labels: labels(), out: PathBuf::new() };
        let through = RunFolder::create(&paths[0], &config, &kept).unwrap();
        let mut run = Run::open(&config, &through, &drawings).unwrap();
        while run.progress() < 1.0 {
            run.epoch(&Progress::hidden()).unwrap();
        }
        assert_eq!(run.state.epochs, 2);

        let first = RunFolder::create(&paths[1], &config, &kept).unwrap();
        Run::open(&config, &first, &drawings).unwrap().epoch(&Progress::hidden()).unwrap();
        let (again, same, found) = RunFolder::open::<TrainConfig>(&paths[1]).unwrap();
        assert_eq!((&same, found), (&config, kept.clone()));
        let mut resumed = Run::open(&same, &again, &drawings).unwrap();
        assert!(resumed.progress() > 0.4 && resumed.progress() < 0.6);
        resumed.epoch(&Progress::hidden()).unwrap();

        assert!(weights(&run.model) == weights(&resumed.model));
        assert!(weights(&run.averaged()) == weights(&resumed.averaged()));
        assert!(RunFolder::create(&paths[1], &config, &kept).is_err());
        for path in paths {
            std::fs::remove_dir_all(path).unwrap();
        }
    }

    #[test]
    fn the_checkpoint_interval_does_not_change_the_weights_for_the_same_batches() {
        let (config, drawings) = (config(), Drawings::read(Path::new(INSTALLED), 0).unwrap());
        let batches: Vec<_> = (0..6)
            .map(|i| drawings.batch(config.side, 1, 0, i * config.batch as u64, config.batch))
            .collect();
        let drawings = Supply::Drawings(drawings);
        let paths = [folder("often"), folder("once")];
        let ends = [1, 6].map(|interval| {
            let kept = Kept { labels: labels(), out: PathBuf::new() };
            let folder = RunFolder::create(&paths[usize::from(interval > 1)], &config, &kept).unwrap();
            let mut run = Run::open(&config, &folder, &drawings).unwrap();
            for some in batches.chunks(interval) {
                for batch in some {
                    run.learn(&mut batch.clone(), &plain(batch), 5e-3).unwrap();
                }
                run.validation(config.side).unwrap();
                run.checkpoint().unwrap();
            }
            // What is kept between two runs is what a run without a break has.
            let kept = Run::open(&config, &folder, &drawings).unwrap();
            assert!(weights(&kept.model) == weights(&run.model));
            assert!(weights(&kept.averaged()) == weights(&run.averaged()));
            assert!(weights(&run.model) != weights(&run.averaged()));
            [weights(&run.model), weights(&run.averaged())]
        });
        assert!(ends[0] == ends[1]);
        for path in paths {
            std::fs::remove_dir_all(path).unwrap();
        }
    }

    #[test]
    fn a_fresh_networks_running_statistics_begin_with_its_first_batch() {
        let (config, drawings) = (config(), Drawings::read(Path::new(INSTALLED), 0).unwrap());
        let mut batch = drawings.batch(config.side, 1, 0, 0, config.batch);
        let drawings = Supply::Drawings(drawings);
        let (path, kept) = (folder("settled"), Kept { labels: labels(), out: PathBuf::new() });
        let folder = RunFolder::create(&path, &config, &kept).unwrap();
        let mut run = Run::open(&config, &folder, &drawings).unwrap();
        let x = pictures(&batch, &run.model.head.weight.val().device()).permute([0, 3, 1, 2]);
        let y = run.model.stem[0].conv.forward(x).permute([1, 0, 2, 3]);
        let [channels, b, h, w] = y.dims();
        let y = y.reshape([channels, b * h * w]);
        let targets = plain(&batch);
        run.learn(&mut batch, &targets, 1e-3).unwrap();

        let norm = run.model.stem[0].norm.clone().unwrap();
        let near = Tolerance::<f32>::rel_abs(1e-3, 1e-4);
        let data = |tensor: Tensor<2>| tensor.reshape([channels]).into_data();
        norm.running_mean.value_sync().into_data().assert_approx_eq(&data(y.clone().mean_dim(1)), near);
        norm.running_var.value_sync().into_data().assert_approx_eq(&data(y.var(1)), near);
        std::fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn a_few_steps_on_the_same_pictures_reduce_the_loss() {
        let (config, drawings) = (config(), Drawings::read(Path::new(INSTALLED), 1).unwrap());
        let device = Device::flex().autodiff();
        let mut model = fresh(&config.network, &device, 1);
        let (mut optimizer, mut engine) = (AdamW::init(1e-4), None);
        let mut batch = drawings.batch(config.side, 1, 0, 0, 16);
        let targets = plain(&batch);
        let losses: Vec<f64> = (0..12)
            .map(|_| {
                let (engine, optimizer) = (&mut engine, &mut optimizer);
                let (next, score) =
                    step(model.clone(), &config, Pass::Ours, engine, optimizer, &mut batch, &targets, 5e-3)
                        .unwrap();
                model = next;
                score.wait().unwrap().mean_loss()
            })
            .collect();
        assert!(losses[11] < 0.8 * losses[0], "{losses:?}");
    }
}
