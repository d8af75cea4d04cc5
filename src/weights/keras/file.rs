//! Files that Keras wrote, and what TensorFlow.js made of such: opened, and read one tensor at a time.

use std::collections::HashMap;
use std::rc::Rc;

use super::super::bytes::{FileBytes, Part};
use super::super::{ZIP_MAGIC, hdf5, tfjs, zip};
use super::{Contents, Folded, MAX_CONFIG, Read};
use crate::error::{Error, Result, short};

/// Where Keras 3 keeps its layers: today, and in the first releases of `.weights.h5`.
pub(in crate::weights) const KERAS3_ROOTS: [&str; 2] = ["layers", "_layer_checkpoint_dependencies"];

/// What training leaves beside the weights: no part of the function, whatever is in it.
pub(in crate::weights) const TRAINING: [&str; 3] = ["optimizer", "optimizer_weights", "metrics"];
/// The same within a layer, of dropout and augmentation.
const SEEDS: &str = "seed_generator";

/// Whether training left the tensor of this path.
pub(in crate::weights) fn is_of_training(path: &str) -> bool {
    let mut parts = path.split('/');
    parts.clone().next().is_some_and(|root| TRAINING.contains(&root)) || parts.any(|part| part == SEEDS)
}

/// A file whose layers have their places.
pub(in crate::weights) struct Opened {
    pub contents: Contents,
    /// Tensors that are made of several of the file's; whether it is the bias that is asked for.
    pub folded: HashMap<String, (Rc<Folded>, bool)>,
    pub read: Read,
}

/// An opened Keras file, whose values are read one tensor at a time.
pub struct KerasFile {
    folded: HashMap<String, (Rc<Folded>, bool)>,
    read: Read,
}

impl KerasFile {
    /// Recognises weights in either layout and whole models; also says what network it is.
    ///
    /// # Errors
    ///
    /// When the file is damaged, or holds what is no Xception.
    pub fn open(bytes: impl FileBytes + Send + Sync + 'static) -> Result<(Contents, Self)> {
        let mut magic = [0; ZIP_MAGIC.len()];
        let known = bytes.size().min(magic.len());
        bytes.read(0, &mut magic[..known])?;
        let opened = if magic == ZIP_MAGIC { archive(bytes)? } else { hdf5::open(bytes, None)? };
        let Opened { contents, folded, read } = opened;
        Ok((contents, Self { folded, read }))
    }

    /// The values of the tensor of this name, row-major in Keras's layout.
    ///
    /// # Errors
    ///
    /// When there is none, or its bytes cannot be read.
    pub fn read(&self, name: &str) -> Result<Vec<f32>> {
        match self.folded.get(name) {
            Some((parts, bias)) => {
                let [kernel, biases] = parts.values(&*self.read)?;
                Ok(if *bias { biases } else { kernel })
            }
            None => (self.read)(name),
        }
    }
}

/// Keras's own archive, or a model of TensorFlow.js with its shards.
fn archive(bytes: impl FileBytes + Send + Sync + 'static) -> Result<Opened> {
    let files = zip::directory(&bytes)?;
    if files.contains_key(tfjs::MODEL) {
        return tfjs::open(bytes, &files);
    }
    let entry = |name: &str| {
        files.get(name).cloned().ok_or_else(|| {
            Error::Format(format!(
                "the archive holds no {name}, as Keras's own do; save the model again with Keras's model.save"
            ))
        })
    };
    let (config, range) = (entry("config.json")?, entry("model.weights.h5")?);
    if config.len() > MAX_CONFIG {
        return Err(Error::Format(format!(
            "the model's configuration has {} bytes, and at most {MAX_CONFIG} are read",
            config.len()
        )));
    }
    let text = |range: std::ops::Range<usize>| -> Result<String> {
        let mut json = vec![0; range.len()];
        bytes.read(range.start, &mut json)?;
        Ok(String::from_utf8_lossy(&json).into_owned())
    };
    let json = text(config)?;
    let metadata = files.get("metadata.json").filter(|range| range.len() <= MAX_CONFIG);
    let metadata: serde_json::Value = match metadata {
        Some(range) => serde_json::from_str(&text(range.clone())?).unwrap_or_default(),
        None => serde_json::Value::Null,
    };
    let mut opened = hdf5::open(Part { bytes, range }, Some(json))?;
    opened.contents.writer =
        metadata["keras_version"].as_str().map(|version| short(format!("Keras {version}")));
    Ok(opened)
}
