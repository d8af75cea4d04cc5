//! `xception inspect`: what a model file holds.

use xception_web::Result;
use xception_web::preprocess::{Filter, Fit, Preprocess};

use super::model;

/// Names shown of a long list of labels.
const LABELS_SHOWN: usize = 8;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Own safetensors, timm safetensors, Keras .h5 or .weights.h5.
    file: String,
    /// List every tensor with its shape.
    #[arg(long)]
    tensors: bool,
}

pub fn run(args: Args) -> Result<()> {
    let file = model(&args.file)?;
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
    println!("dialect       {}", config.dialect.name());
    println!("preprocess    {}", preprocess(&file.preprocess));
    println!("classes       {}", config.classes);
    match file.labels.names() {
        [] => println!("labels        none in the file"),
        names => {
            let shown = names[..names.len().min(LABELS_SHOWN)].join(", ");
            let more = if names.len() > LABELS_SHOWN { ", …" } else { "" };
            println!("labels        {shown}{more}");
        }
    }
    println!("parameters    {} ({:.2} M)", file.trained(), file.trained() as f64 / 1e6);
    println!("numbers       {}", file.numbers());
    println!(
        "GMACs         {:.3} at {1}×{1}",
        config.macs(file.preprocess.size) as f64 / 1e9,
        file.preprocess.size
    );
    for (name, value) in [
        ("title", &file.about.title),
        ("licence", &file.about.licence),
        ("provenance", &file.about.provenance),
    ] {
        if let Some(value) = value {
            println!("{name:13} {value}");
        }
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
    format!("{fit}, {filter}, mean {:?}, std {:?}", preprocess.mean, preprocess.std)
}
