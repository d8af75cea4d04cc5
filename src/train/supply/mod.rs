//! What a run learns from: the icon sets' drawings, or a user's own pictures.

pub mod batch;
pub mod drawings;
pub mod layout;
pub mod mix;
pub mod photograph;
pub mod pictures;
mod resample;
pub mod target;

use std::path::PathBuf;
use std::sync::mpsc::Receiver;

use serde::{Deserialize, Serialize};

use crate::draw::classes;
use crate::supply::batch::Batch;
use crate::supply::drawings::Drawings;
use crate::supply::pictures::Pictures;
use xception_web::labels::Labels;

/// Drawings held out, and how many pictures are judged at once.
const VALIDATION_SAMPLES: usize = 640;
const VALIDATION_BATCH: usize = 64;

/// What a user says of own pictures: what their folders are called, and what the model file shall say of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Described {
    /// A file that names folders; see [`FolderNames`](crate::supply::layout::FolderNames).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<PathBuf>,
    /// The model's title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Terms of use of the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Where the pictures come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// The pictures of a run.
#[derive(Clone, Debug)]
pub enum Supply {
    /// Of the bundled model of drawings.
    Drawings(Drawings),
    /// Of a user, and what is said of them.
    Pictures(Pictures, Described),
}

impl Supply {
    /// Names of the classes.
    pub fn labels(&self) -> Vec<String> {
        match self {
            Self::Drawings(_) => classes::labels(),
            Self::Pictures(pictures, _) => pictures.labels.names().to_vec(),
        }
    }

    /// The same with their synsets, where they are known.
    pub fn named(&self) -> Labels {
        match self {
            Self::Drawings(_) => Labels::new(self.labels()),
            Self::Pictures(pictures, _) => pictures.labels.clone(),
        }
    }

    /// The batches of an epoch, made a few ahead of need, in the same order on any number of threads.
    pub fn epoch(&self, side: usize, seed: u64, epoch: u64, batches: usize, size: usize) -> Receiver<Batch> {
        match self {
            Self::Drawings(drawings) => drawings.epoch(side, seed, epoch, batches, size),
            Self::Pictures(pictures, _) => pictures.epoch(side, seed, epoch, batches, size),
        }
    }

    /// Batches of pictures that no epoch contains.
    pub fn validation(&self, side: usize, seed: u64) -> impl Iterator<Item = Batch> + Send + '_ {
        (0..).step_by(VALIDATION_BATCH).map_while(move |first: usize| {
            let batch = match self {
                Self::Drawings(_) if first >= VALIDATION_SAMPLES => return None,
                Self::Drawings(drawings) => drawings.validation(side, seed, first as u64, VALIDATION_BATCH),
                Self::Pictures(pictures, _) => pictures.validation(side, first, VALIDATION_BATCH),
            };
            (!batch.classes.is_empty()).then_some(batch)
        })
    }
}
