//! `xception calibrate`: scores that mean what they say, and a threshold below which nothing is known.

use std::path::{Path, PathBuf};

use xception_train::draw::icons::DEFAULT_DIR;
use xception_train::judge::confidence::{KEEP, Report, calibrate};
use xception_train::judge::own::{Calibrating, calibrate_own};
use xception_train::run::output::prepare;
use xception_train::supply::layout::FolderNames;
use xception_web::backend::{Backend, BackendKind, BackendRequest};
use xception_web::calibration::{Activation, Calibration};
use xception_web::classify::Classifier;
use xception_web::{Error, Result};

use super::convert::dtype;
use super::{model, print_json, write};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A model that `xception train` made.
    model: String,
    /// Where to write the calibrated model; without it the figures are only printed.
    #[arg(long)]
    out: Option<String>,
    /// Number format of the kernels written: f16, f32 or q8. Give what the model has.
    #[arg(long, default_value = "f16")]
    dtype: String,
    /// Folder of the icon sets' npm packages.
    #[arg(long, default_value = DEFAULT_DIR)]
    icons: PathBuf,
    /// Own pictures instead of icons, for a model of own pictures: a folder as for `xception train`, of which only
    /// the validation set is used, if it has one; none that the model was trained on.
    #[arg(long, value_name = "DIR", conflicts_with = "icons")]
    data: Option<PathBuf>,
    /// What own folders are called that are named by ids: a JSON object of labels by folder, or lines of folder, tab,
    /// label. Synsets need none where the model knows its own.
    #[arg(long, value_name = "FILE", requires = "data")]
    labels: Option<PathBuf>,
    /// Seed of the pictures, or of which own ones judge.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Share of the rightly named pictures that is to stay known, above 0 and at most 1: fewer are known, and fewer of
    /// what it does not know is named.
    #[arg(long, default_value_t = KEEP)]
    keep: f64,
    /// A folder of pictures that show none of the model's classes, to see how many are named all the same.
    #[arg(long, value_name = "DIR", requires = "data")]
    strangers: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> Result<()> {
    let dtype = dtype(&args.dtype)?;
    if !(args.keep > 0.0 && args.keep <= 1.0) {
        return Err(Error::Option(format!("--keep is {} and must be above 0 and at most 1", args.keep)));
    }
    // What could not be written is refused before all the pictures are asked for.
    if let Some(out) = &args.out {
        prepare(Path::new(out))?;
    }
    let names = args.labels.as_deref().map(FolderNames::read).transpose()?;
    let mut file = model(&args.model)?;
    if file.calibration.activation != Activation::Softmax {
        return Err(Error::Option(format!(
            "{} ends in sigmoids, and calibration fits the scores of a softmax; use the model as it is",
            args.model
        )));
    }
    // What an earlier calibration found must not bend this one.
    file.calibration = Calibration::default();
    let report = pollster::block_on(async {
        let backend = Backend::choose(BackendRequest::Named(BackendKind::Cpu)).await?;
        let classifier = Classifier::new(&file, backend).await?;
        match &args.data {
            Some(dir) => {
                let how =
                    Calibrating { seed: args.seed, keep: args.keep, strangers: args.strangers.as_deref() };
                calibrate_own(&classifier, dir, names.as_ref(), how, &|text| eprintln!("{text}")).await
            }
            None => calibrate(&classifier, &args.icons, args.seed, args.keep).await,
        }
    })?;
    // Before anything is printed, which nobody may read to the end.
    if let Some(out) = &args.out {
        file.calibration = report.calibration;
        write(out, &file.convert(dtype)?)?;
    }
    if args.json {
        print_json(&report)?;
    } else {
        print(&report);
    }
    Ok(())
}

fn print(report: &Report) {
    let percent = |share: f64| format!("{:5.1} %", 100.0 * share);
    let Calibration { temperature, unknown, .. } = report.calibration;
    println!("fitted on {0} {1}, judged by {0} others", report.pictures, report.pictures_are);
    println!("temperature                     {temperature:.3}");
    match unknown {
        Some(threshold) => println!("unknown below a score of        {threshold:.3}"),
        None => println!("unknown below a score of        none: no answer was right"),
    }
    println!("right                           {}", percent(report.top1));
    println!(
        "expected calibration error      {} before, {} after",
        percent(report.error_before),
        percent(report.error_after)
    );
    println!("known, of the rightly named     {}", percent(report.known_right));
    println!("known, of the misnamed          {}", percent(report.known_wrong));
    for outside in &report.outside {
        println!(
            "named with confidence           {} of {} pictures: {}",
            percent(outside.named),
            outside.pictures,
            outside.kind
        );
    }
}
