//! The command line: parses arguments, prints answers, decides nothing.

/// Prints a line like `std`'s, and ends quietly where nobody reads on (`xception inspect FILE | head`).
macro_rules! println {
    ($($arg:tt)*) => { crate::line(format_args!($($arg)*)) };
}

/// The same on standard error, where nothing can be done about a failure.
macro_rules! eprintln {
    ($($arg:tt)*) => { crate::aside(format_args!($($arg)*)) };
}

mod ablate;
mod adjust;
mod bench;
mod calibrate;
mod classify;
mod convert;
mod embed;
mod eval;
mod inspect;
mod train;

use std::cell::RefCell;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde::Serialize;
use xception_web::labels::Labels;
use xception_web::model::config::IMAGENET_CLASSES;
use xception_web::weights::{ModelFile, with_shards};
use xception_web::{Error, Result, bundled};

/// What names a model, as every command's help says it.
const MODELS: &str = "Own safetensors, timm safetensors, PyTorch .pth or pytorch_model.bin, Keras .keras, .h5 or .weights.h5, TensorFlow.js model.json; \
                      or photos or drawings, which come along";

/// Classify pictures with Xception; convert and inspect its weights.
#[derive(Debug, Parser)]
#[command(name = "xception", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Name what is in pictures.
    Classify(classify::Args),
    /// Show how alike pictures are to the first by their features, or print these.
    Embed(embed::Args),
    /// Rewrite a published file as one self-describing safetensors file.
    Convert(convert::Args),
    /// Show what a model file holds.
    Inspect(inspect::Args),
    /// Train a model like the bundled one of drawings from icon sets, or one of your own pictures.
    Train(train::Args),
    /// Measure a model on a drawing style that it never saw, or on your own pictures.
    Eval(eval::Args),
    /// Fit how sure a model is to how often it is right, and from when on a picture is known.
    Calibrate(calibrate::Args),
    /// Try the paper's claims on small networks of equal size.
    Ablate(ablate::Args),
    /// Measure how long one picture takes.
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Classify(args) => classify::run(args),
        Command::Embed(args) => embed::run(args),
        Command::Convert(args) => convert::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Train(args) => train::run(args),
        Command::Eval(args) => eval::run(args),
        Command::Calibrate(args) => calibrate::run(args),
        Command::Ablate(args) => ablate::run(args),
        Command::Bench(args) => bench::run(args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What `println` does here.
fn line(text: std::fmt::Arguments<'_>) {
    if let Err(failure) = writeln!(io::stdout(), "{text}") {
        if failure.kind() == io::ErrorKind::BrokenPipe {
            std::process::exit(0);
        }
        eprintln!("error: {}", unwritable(failure));
        std::process::exit(1);
    }
}

/// What `eprintln` does here.
fn aside(text: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// An answer as one JSON document.
fn print_json(found: &impl Serialize) -> Result<()> {
    println!("{}", serde_json::to_string_pretty(found).map_err(|error| unwritable(error.into()))?);
    Ok(())
}

fn unwritable(source: io::Error) -> Error {
    Error::Io { action: "write to", path: "standard output".into(), source }
}

/// What a long run says. The run goes on when a line cannot be written, and that is said at its end.
#[derive(Debug, Default)]
struct Told(RefCell<Option<io::Error>>);

impl Told {
    fn line(&self, text: &str) {
        if let Err(failure) = writeln!(io::stdout(), "{text}") {
            self.0.replace(Some(failure));
        }
    }

    /// Fails if a line could not be written for another reason than that nobody reads.
    fn end(&self) -> Result<()> {
        match self.0.take() {
            Some(failure) if failure.kind() != io::ErrorKind::BrokenPipe => Err(unwritable(failure)),
            _ => Ok(()),
        }
    }
}

/// A model file with the names of a sidecar; of ImageNet where 1000 classes have none.
fn labelled(mut file: ModelFile, sidecar: Option<&str>) -> Result<ModelFile> {
    if let Some(path) = sidecar {
        let json = read(path)?;
        let configured = file.configure(&json).map_err(|error| prefixed(path, error))?;
        match Labels::from_bytes(&json) {
            Ok(labels) => {
                labels.check_count(file.config.labels()).map_err(|error| prefixed(path, error))?;
                file.labels = labels;
            }
            // timm names the classes only where they are not ImageNet's.
            Err(_) if configured => {}
            Err(error) => return Err(prefixed(path, error)),
        }
    }
    if file.labels.names().is_empty() && file.config.classes == IMAGENET_CLASSES {
        file.labels = Labels::from_json(bundled::IMAGENET)?;
    }
    Ok(file)
}

/// A whole file.
fn read(path: &str) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(Error::io("read", Path::new(path)))
}

/// Whole or not at all: a crash half-way leaves what was there.
fn write(path: &str, bytes: &[u8]) -> Result<()> {
    xception_train::run::output::write(Path::new(path), bytes)
}

/// A model that comes along, by its name, or a model file; the error says which.
fn model(path: &str) -> Result<ModelFile> {
    if let Some(bundled) = bundled::find(path) {
        return bundled.file().map_err(|error| prefixed(path, error));
    }
    if let Some(name) = path.strip_prefix("hf:") {
        return Err(on_hub(name));
    }
    let bytes = read(path).map_err(|error| match error {
        Error::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            let names = bundled::ALL.map(|bundled| bundled.name).join(" or ");
            Error::Option(format!(
                "there is no model file {path}; give the path of one, or a model that comes along: {names}"
            ))
        }
        other => other,
    })?;
    let bytes = with_shards(Path::new(path), bytes).map_err(|error| prefixed(path, error))?;
    ModelFile::parse(bytes).map_err(|error| prefixed(path, error))
}

/// What to do about a model that is named as the page and the package take it: nothing here asks a network.
fn on_hub(name: &str) -> Error {
    let (path, revision) = name.split_once('@').unwrap_or((name, "main"));
    let parts: Vec<&str> = path.splitn(3, '/').collect();
    let (user, repo, file) = match parts[..] {
        [user, repo] => (user, repo, "model.safetensors"),
        [user, repo, file] => (user, repo, file),
        _ => {
            return Error::Option(format!(
                "hf:{name} names no model; name one as hf:USER/REPO, or give a file"
            ));
        }
    };
    let folder = format!("https://huggingface.co/{user}/{repo}/resolve/{revision}");
    Error::Option(format!(
        "hf:{name} is on the Hugging Face hub, and the command line asks no network: download {folder}/{file} and give that file, with {folder}/config.json as --labels if there is one"
    ))
}

/// The same error with the file's name before it.
fn prefixed(path: &str, error: Error) -> Error {
    match error {
        Error::Image(what) => Error::Image(format!("{path}: {what}")),
        Error::Format(what) => Error::Format(format!("{path}: {what}")),
        Error::Architecture(what) => Error::Architecture(format!("{path}: {what}")),
        Error::Weights(what) => Error::Weights(format!("{path}: {what}")),
        Error::Preprocess(what) => Error::Preprocess(format!("{path}: {what}")),
        other => other,
    }
}
