//! `xception train`: from icon sets, or own pictures, to a model file.

use std::path::PathBuf;

use xception_train::draw::icons::DEFAULT_DIR;
use xception_train::recipe::accelerator::Accelerator;
use xception_train::recipe::schedule::Budget;
use xception_train::recipe::settings::{Flags, settings};
use xception_train::run;
use xception_train::run::Paths;
use xception_train::supply::Described;
use xception_web::Result;

use super::Told;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the icon sets' npm packages.
    #[arg(long, default_value = DEFAULT_DIR)]
    icons: PathBuf,
    /// Own pictures instead of icons: a folder with one folder of pictures per class; or with train/ and val/, which
    /// hold those; or tiny-imagenet-200 as it is published. What is in val/ is held out, or else one picture of ten.
    #[arg(long, value_name = "DIR", conflicts_with = "icons")]
    data: Option<PathBuf>,
    /// What own folders are called that are named by ids: a JSON object of labels by folder, or lines of folder, tab,
    /// label.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// The title of a model of own pictures.
    #[arg(long)]
    title: Option<String>,
    /// The terms under which a model of own pictures may be used.
    #[arg(long)]
    licence: Option<String>,
    /// Where own pictures come from, for the model's provenance.
    #[arg(long)]
    source: Option<String>,
    /// The model file to write: drawings.safetensors in the run's folder, or own.safetensors of own pictures. Scores
    /// are calibrated, and the threshold of the unknown is set, by `xception calibrate`.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Folder for checkpoints, log and curves: runs/drawings, or runs/own of own pictures.
    #[arg(long)]
    run: Option<PathBuf>,
    /// Settings as TOML, or as JSON like a run's config.json; flags win. src/train/examples/own.toml shows all.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Continue the run in this folder; its own settings apply, and its --out unless another is given.
    #[arg(
        long,
        value_name = "RUN",
        conflicts_with_all = ["run", "config", "data", "labels", "title", "licence", "source", "from", "freeze", "device", "samples", "minutes", "batch", "rate", "seed"]
    )]
    resume: Option<PathBuf>,
    /// Start from this model file, and take its network; its head is replaced unless it has the same labels.
    #[arg(long, value_name = "MODEL")]
    from: Option<PathBuf>,
    /// Train the head only, and keep all else as the model of --from has it.
    #[arg(long)]
    freeze: bool,
    /// Where to compute: cpu or webgpu.
    #[arg(long)]
    device: Option<Accelerator>,
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
    let told = Told::default();
    let tell = |text: &str| told.line(text);
    let Args { labels, title, licence, source, .. } = args;
    let described = Described { labels, title, licence, source };
    let paths = |run: PathBuf| Paths {
        icons: args.icons.clone(),
        run,
        out: args.out.clone(),
        described: described.clone(),
    };
    if let Some(folder) = args.resume {
        run::resume(&paths(folder), &tell)?;
        return told.end();
    }
    let flags = Flags {
        budget: args.minutes.map(Budget::Minutes).or(args.samples.map(Budget::Samples)),
        batch: args.batch,
        rate: args.rate,
        seed: args.seed,
        data: args.data.clone(),
        from: args.from.clone(),
        freeze: args.freeze.then_some(true),
        device: args.device,
    };
    let config = settings(args.config.as_deref(), &flags)?;
    let default = if config.data.is_some() { "runs/own" } else { "runs/drawings" };
    run::train(&config, &paths(args.run.clone().unwrap_or_else(|| default.into())), &tell)?;
    told.end()
}
