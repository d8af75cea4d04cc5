//! The command line: parses arguments, prints answers, decides nothing.

mod bench;
mod classify;
mod convert;
mod eval;
mod inspect;
mod train;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xception_web::weights::ModelFile;
use xception_web::{Error, Result};

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
    /// Rewrite a published file as one self-describing safetensors file.
    Convert(convert::Args),
    /// Show what a model file holds.
    Inspect(inspect::Args),
    /// Train the bundled model from icon sets.
    Train(train::Args),
    /// Measure a model on a drawing style that it never saw.
    Eval(eval::Args),
    /// Measure how long one picture takes.
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Classify(args) => classify::run(args),
        Command::Convert(args) => convert::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Train(args) => train::run(args),
        Command::Eval(args) => eval::run(args),
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

/// A whole file.
fn read(path: &str) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|source| Error::Io { action: "read", path: path.into(), source })
}

/// Whole or not at all: a crash half-way leaves what was there.
fn write(path: &str, bytes: &[u8]) -> Result<()> {
    let partial = format!("{path}.partial");
    std::fs::write(&partial, bytes)
        .and_then(|()| std::fs::rename(&partial, path))
        .map_err(|source| Error::Io { action: "write", path: path.into(), source })
}

/// A model file; the error says which.
fn model(path: &str) -> Result<ModelFile> {
    ModelFile::parse(read(path)?).map_err(|error| prefixed(path, error))
}

/// The same error with the file's name before it.
fn prefixed(path: &str, error: Error) -> Error {
    match error {
        Error::Image(what) => Error::Image(format!("{path}: {what}")),
        Error::Format(what) => Error::Format(format!("{path}: {what}")),
        Error::Architecture(what) => Error::Architecture(format!("{path}: {what}")),
        Error::Weights(what) => Error::Weights(format!("{path}: {what}")),
        other => other,
    }
}
