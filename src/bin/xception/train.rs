//! `xception train`: from icon sets to a model file.

use std::path::PathBuf;

use xception_web::Result;
use xception_web::train::icons::DEFAULT_DIR;
use xception_web::train::run::{self, Paths, TrainConfig};
use xception_web::train::schedule::Budget;

/// For own pictures: enough for some classes, in a quarter of an hour or so.
const DEFAULT_OWN_SAMPLES: u64 = 48_000;
/// Somewhat more than the bundled model saw. That bundled file came from `--minutes 62`, which is not
/// repeatable to the bit; its provenance says how many pictures that allowed.
const DEFAULT_SAMPLES: u64 = 384_000;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the icon sets' npm packages.
    #[arg(long, default_value = DEFAULT_DIR)]
    icons: PathBuf,
    /// Own pictures instead of icons: a folder with one folder of pictures per class.
    #[arg(long, value_name = "DIR", conflicts_with = "icons")]
    data: Option<PathBuf>,
    /// The model file to write: www/models/emoji.safetensors, or own.safetensors of own pictures.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Folder for checkpoints and the log.
    #[arg(
        long,
        default_value = "runs/emoji",
        default_value_if("data", clap::builder::ArgPredicate::IsPresent, "runs/own")
    )]
    run: PathBuf,
    /// Continue the run in this folder; its own settings apply.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["run", "data", "samples", "minutes", "batch", "rate", "seed"])]
    resume: Option<PathBuf>,
    /// Pictures to train on; equal seeds and numbers give equal models.
    #[arg(long, conflicts_with = "minutes")]
    samples: Option<u64>,
    /// Train for so long instead, on as many pictures as that allows.
    #[arg(long)]
    minutes: Option<f64>,
    /// Pictures per step.
    #[arg(long)]
    batch: Option<usize>,
    /// Highest learning rate.
    #[arg(long)]
    rate: Option<f64>,
    /// Seed of the weights and the pictures.
    #[arg(long)]
    seed: Option<u64>,
}

pub fn run(args: Args) -> Result<()> {
    let paths = |run: PathBuf| Paths { icons: args.icons.clone(), run, out: args.out.clone() };
    if let Some(folder) = args.resume {
        return run::resume(&paths(folder));
    }
    let default = if args.data.is_some() { DEFAULT_OWN_SAMPLES } else { DEFAULT_SAMPLES };
    let budget = match args.minutes {
        Some(minutes) => Budget::Minutes(minutes),
        None => Budget::Samples(args.samples.unwrap_or(default)),
    };
    let mut config = match &args.data {
        Some(data) => TrainConfig::own(budget, data.clone()),
        None => TrainConfig::new(budget),
    };
    config.batch = args.batch.unwrap_or(config.batch);
    config.rate = args.rate.unwrap_or(config.rate);
    config.seed = args.seed.unwrap_or(config.seed);
    run::train(&config, &paths(args.run.clone()))
}
