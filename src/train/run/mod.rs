//! A whole run: from pictures to a model file.

mod about;
pub mod checkpoint;
mod curves;
pub mod fit;
pub mod output;
pub mod plot;
pub mod progress;

use std::path::{Path, PathBuf};

use burn::module::Module;

use crate::learn::start::beginning;
use crate::recipe::config::{TrainConfig, seen_at};
use crate::run::about::about;
use crate::run::checkpoint::{Kept, RunFolder, State};
use crate::run::fit::Fit;
use crate::run::progress::Progress;
use crate::supply::drawings::Drawings;
use crate::supply::layout::FolderNames;
use crate::supply::pictures::Pictures;
use crate::supply::{Described, Supply};
use xception_web::error::{Error, Result};
use xception_web::model::Xception;
use xception_web::weights::{Dtype, save};

/// What was said of a run's own pictures, in its folder.
const DESCRIBED: &str = "described.json";

/// Where a run reads and writes.
#[derive(Clone, Debug)]
pub struct Paths {
    /// The icon sets.
    pub icons: PathBuf,
    /// The run's folder.
    pub run: PathBuf,
    /// The model file, if not the default, or the one that the continued run was to write.
    pub out: Option<PathBuf>,
    /// What is said of own pictures; a continued run has it in its folder.
    pub described: Described,
}

impl Paths {
    /// Nothing overwrites a bundled model unasked: what is trained is not calibrated yet.
    fn out(&self, config: &TrainConfig) -> PathBuf {
        self.out.clone().unwrap_or_else(|| match config.data {
            Some(_) => "own.safetensors".into(),
            None => self.run.join("drawings.safetensors"),
        })
    }
}

/// Trains from the beginning. The network gets as many classes as there are icons or folders for. Lines
/// for people go to `tell`; a run goes on when nobody reads them.
pub fn train(config: &TrainConfig, paths: &Paths, tell: &dyn Fn(&str)) -> Result<()> {
    let supply = supply(config, paths, &paths.described, tell)?;
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
    describe(&paths.run, &paths.described)?;
    proceed(&config, &folder, &supply, &kept.out, tell)
}

/// Continues the run in `paths.run` from its last checkpoint.
pub fn resume(paths: &Paths, tell: &dyn Fn(&str)) -> Result<()> {
    let (folder, config, mut kept) = RunFolder::open::<TrainConfig>(&paths.run)?;
    config.check()?;
    let supply = supply(&config, paths, &described(&paths.run)?, tell)?;
    same(&kept.labels, &supply.labels())?;
    let out = paths.out.clone().unwrap_or_else(|| kept.out.clone());
    output::prepare(&out)?;
    if out != kept.out {
        kept.out = out;
        folder.keep(&kept)?;
    }
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

fn supply(config: &TrainConfig, paths: &Paths, said: &Described, tell: &dyn Fn(&str)) -> Result<Supply> {
    let Some(data) = &config.data else {
        if *said != Described::default() {
            return Err(Error::Option(
                "--labels, --title, --licence and --source are said of own pictures; name their folder with --data, or leave them out".into(),
            ));
        }
        return Ok(Supply::Drawings(Drawings::read(&paths.icons, config.hands)?));
    };
    let names = said.labels.as_deref().map(FolderNames::read).transpose()?;
    let mut sides: Vec<_> = config.growth.iter().map(|step| step.side).chain([config.side]).collect();
    sides.sort();
    sides.dedup();
    let mut pictures = Pictures::read(data, names.as_ref(), config.seed, &sides, config.detail, tell)?;
    pictures.variation = config.variation;
    Ok(Supply::Pictures(pictures, said.clone()))
}

/// Writes down what was said, for when the run is continued.
fn describe(run: &Path, said: &Described) -> Result<()> {
    if *said == Described::default() {
        return Ok(());
    }
    let text = serde_json::to_vec_pretty(said)
        .map_err(|error| Error::Training(format!("what is said of the pictures is no JSON: {error}")))?;
    output::write(&run.join(DESCRIBED), &text)
}

/// What was said when the run began.
fn described(run: &Path) -> Result<Described> {
    let path = run.join(DESCRIBED);
    if !path.exists() {
        return Ok(Described::default());
    }
    let failed = |what: String| {
        Error::Training(format!("{} cannot be read ({what}); start another run", path.display()))
    };
    let bytes = std::fs::read(&path).map_err(|error| failed(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))
}

/// From where the folder stands to the model file.
fn proceed(
    config: &TrainConfig,
    folder: &RunFolder,
    supply: &Supply,
    out: &Path,
    tell: &dyn Fn(&str),
) -> Result<()> {
    let mut run = Fit::open(config, folder, supply)?;
    let shown = Progress::new(run.progress());
    while run.progress() < 1.0 {
        let line = run.epoch(&shown)?;
        shown.epoch(&line, tell);
    }
    shown.finish();
    tell(&export(&run.averaged(), config, supply, run.state, out)?);
    Ok(())
}

/// Writes the model as f16, with all that a user must know of it; says what was written.
fn export(
    model: &Xception,
    config: &TrainConfig,
    supply: &Supply,
    state: State,
    out: &Path,
) -> Result<String> {
    let (about, labels) = (about(supply, config, state), supply.named());
    let bytes =
        save(model, &config.network, &seen_at(config.side, config.detail), &labels, &about, Dtype::F16)?;
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
    use super::*;
    use crate::draw::icons::DEFAULT_DIR;
    use crate::recipe::schedule::Budget;

    #[test]
    fn the_bundled_model_is_overwritten_by_nobody_unasked() {
        let paths = Paths {
            icons: DEFAULT_DIR.into(),
            run: "runs/drawings".into(),
            out: None,
            described: Described::default(),
        };
        assert_eq!(
            paths.out(&TrainConfig::new(Budget::Samples(1))),
            Path::new("runs/drawings/drawings.safetensors")
        );
        let own = TrainConfig::own(Budget::Samples(1), "pictures".into());
        assert_eq!(paths.out(&own), Path::new("own.safetensors"));
        let asked = Paths { out: Some("www/models/drawings.safetensors".into()), ..paths };
        assert_eq!(asked.out(&own), Path::new("www/models/drawings.safetensors"));
    }
}
