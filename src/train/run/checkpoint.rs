//! A run's folder: what it was asked for, where it stands, and the log.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::store::ModuleRecord;
use burn::tensor::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::run::curves::curves;
use crate::run::output;
use xception_web::error::{Error, Result};
use xception_web::model::Xception;

const CONFIG: &str = "config.json";
const KEPT: &str = "run.json";
const STATE: &str = "state.json";
const LOG: &str = "log.csv";
const CURVES: &str = "curves.svg";
/// First line of the log.
pub const LOG_HEAD: &str =
    "epoch,samples,minutes,loss,train_accuracy,validation_accuracy,rate,pictures_per_second\n";

/// What a continued run must find as it was, apart from its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Names of the classes, in the network's order.
    pub labels: Vec<String>,
    /// The model file to write, as it was given.
    pub out: PathBuf,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Epochs that are over.
    pub epochs: u64,
    /// Pictures learned from, each as often as it was shown.
    pub samples: u64,
    /// Time spent, over all the times that the run was continued.
    pub seconds: f64,
}

/// One line of the log.
#[derive(Clone, Copy, Debug)]
pub struct LogLine {
    /// The state after the epoch.
    pub state: State,
    /// Mean training loss.
    pub loss: f64,
    /// Share of right answers while training.
    pub train_accuracy: f64,
    /// Share of right answers on pictures held out.
    pub validation_accuracy: f64,
    /// Last learning rate.
    pub rate: f64,
    /// Pictures learned from in a second of this epoch.
    pub pictures_per_second: f64,
}

/// The folder of one run.
#[derive(Clone, Debug)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// A new run; fails when the folder already holds one.
    pub fn create<C: Serialize>(path: &Path, config: &C, kept: &Kept) -> Result<Self> {
        let folder = Self(path.to_owned());
        if folder.file(CONFIG).exists() {
            return Err(Error::Training(format!(
                "{} already holds a run; continue it with --resume {0} or choose another folder",
                path.display()
            )));
        }
        fs::create_dir_all(path).map_err(Error::io("create", path))?;
        folder.keep(kept)?;
        folder.write(LOG, LOG_HEAD.as_bytes())?;
        folder.write_json(CONFIG, config)?;
        Ok(folder)
    }

    /// An earlier run, what it was asked for, and what it must find again.
    pub fn open<C: DeserializeOwned>(path: &Path) -> Result<(Self, C, Kept)> {
        let folder = Self(path.to_owned());
        let (config, kept) = (folder.read_json(CONFIG)?, folder.read_json(KEPT)?);
        Ok((folder, config, kept))
    }

    /// Keeps something else from now on.
    pub fn keep(&self, kept: &Kept) -> Result<()> {
        self.write_json(KEPT, kept)
    }

    /// Where the run stands; nowhere if it was stopped before its first checkpoint.
    pub fn state(&self) -> Result<State> {
        if self.file(STATE).exists() { self.read_json(STATE) } else { Ok(State::default()) }
    }

    /// Writes a checkpoint. The state goes last and names the files, so a run that is stopped in the
    /// middle of writing continues from the checkpoint before.
    pub fn save(
        &self,
        state: State,
        model: &Xception,
        average: &Xception,
        optimizer: &ModuleOptimizer,
    ) -> Result<()> {
        for (model, file) in [(model, model_file(state)), (average, average_file(state))] {
            let record = model.clone().into_record().into_bytes().map_err(record_error)?;
            self.write(&file, &record)?;
        }
        self.write(&optimizer_file(state), &optimizer.into_bytes().map_err(record_error)?)?;
        let before = self.state()?;
        self.write_json(STATE, &state)?;
        if before.epochs != state.epochs {
            // A leftover file costs only space.
            for file in [model_file(before), average_file(before), optimizer_file(before)] {
                let _ = fs::remove_file(self.file(&file));
            }
        }
        Ok(())
    }

    /// The checkpoint's weights, their average and the optimizer's state put into fresh ones; without a
    /// checkpoint `model` is both.
    pub fn load(
        &self,
        model: Xception,
        optimizer: ModuleOptimizer,
    ) -> Result<(Xception, Xception, ModuleOptimizer)> {
        let state = self.state()?;
        // Not a clone, which would share its running statistics with the model.
        let average = model.valid();
        if state.epochs == 0 {
            return Ok((model, average, optimizer));
        }
        let fill = |model: Xception, file: String| {
            let record = Bytes::from_bytes_vec(self.read(&file)?);
            Ok(model.load_record(ModuleRecord::from_bytes(record).map_err(record_error)?))
        };
        let optimizer = optimizer
            .from_bytes(Bytes::from_bytes_vec(self.read(&optimizer_file(state))?))
            .map_err(record_error)?;
        Ok((fill(model, model_file(state))?, fill(average, average_file(state))?, optimizer))
    }

    /// Adds a line to the log, and draws its curves anew.
    pub fn log(&self, line: &LogLine) -> Result<()> {
        let path = self.file(LOG);
        let text = format!(
            "{},{},{:.2},{:.4},{:.4},{:.4},{:.6},{:.1}\n",
            line.state.epochs,
            line.state.samples,
            line.state.seconds / 60.0,
            line.loss,
            line.train_accuracy,
            line.validation_accuracy,
            line.rate,
            line.pictures_per_second
        );
        let append = |path: &Path| {
            fs::OpenOptions::new().append(true).create(true).open(path)?.write_all(text.as_bytes())
        };
        append(&path).map_err(Error::io("write", &path))?;
        let log = String::from_utf8_lossy(&self.read(LOG)?).into_owned();
        self.write(CURVES, curves(&log)?.as_bytes())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.file(name);
        fs::read(&path).map_err(Error::io("read", &path))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        output::write(&self.file(name), bytes)
    }

    fn read_json<C: DeserializeOwned>(&self, name: &str) -> Result<C> {
        serde_json::from_slice(&self.read(name)?)
            .map_err(|error| Error::Training(format!("{} is damaged: {error}", self.file(name).display())))
    }

    fn write_json<C: Serialize>(&self, name: &str, value: &C) -> Result<()> {
        let bytes = serde_json::to_vec_pretty(value)
            .map_err(|error| Error::Training(format!("cannot write {name}: {error}")))?;
        self.write(name, &bytes)
    }
}

fn model_file(state: State) -> String {
    format!("model-{}.bpk", state.epochs)
}

fn average_file(state: State) -> String {
    format!("average-{}.bpk", state.epochs)
}

fn optimizer_file(state: State) -> String {
    format!("optimizer-{}.bpk", state.epochs)
}

fn record_error(error: impl std::fmt::Display) -> Error {
    Error::Training(format!("the checkpoint is damaged or of another network: {error}"))
}
