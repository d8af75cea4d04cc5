//! What a run starts from: nothing, or a given model.

use std::path::Path;

use burn::tensor::Device;

use super::config::{TrainConfig, preprocess};
use super::init::fresh;
use xception_web::error::{Error, Result};
use xception_web::model::{Xception, XceptionConfig};
use xception_web::weights::{ModelFile, with_shards};

/// The weights of a run's beginning. A given model's head is kept only if its labels are `labels`, all of
/// them in this order.
///
/// # Errors
///
/// When the given model cannot be read, or is of another network than `config` says.
pub fn beginning(config: &TrainConfig, labels: &[String], device: &Device) -> Result<Xception> {
    let fresh = || fresh(&config.network, device, config.seed);
    let Some(path) = &config.from else { return Ok(fresh()) };
    let file = read(path)?;
    let ours = &config.network;
    let named = ours.architecture.clone();
    if *ours != (XceptionConfig { classes: ours.classes, architecture: named, ..file.config.clone() }) {
        return Err(Error::Training(format!(
            "the settings describe another network than {} holds; leave `network` out, which is then the file's",
            path.display()
        )));
    }
    let mut model = file.build(device)?;
    if file.labels.names() != labels {
        model.head = fresh().head;
    }
    Ok(model)
}

/// A given model, if one can go on from it.
///
/// # Errors
///
/// When it is no model file, or its input is normalised otherwise than here.
pub fn read(path: &Path) -> Result<ModelFile> {
    let named = |error: Error| match error {
        Error::Io { .. } => error,
        other => Error::Training(format!("cannot start from {}: {other}", path.display())),
    };
    let bytes = std::fs::read(path).map_err(|source| Error::Io {
        action: "read",
        path: path.display().to_string(),
        source,
    })?;
    let file = with_shards(path, bytes).and_then(ModelFile::parse).map_err(named)?;
    if file.config.face.is_some() || !file.config.hidden.is_empty() {
        return Err(Error::Training(format!(
            "cannot start from {}: face networks and heads of several dense layers are only read; give a model that ends in one classifier",
            path.display()
        )));
    }
    let (theirs, ours) = (&file.preprocess, preprocess(file.preprocess.size));
    if (theirs.mean, theirs.std) != (ours.mean, ours.std) {
        return Err(Error::Training(format!(
            "{} expects pictures with mean {:?} and deviation {:?}; only {:?} and {:?} can be trained here",
            path.display(),
            theirs.mean,
            theirs.std,
            ours.mean,
            ours.std
        )));
    }
    Ok(file)
}
