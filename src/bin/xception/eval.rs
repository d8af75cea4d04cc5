//! `xception eval`: how well a model names drawings in a style that it never saw.

use std::path::PathBuf;

use xception_web::backend::{Backend, BackendKind, BackendRequest};
use xception_web::classify::Classifier;
use xception_web::train::eval::{Evaluation, evaluate, evaluate_hard};
use xception_web::train::hard::{SEED, TAKES};
use xception_web::train::icons::{DEFAULT_DIR, UNSEEN_SET};
use xception_web::train::sheet::sheet;
use xception_web::weights::ModelFile;
use xception_web::{Error, Result, bundled};

use super::{model, write};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A model that `xception train` made; the bundled one without it.
    #[arg(long)]
    model: Option<String>,
    /// Folder of the icon sets' npm packages.
    #[arg(long, default_value = DEFAULT_DIR)]
    icons: PathBuf,
    /// The set to measure on.
    #[arg(long, default_value = UNSEEN_SET)]
    set: String,
    /// Show the drawings as a webcam sees them: small or large, tilted, blurred, in front of other things.
    #[arg(long)]
    hard: bool,
    /// Seed of the hard pictures.
    #[arg(long, default_value_t = SEED, requires = "hard")]
    seed: u64,
    /// Write a contact sheet of the hard pictures with the model's answers, as PNG.
    #[arg(long, requires = "hard")]
    sheet: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> Result<()> {
    let file = match &args.model {
        Some(path) => model(path)?,
        None => ModelFile::parse(bundled::BYTES.to_vec())?,
    };
    let (found, shown) = pollster::block_on(async {
        let classifier =
            Classifier::new(&file, Backend::choose(BackendRequest::Named(BackendKind::Cpu)).await?).await?;
        if args.hard {
            evaluate_hard(&classifier, &args.icons, &args.set, args.seed).await
        } else {
            Ok((evaluate(&classifier, &args.icons, &args.set).await?, Vec::new()))
        }
    })?;
    if let Some(path) = &args.sheet {
        let mut png = std::io::Cursor::new(Vec::new());
        sheet(&shown[..shown.len() / TAKES])
            .write_to(&mut png, image::ImageFormat::Png)
            .map_err(|error| Error::Training(format!("cannot write the contact sheet as PNG: {error}")))?;
        write(path, png.get_ref())?;
    }
    if args.json {
        let text = serde_json::to_string_pretty(&found)
            .map_err(|error| Error::Training(format!("cannot write the result as JSON: {error}")))?;
        println!("{text}");
    } else {
        print(&found);
    }
    Ok(())
}

fn print(found: &Evaluation) {
    let percent = |share: f64| format!("{:5.1} %", 100.0 * share);
    println!("{}: {} classes, {} pictures", found.set, found.classes, found.pictures);
    for miss in &found.misses {
        println!(
            "  on {}: {} taken for {} ({:.0} %)",
            miss.background,
            miss.label,
            miss.answer,
            100.0 * miss.score
        );
    }
    for figure in &found.figures {
        println!(
            "on {:12} top-1 {}  top-5 {}",
            figure.background,
            percent(figure.top1),
            percent(figure.top5)
        );
    }
    println!("{:15} top-1 {}  top-5 {}", "all backgrounds", percent(found.top1), percent(found.top5));
}
