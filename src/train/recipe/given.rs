//! A model that a run is to start from.

use std::path::Path;

use crate::recipe::config::preprocess;
use xception_web::error::{Error, Result};
use xception_web::weights::{ModelFile, with_shards};

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
    let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
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
