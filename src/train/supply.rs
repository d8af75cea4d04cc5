//! What a run learns from: the icon sets' drawings, or a user's own pictures.

use std::path::PathBuf;
use std::sync::mpsc::Receiver;

use serde::{Deserialize, Serialize};

use super::checkpoint::State;
use super::classes;
use super::config::TrainConfig;
use super::dataset::{Batch, Drawings, Source};
use super::pictures::Pictures;
use xception_web::labels::Labels;
use xception_web::weights::About;

/// Drawings held out, and how many pictures are judged at once.
const VALIDATION_SAMPLES: usize = 640;
const VALIDATION_BATCH: usize = 64;

/// What a user says of own pictures: what their folders are called, and what the model file shall say of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Described {
    /// A file that names folders; see [`FolderNames`](super::layout::FolderNames).
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

    /// What a model file says of its making.
    pub fn about(&self, config: &TrainConfig, state: State) -> About {
        let from = match &config.from {
            None => "nothing".into(),
            Some(path) => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy(),
        };
        let kept = if config.freeze { ", of which only the head was changed" } else { "" };
        let made = format!(
            "trained from {from}{kept} by `xception train` (seed {}, {} pictures, {} px)",
            config.seed, state.samples, config.side
        );
        let count = self.labels().len();
        match self {
            Self::Drawings(drawings) => {
                let list = |of: fn(&Source) -> String| {
                    drawings.sources.iter().map(of).collect::<Vec<_>>().join(", ")
                };
                About {
                    title: Some(format!("Things as drawn in emoji and icon sets, {count} classes")),
                    licence: Some(format!(
                        "weights: MIT OR Apache-2.0; trained on drawings under their own licences: {}",
                        list(|source| format!("{} {}", source.name, source.license))
                    )),
                    provenance: Some(format!(
                        "{made} on the npm packages {}",
                        list(|source| format!("@iconify-json/{}@{}", source.name, source.version))
                    )),
                }
            }
            Self::Pictures(pictures, said) => {
                let source = said.source.as_deref().unwrap_or("own pictures");
                let held_out = if pictures.split { "the validation set" } else { "some of each class" };
                About {
                    title: said.title.clone().or_else(|| Some(format!("Own pictures, {count} classes"))),
                    licence: said.licence.clone(),
                    provenance: Some(format!("{made} on {source}, {held_out} held out")),
                }
            }
        }
    }
}
