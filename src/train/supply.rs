//! What a run learns from: the icon sets' drawings, or a user's own pictures.

use std::sync::mpsc::Receiver;

use super::checkpoint::State;
use super::classes;
use super::config::TrainConfig;
use super::dataset::{Batch, Drawings, Source, ahead};
use super::pictures::Pictures;
use crate::weights::About;

/// Drawings held out, and how many pictures are judged at once.
const VALIDATION_SAMPLES: usize = 640;
const VALIDATION_BATCH: usize = 64;

/// The pictures of a run.
#[derive(Clone, Debug)]
pub enum Supply {
    /// Of the bundled model of drawings.
    Drawings(Drawings),
    /// Of a user.
    Pictures(Pictures),
}

impl Supply {
    /// Names of the classes.
    pub fn labels(&self) -> Vec<String> {
        match self {
            Self::Drawings(_) => classes::labels(),
            Self::Pictures(pictures) => pictures.labels.clone(),
        }
    }

    /// The batches of an epoch, made on a thread of their own.
    pub fn epoch(&self, side: usize, seed: u64, epoch: u64, batches: usize, size: usize) -> Receiver<Batch> {
        match self.clone() {
            Self::Drawings(drawings) => drawings.epoch(side, seed, epoch, batches, size),
            Self::Pictures(pictures) => {
                ahead(batches, move |i| pictures.batch(side, seed, epoch, (i * size) as u64, size))
            }
        }
    }

    /// Batches of pictures that no epoch contains.
    pub fn validation(&self, side: usize, seed: u64) -> impl Iterator<Item = Batch> + '_ {
        (0..).step_by(VALIDATION_BATCH).map_while(move |first: usize| {
            let batch = match self {
                Self::Drawings(_) if first >= VALIDATION_SAMPLES => return None,
                Self::Drawings(drawings) => drawings.validation(side, seed, first as u64, VALIDATION_BATCH),
                Self::Pictures(pictures) => pictures.validation(side, first, VALIDATION_BATCH),
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
            Self::Pictures(_) => About {
                title: Some(format!("Own pictures, {count} classes")),
                licence: None,
                provenance: Some(format!("{made} on own pictures, some of each class held out")),
            },
        }
    }
}
