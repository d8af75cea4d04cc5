//! `xception classify`: pictures in, labels out.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::json;
use xception_web::bundled;
use xception_web::classify::{Classifier, Prediction};
use xception_web::picture::Picture;
use xception_web::{Error, Result};

use super::adjust::Adjust;
use super::{MODELS, labelled, model, prefixed};

/// Share of the bar's width that a score of 1 fills, in characters.
const BAR: f32 = 24.0;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PNG, JPEG, WebP, GIF or BMP files; - reads one from standard input.
    #[arg(required = true)]
    images: Vec<PathBuf>,
    #[arg(long, help = format!("{MODELS}; photos without it"))]
    model: Option<String>,
    /// JSON with the names of the classes: a list, `id2label` of Hugging Face, `label_names` of timm, or Keras's class index.
    #[arg(long)]
    labels: Option<String>,
    #[command(flatten)]
    adjust: Adjust,
    /// auto, webgpu, cpu or ndarray.
    #[arg(long, default_value = "auto")]
    backend: String,
    /// How many classes to show; more than there are shows all.
    #[arg(long, default_value_t = 5)]
    top_k: usize,
    /// Print one JSON array with an object per picture.
    #[arg(long)]
    json: bool,
    /// Add the logits to the JSON.
    #[arg(long, requires = "json")]
    logits: bool,
}

pub fn run(args: Args) -> Result<()> {
    let request = args.backend.parse()?;
    if args.top_k == 0 {
        return Err(Error::Option("--top-k 0 would show nothing; give 1 or more".into()));
    }
    let (name, file) = match &args.model {
        Some(path) => (path.as_str(), model(path)?),
        None => (bundled::PHOTOS.name, bundled::PHOTOS.file()?),
    };
    let file = args.adjust.apply(labelled(file, args.labels.as_deref())?)?;
    file.check_classifier().map_err(|error| prefixed(name, error))?;
    let mut answers = Vec::new();
    let mut failures = Vec::new();
    // Brought up by the first picture that can be read: a wrong path should not wait for a GPU.
    let mut ready = None;
    for path in &args.images {
        let bytes = bytes(path);
        let path = path.display().to_string();
        let picture = match bytes.and_then(|bytes| Picture::decode(&bytes)) {
            Ok(picture) => picture,
            // One bad picture does not cost the others their answers.
            Err(error) => {
                failures.push(prefixed(&path, error));
                continue;
            }
        };
        if ready.is_none() {
            let classifier = pollster::block_on(Classifier::load(&file, request));
            let classifier = classifier.map_err(|error| prefixed(name, error))?;
            introduce(&classifier, name, &args);
            ready = Some(classifier);
        }
        let Some(classifier) = &ready else { continue };
        let logits = pollster::block_on(classifier.logits(picture.view()?))?;
        let predictions = classifier.rank(&logits, args.top_k);
        let known = classifier.knows(&logits);
        if args.json {
            let backend = classifier.backend().kind.name();
            let mut answer = json!({"file": path, "backend": backend, "model": name, "known": known, "predictions": predictions});
            if args.logits {
                answer["logits"] = json!(logits);
            }
            answers.push(answer);
        } else {
            show(&path, known, &predictions);
        }
    }
    if args.json {
        println!("{}", serde_json::Value::from(answers));
    }
    let last = failures.pop();
    failures.iter().for_each(|error| eprintln!("error: {error}"));
    last.map_or(Ok(()), Err)
}

/// A whole file, whatever bytes its name is made of, or standard input.
pub fn bytes(path: &Path) -> Result<Vec<u8>> {
    let read = if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    read.map_err(Error::io("read", path))
}

/// Says what runs; beside JSON only when it is not what was asked for.
fn introduce(classifier: &Classifier, model: &str, args: &Args) {
    let backend = classifier.backend();
    if !args.json {
        println!("{model} on {} ({})", backend.kind, backend.reason);
    } else if args.backend != "auto" && args.backend != backend.kind.name() {
        eprintln!("note: runs on {} ({})", backend.kind, backend.reason);
    }
}

fn show(path: &str, known: bool, predictions: &[Prediction]) {
    println!("{path}{}", if known { "" } else { ": nothing I know; the likeliest are" });
    for Prediction { label, score, .. } in predictions {
        println!("  {:5.1} %  {:24}  {label}", 100.0 * score, "█".repeat((BAR * score).round() as usize));
    }
}
