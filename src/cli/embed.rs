//! `xception embed`: the features of pictures, and how alike they are.

use std::path::PathBuf;

use serde_json::json;
use xception_web::bundled;
use xception_web::classify::{Classifier, similarity};
use xception_web::picture::Picture;
use xception_web::{Error, Result};

use super::adjust::Adjust;
use super::classify::bytes;
use super::{MODELS, model, prefixed};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PNG, JPEG, WebP, GIF or BMP files; - reads one from standard input.
    #[arg(required = true)]
    images: Vec<PathBuf>,
    #[arg(long, help = format!("{MODELS}; photos without it. It need not have a classifier"))]
    model: Option<String>,
    #[command(flatten)]
    adjust: Adjust,
    /// auto, webgpu, cpu or ndarray.
    #[arg(long, default_value = "auto")]
    backend: String,
    /// Print one JSON array with the features of each picture.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> Result<()> {
    let request = args.backend.parse()?;
    let (name, file) = match &args.model {
        Some(path) => (path.as_str(), model(path)?),
        None => (bundled::PHOTOS.name, bundled::PHOTOS.file()?),
    };
    let file = args.adjust.apply(file)?;
    let mut pictures = Vec::new();
    for path in &args.images {
        let shown = path.display().to_string();
        let picture = bytes(path).and_then(|bytes| Picture::decode(&bytes));
        pictures.push((picture.map_err(|error: Error| prefixed(&shown, error))?, shown));
    }
    let classifier = pollster::block_on(Classifier::load(&file, request));
    let classifier = classifier.map_err(|error| prefixed(name, error))?;
    let mut found: Vec<(String, Vec<f32>)> = Vec::new();
    for (picture, path) in pictures {
        found.push((path, pollster::block_on(classifier.embed(picture.view()?))?));
    }
    if args.json {
        let each = found.iter().map(|(path, features)| json!({"file": path, "features": features}));
        println!("{}", serde_json::Value::from_iter(each));
        return Ok(());
    }
    let backend = classifier.backend();
    println!("{name} on {} ({}), {} features", backend.kind, backend.reason, file.config.features());
    for (path, features) in &found {
        println!("  {:6.3}  {path}", similarity(&found[0].1, features)?);
    }
    Ok(())
}
