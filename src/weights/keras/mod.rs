//! Keras's files: what the module that reads them tells the one that computes.
//!
//! In the browser these are two, so all that only Keras's files need is with the reader: [`order`], which finds an
//! Xception by the order of its layers, and [`model`], [`layer`] with its [`settings`] and [`arithmetic`], [`way`],
//! [`steps`], [`head`], [`walk`] and [`place`], which read the graph that a whole model describes; [`turn`] says in which
//! order a nested network's layers come, and [`slot`] for both which of the network's tensors a layer holds.

#[cfg(feature = "keras")]
mod arithmetic;
#[cfg(feature = "keras")]
mod dense;
#[cfg(feature = "keras")]
mod file;
#[cfg(feature = "keras")]
mod head;
#[cfg(feature = "keras")]
mod layer;
#[cfg(feature = "keras")]
mod model;
#[cfg(feature = "keras")]
pub(super) mod order;
#[cfg(feature = "keras")]
pub(super) mod place;
#[cfg(feature = "keras")]
mod settings;
#[cfg(feature = "keras")]
mod slot;
#[cfg(feature = "keras")]
mod steps;
#[cfg(feature = "keras")]
pub(super) mod turn;
#[cfg(feature = "keras")]
mod walk;
#[cfg(feature = "keras")]
mod way;

use serde::{Deserialize, Serialize};

#[cfg(feature = "keras")]
pub(super) use dense::Folded;
#[cfg(feature = "keras")]
pub use file::KerasFile;
#[cfg(feature = "keras")]
pub(super) use file::{KERAS3_ROOTS, Opened, TRAINING, is_of_training};
#[cfg(feature = "keras")]
pub(super) use model::MAX_CONFIG;

use super::headless::{Headless, stand_in};
use super::metadata::About;
use super::names::{Layout, table};
use super::source::TensorSource;
use super::unused::{TRAINING as TRAINED, Unused};
use super::{Assumed, ModelFile};
use crate::calibration::Calibration;
use crate::error::{Error, Result, short};
use crate::labels::Labels;
use crate::model::{Place, XceptionConfig};
use crate::preprocess::Preprocess;

/// Which Keras wrote the file, and what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Saved {
    /// Weights before Keras 3, or as its `.h5`.
    Legacy,
    /// Weights as `.weights.h5`.
    Keras3,
    /// A whole model as `.h5`.
    LegacyModel,
    /// A whole model as `.keras`.
    Archive,
    /// A layers model of TensorFlow.js.
    Tfjs,
}

impl Saved {
    fn name(self) -> &'static str {
        match self {
            Self::Legacy => "Keras legacy HDF5",
            Self::Keras3 => "Keras 3 weights HDF5",
            Self::LegacyModel => "Keras model in legacy HDF5",
            Self::Archive => "Keras 3 model archive",
            Self::Tfjs => "TensorFlow.js layers model",
        }
    }
}

/// What a file holds, without the values.
#[derive(Debug, Serialize, Deserialize)]
pub struct Contents {
    pub(super) saved: Saved,
    pub(super) config: XceptionConfig,
    pub(super) preprocess: Preprocess,
    pub(super) calibration: Calibration,
    pub(super) assumed: Assumed,
    pub(super) labels: Labels,
    /// By what the file was written, where it says so.
    pub(super) writer: Option<String>,
    /// What training left, by its name in the file.
    pub(super) unused: Vec<String>,
    /// Without a classifier.
    pub(super) headless: bool,
    /// Name and shape of each tensor, in the file's order.
    pub(super) tensors: Vec<(String, Vec<usize>)>,
    /// Where each tensor of the network's plan is, in that order; nowhere, if the file lacks it.
    pub(super) rows: Vec<Option<Row>>,
}

/// The name of a tensor in the file, and its layout there.
pub(super) type Row = (String, Layout);

/// Reads the tensor of a name, from wherever the file is.
pub(super) type Read = Box<dyn Fn(&str) -> Result<Vec<f32>>>;

struct Source {
    read: Read,
    tensors: Vec<(String, Vec<usize>)>,
}

impl TensorSource for Source {
    fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        self.tensors.clone()
    }

    fn read(&self, name: &str) -> Result<Vec<f32>> {
        let expected: Option<usize> =
            self.tensors.iter().find(|(known, _)| known == name).map(|(_, shape)| shape.iter().product());
        let values = (self.read)(name)?;
        if expected != Some(values.len()) {
            return Err(Error::Weights(format!(
                "the tensor {} holds {} numbers, which is not what its shape says; the file is damaged",
                short(name),
                values.len()
            )));
        }
        Ok(values)
    }
}

/// The network that a file holds.
pub(super) fn parse(contents: Contents, read: Read) -> Result<ModelFile> {
    let Contents {
        saved,
        config,
        preprocess,
        calibration,
        assumed,
        labels,
        writer,
        unused,
        headless,
        tensors,
        rows,
    } = contents;
    config.validate()?;
    let mut rows = rows.into_iter();
    let rows = table(&config, |id| {
        let row = rows.next().flatten();
        row.unwrap_or_else(|| {
            let is_absent = headless && id.place == Place::Head;
            (if is_absent { stand_in(id) } else { id.to_string() }, Layout::Same)
        })
    })?;
    Ok(ModelFile {
        config,
        preprocess,
        labels,
        about: About::default(),
        format: saved.name(),
        writer,
        calibration,
        assumed,
        headless,
        unused: unused.into_iter().map(|name| Unused::new(name, TRAINED)).collect(),
        digest: None,
        source: Box::new(Headless::new(Box::new(Source { read, tensors }), &rows)),
        rows,
    })
}
