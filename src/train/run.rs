//! A whole run: from drawings to a model file.

use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::module::Module;
use burn::optim::{AdamWConfig, ModuleOptimizer};

use super::average::Average;
use super::checkpoint::{Kept, LogLine, RunFolder, State};
use super::config::{TrainConfig, preprocess};
use super::dataset::{Batch, Drawings};
use super::init::fresh;
use super::output;
use super::pass::Pass;
use super::pictures::Pictures;
use super::progress::Progress;
use super::schedule::learning_rate;
use super::start::beginning;
use super::step::{Score, step, validate};
use super::supply::Supply;
use crate::error::{Error, Result};
use crate::labels::Labels;
use crate::model::Xception;
use crate::weights::{Dtype, save};

/// Where a run reads and writes.
#[derive(Clone, Debug)]
pub struct Paths {
    /// The icon sets.
    pub icons: PathBuf,
    /// The run's folder.
    pub run: PathBuf,
    /// The model file, if not the default, or the one that the continued run was to write.
    pub out: Option<PathBuf>,
}

impl Paths {
    /// Nothing overwrites the bundled model unasked: what is trained is not calibrated yet.
    fn out(&self, config: &TrainConfig) -> PathBuf {
        self.out.clone().unwrap_or_else(|| match config.data {
            Some(_) => "own.safetensors".into(),
            None => self.run.join("emoji.safetensors"),
        })
    }
}

/// Trains from the beginning. The network gets as many classes as there are icons or folders for. Lines
/// for people go to `tell`; a run goes on when nobody reads them.
pub fn train(config: &TrainConfig, paths: &Paths, tell: &dyn Fn(&str)) -> Result<()> {
    let supply = supply(config, paths)?;
    let mut config = config.clone();
    let kept = Kept { labels: supply.labels(), out: paths.out(&config) };
    let (given, classes) = (config.network.classes, kept.labels.len());
    if ![0, classes].contains(&given) {
        return Err(Error::Training(format!(
            "the settings' network has {given} classes, and there are {classes} to tell apart; leave `classes` out, it comes from the pictures"
        )));
    }
    config.network.classes = classes;
    config.check()?;
    // What cannot start leaves no folder.
    beginning(&config, &kept.labels, &config.device.open()?)?;
    output::prepare(&kept.out)?;
    let folder = RunFolder::create(&paths.run, &config, &kept)?;
    proceed(&config, &folder, &supply, &kept.out, tell)
}

/// Continues the run in `paths.run` from its last checkpoint.
pub fn resume(paths: &Paths, tell: &dyn Fn(&str)) -> Result<()> {
    let (folder, config, mut kept) = RunFolder::open::<TrainConfig>(&paths.run)?;
    config.check()?;
    let supply = supply(&config, paths)?;
    same(&kept.labels, &supply.labels())?;
    if let Some(out) = &paths.out {
        kept.out.clone_from(out);
        folder.keep(&kept)?;
    }
    output::prepare(&kept.out)?;
    proceed(&config, &folder, &supply, &kept.out, tell)
}

/// Whether the classes are still those of the run, in its order: the head knows them by their places.
fn same(kept: &[String], now: &[String]) -> Result<()> {
    let differ = |at: &usize| kept.get(*at) != now.get(*at);
    let Some(at) = (0..kept.len().max(now.len())).find(differ) else { return Ok(()) };
    let name = |labels: &[String]| labels.get(at).map_or("none".into(), |label| format!("{label:?}"));
    Err(Error::Training(format!(
        "class {} of the run is {} and would be {} now; give the folders of pictures back their names, or start another run",
        at + 1,
        name(kept),
        name(now)
    )))
}

fn supply(config: &TrainConfig, paths: &Paths) -> Result<Supply> {
    Ok(match &config.data {
        Some(data) => Supply::Pictures(Pictures::read(data, config.seed, config.side)?),
        None => Supply::Drawings(Drawings::read(&paths.icons, config.hands)?),
    })
}

/// From where the folder stands to the model file.
fn proceed(
    config: &TrainConfig,
    folder: &RunFolder,
    supply: &Supply,
    out: &Path,
    tell: &dyn Fn(&str),
) -> Result<()> {
    let mut run = Run::open(config, folder, supply)?;
    let shown = Progress::new(run.progress());
    while run.progress() < 1.0 {
        let line = run.epoch(&shown)?;
        shown.epoch(&line, tell);
    }
    shown.finish();
    tell(&export(&run.averaged(), config, supply, run.state, out)?);
    Ok(())
}

/// A run under way.
struct Run<'a> {
    config: &'a TrainConfig,
    folder: &'a RunFolder,
    supply: &'a Supply,
    model: Xception,
    average: Average,
    optimizer: ModuleOptimizer,
    state: State,
}

