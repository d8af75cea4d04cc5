//! `xception inspect`: what a model file holds.

use xception_web::Result;
use xception_web::preprocess::{Filter, Fit, Preprocess};

use super::{MODELS, labelled, model};

/// Names shown of a long list of labels.
const LABELS_SHOWN: usize = 8;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(help = MODELS)]
    file: String,
    /// JSON with the names of the classes: a list, `id2label` of Hugging Face, `label_names` of timm, or Keras's class index.
    #[arg(long)]
    labels: Option<String>,
    /// List every tensor with its shape.
    #[arg(long)]
    tensors: bool,
}

pub fn run(args: Args) -> Result<()> {
    let file = model(&args.file)?;
    let own_labels = !file.labels.names().is_empty();
    let file = labelled(file, args.labels.as_deref())?;
    // A published file holds tensors and nothing else.
    let assumed = if file.assumed { " (assumed: as published)" } else { "" };
    let config = &file.config;
    println!("format        {}", file.format);
    println!("architecture  {}", config.architecture);
    println!("  stem        {:?}", config.stem);
    println!("  entry       {:?}", config.entry);
    println!(
        "  middle      {} × {} × {}",
        config.middle_blocks,
        config.middle_units,
        config.middle_channels()
    );
    println!("  exit        {:?} {:?}", config.exit, config.tail);
    println!("dialect       {}, batch-norm epsilon {:e}{assumed}", config.dialect.name(), config.epsilon());
    println!("preprocess    {}{assumed}", preprocess(&file.preprocess));
    println!("classes       {}", config.classes);
    match file.labels.names() {
        [] => println!("labels        none in the file"),
        names => {
            let shown = names[..names.len().min(LABELS_SHOWN)].join(", ");
            let more = if names.len() > LABELS_SHOWN { ", …" } else { "" };
            let whence = match (&args.labels, own_labels) {
                (Some(path), _) => format!(" (from {path})"),
                (None, true) => String::new(),
                (None, false) => " (assumed: ImageNet's)".into(),
            };
            println!("labels        {shown}{more}{whence}");
        }
    }
    println!("parameters    {} ({:.2} M)", file.trained(), file.trained() as f64 / 1e6);
    println!("numbers       {}", file.numbers());
    println!(
        "GMACs         {:.3} at {1}×{1}",
        config.macs(file.preprocess.size) as f64 / 1e9,
        file.preprocess.size
    );
    let calibration = &file.calibration;
    println!("temperature   {}", calibration.temperature);
    match calibration.unknown {
        Some(threshold) => println!("unknown       below a score of {threshold}"),
        None => println!("unknown       nothing (the file has no threshold)"),
    }
    for (name, value) in [
        ("title", &file.about.title),
        ("licence", &file.about.licence),
        ("provenance", &file.about.provenance),
    ] {
        if let Some(value) = value {
            println!("{name:13} {value}");
        }
    }
    if !file.unused.is_empty() {
        println!("unused        {} (known, and no part of the answer)", file.unused.join(", "));
    }
    let tensors = file.tensors();
    println!("tensors       {}", tensors.len());
    if args.tensors {
        for (name, shape) in tensors {
            println!("  {name} {shape:?}");
        }
    }
    Ok(())
}

fn preprocess(preprocess: &Preprocess) -> String {
    let filter = match preprocess.filter {
        Filter::Bilinear => "bilinear",
        Filter::Bicubic => "bicubic",
    };
    let size = preprocess.size;
    let fit = match preprocess.fit {
        Fit::CenterCrop { crop_pct } => {
            format!("shorter side resized, centre {size}×{size} kept at crop {crop_pct}")
        }
        Fit::Squash => format!("squashed to {size}×{size}"),
    };
    let before = preprocess.detail.map(|side| format!(", what is larger reduced to {side}×{side} before"));
    let before = before.unwrap_or_default();
    format!("{fit}{before}, {filter}, mean {:?}, std {:?}", preprocess.mean, preprocess.std)
}
