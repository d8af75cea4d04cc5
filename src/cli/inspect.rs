//! `xception inspect`: what a model file holds.

use serde_json::{Value, json};
use xception_web::Result;
use xception_web::calibration::Activation;
use xception_web::model::config::Hidden;
use xception_web::preprocess::{Filter, Fit, Preprocess};
use xception_web::weights::{Assumed, ModelFile, Unused};

use super::adjust::Adjust;
use super::{MODELS, labelled, model, print_json};

/// Names shown of a long list of labels.
const LABELS_SHOWN: usize = 8;
/// The same of tensors that are not used.
const UNUSED_SHOWN: usize = 2;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(help = MODELS)]
    file: String,
    /// JSON with the names of the classes: a list, `id2label` of Hugging Face, `label_names` of timm, or Keras's class index.
    #[arg(long)]
    labels: Option<String>,
    #[command(flatten)]
    adjust: Adjust,
    /// List every tensor with its shape.
    #[arg(long)]
    tensors: bool,
    /// Print one JSON object with all of it, tensors included.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> Result<()> {
    let file = model(&args.file)?;
    let own_labels = !file.labels.names().is_empty();
    let file = args.adjust.apply(labelled(file, args.labels.as_deref())?)?;
    if args.json {
        return print_json(&described(&file, args.labels.is_some() || own_labels));
    }
    let config = &file.config;
    println!("format        {}", file.format);
    if let Some(writer) = &file.writer {
        println!("written by    {writer}");
    }
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
    println!(
        "dialect       {}, batch-norm epsilon {:e}{}",
        config.dialect.name(),
        config.epsilon(),
        as_published(file.assumed.dialect)
    );
    println!("preprocess    {}{}", preprocess(&file.preprocess), preprocess_assumed(file.assumed));
    if let Some(face) = &config.face {
        println!("  head        3×3 convolution, then the mean over pixels, of {} channel(s)", face.channels);
    }
    if !config.hidden.is_empty() {
        let relu = |hidden: &Hidden| format!("{}{}", hidden.width, if hidden.relu { " ReLU" } else { "" });
        let dense = config.hidden.iter().map(relu).collect::<Vec<_>>().join(", ");
        // Of weights alone, that assume the dialect too.
        let assumed = if file.assumed.dialect { " (assumed: ReLU after each)" } else { "" };
        println!("  dense       {dense}{assumed}");
    }
    if file.headless {
        println!(
            "classes       none: the file ends in {} features; train a classifier on it",
            config.features()
        );
    } else {
        println!("classes       {}", config.classes);
        println!("scores        {}", scores(&file));
    }
    match file.labels.names() {
        [] => println!("labels        none in the file"),
        names => {
            let shown = names[..names.len().min(LABELS_SHOWN)].join(", ");
            let more = if names.len() > LABELS_SHOWN { ", …" } else { "" };
            let whence = match (&args.labels, own_labels) {
                (Some(path), _) => format!(" (from {path})"),
                (None, true) if file.assumed.labels => " (assumed: FER2013's)".into(),
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
    print_unused(&file.unused);
    let tensors = file.tensors();
    println!("tensors       {}", tensors.len());
    if args.tensors {
        for (name, shape) in tensors {
            println!("  {name} {shape:?}");
        }
    }
    Ok(())
}

/// A line for each reason.
fn print_unused(unused: &[Unused]) {
    let mut left: Vec<&Unused> = unused.iter().collect();
    while let Some(why) = left.first().map(|unused| unused.why) {
        let (same, others): (Vec<&Unused>, _) = left.into_iter().partition(|unused| unused.why == why);
        let shown = same.iter().take(UNUSED_SHOWN).map(|unused| &*unused.name).collect::<Vec<_>>().join(", ");
        let more = match same.len().saturating_sub(UNUSED_SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        println!("unused        {shown}{more}: {why}");
        left = others;
    }
}

/// The same as JSON; `assumed` says what of it the file does not.
fn described(file: &ModelFile, own_labels: bool) -> Value {
    let mut assumed = json!(file.assumed);
    assumed["labels"] = json!(file.assumed.labels || (!own_labels && !file.labels.names().is_empty()));
    let tensors: Vec<Value> =
        file.tensors().into_iter().map(|(name, shape)| json!({"name": name, "shape": shape})).collect();
    json!({
        "format": file.format,
        "writer": file.writer,
        "architecture": file.config.architecture,
        "config": file.config,
        "dialect": file.config.dialect.name(),
        "epsilon": file.config.epsilon(),
        "preprocess": file.preprocess,
        "classes": if file.headless { 0 } else { file.config.classes },
        "classifier": !file.headless,
        "activation": file.calibration.activation,
        "labels": file.labels,
        "assumed": assumed,
        "parameters": file.trained(),
        "numbers": file.numbers(),
        "macs": file.config.macs(file.preprocess.size),
        "temperature": file.calibration.temperature,
        "unknown": file.calibration.unknown,
        "about": file.about,
        "unused": file.unused,
        "tensors": tensors,
    })
}

fn as_published(assumed: bool) -> &'static str {
    if assumed { " (assumed: as published)" } else { "" }
}

fn preprocess_assumed(assumed: Assumed) -> String {
    let Assumed { size, fit, normalisation, .. } = assumed;
    let parts = [(size, "size"), (fit, "crop and filter"), (normalisation, "mean and std")];
    match parts.iter().filter(|(assumed, _)| *assumed).map(|(_, part)| *part).collect::<Vec<_>>()[..] {
        [] => String::new(),
        [_, _, _] => as_published(true).into(),
        ref some => format!(" (assumed as published: {})", some.join(", ")),
    }
}

fn scores(file: &ModelFile) -> String {
    let kind = match file.calibration.activation {
        _ if file.config.classes == 1 => {
            "sigmoid of the one logit, which is that of the second of two classes"
        }
        Activation::Softmax => "softmax",
        Activation::Sigmoid => "a sigmoid per class",
    };
    let assumed = if file.assumed.activation { " (assumed: not in the file)" } else { "" };
    format!("{kind}{assumed}")
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
        Fit::Pad => format!("longer side resized, padded with black to {size}×{size}"),
    };
    let grey = if preprocess.grey { ", grey" } else { "" };
    let before = preprocess.detail.map(|side| format!(", what is larger reduced to {side}×{side} before"));
    let before = before.unwrap_or_default();
    format!("{fit}{before}{grey}, {filter}, mean {:?}, std {:?}", preprocess.mean, preprocess.std)
}