impl<'a> Run<'a> {
    fn open(config: &'a TrainConfig, folder: &'a RunFolder, supply: &'a Supply) -> Result<Self> {
        let device = config.device.open()?;
        let optimizer = AdamWConfig::new().with_weight_decay(config.weight_decay).init();
        let state = folder.state()?;
        let first = match state.epochs {
            0 => beginning(config, &supply.labels(), &device)?,
            // Any weights will do, the checkpoint's come in their place.
            _ => fresh(&config.network, &device, config.seed),
        };
        let (model, averaged, optimizer) = folder.load(first, optimizer)?;
        let average = Average::new(&averaged, state.samples / config.batch as u64)?;
        Ok(Self { config, folder, supply, model, average, optimizer, state })
    }

    /// The model to keep.
    fn averaged(&self) -> Xception {
        self.average.model(&self.model)
    }

    fn progress(&self) -> f64 {
        self.config.budget.progress(self.state.samples, self.state.seconds)
    }

    /// Trains until the next checkpoint, and writes it.
    fn epoch(&mut self, shown: &Progress) -> Result<LogLine> {
        let config = self.config;
        let (start, before) = (Instant::now(), self.state.seconds);
        let mut score = Score::default();
        let mut rate = 0.0;
        let steps = config.epoch / config.batch;
        let side = config.side_at(self.progress());
        let batches = self.supply.epoch(side, config.seed, self.state.epochs, steps, config.batch);
        for batch in batches {
            rate = learning_rate(config.rate, self.progress());
            score.add(self.learn(&batch, rate)?);
            self.state.seconds = before + start.elapsed().as_secs_f64();
            let speed = score.count as f64 / start.elapsed().as_secs_f64();
            shown.step(self.progress(), self.state.epochs + 1, &score, speed);
            if self.progress() >= 1.0 {
                break;
            }
        }
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
    fn learn(&mut self, batch: &Batch, rate: f64) -> Result<Score> {
        let (config, model) = (self.config, self.model.clone());
        let (model, score) = step(model, config, Pass::of(config), &mut self.optimizer, batch, rate)?;
        self.model = model;
        self.average.add(&self.model, config.decay)?;
        self.state.samples += batch.classes.len() as u64;
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
        let mut score = Score::default();
        let model = self.averaged();
        for batch in self.supply.validation(side, self.config.seed) {
            score.add(validate(&model, &batch)?);
        }
        Ok(score)
    }
}

/// Writes the model as f16, with all that a user must know of it; says what was written.
fn export(
    model: &Xception,
    config: &TrainConfig,
    supply: &Supply,
    state: State,
    out: &Path,
) -> Result<String> {
    let (about, labels) = (supply.about(config, state), Labels::new(supply.labels()));
    let bytes = save(model, &config.network, &preprocess(config.side), &labels, &about, Dtype::F16)?;
    output::write(out, &bytes)?;
    Ok(format!(
        "{}: {} bytes, {} numbers, {:.1} million multiply-accumulates a picture",
        out.display(),
        bytes.len(),
        model.num_params(),
        config.network.macs(config.side) as f64 / 1e6
    ))
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::super::classes::{CLASSES, labels};
    use super::super::icons::DEFAULT_DIR;
    use super::super::schedule::Budget;
    use super::*;
    use crate::model::{Dialect, XceptionConfig};
    use crate::weights::About;

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
        let (config, drawings) = (config(), Drawings::read(Path::new(DEFAULT_DIR), 1).unwrap());
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
        let (config, drawings) = (config(), Drawings::read(Path::new(DEFAULT_DIR), 0).unwrap());
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
                    run.learn(batch, 5e-3).unwrap();
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
    fn the_bundled_model_is_overwritten_by_nobody_unasked() {
        let paths = Paths { icons: DEFAULT_DIR.into(), run: "runs/emoji".into(), out: None };
        assert_eq!(paths.out(&config()), Path::new("runs/emoji/emoji.safetensors"));
        let own = TrainConfig::own(Budget::Samples(1), "pictures".into());
        assert_eq!(paths.out(&own), Path::new("own.safetensors"));
        let asked = Paths { out: Some("www/models/emoji.safetensors".into()), ..paths };
        assert_eq!(asked.out(&own), Path::new("www/models/emoji.safetensors"));
    }

    #[test]
    fn a_few_steps_on_the_same_pictures_reduce_the_loss() {
        let (config, drawings) = (config(), Drawings::read(Path::new(DEFAULT_DIR), 1).unwrap());
        let device = Device::flex().autodiff();
        let mut model = fresh(&config.network, &device, 1);
        let mut optimizer = AdamWConfig::new().init();
        let batch = drawings.batch(config.side, 1, 0, 0, 16);
        let losses: Vec<f64> = (0..12)
            .map(|_| {
                let (next, score) =
                    step(model.clone(), &config, Pass::Ours, &mut optimizer, &batch, 5e-3).unwrap();
                model = next;
                score.mean_loss()
            })
            .collect();
        assert!(losses[11] < 0.8 * losses[0], "{losses:?}");
    }
}
