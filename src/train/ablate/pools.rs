//! The pictures that all variants learn from and are judged by: drawings of the icon sets, or a user's photographs.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::draw::classes::{CLASSES, Class};
use crate::draw::icons::{TRAINING_SETS, UNSEEN_SET};
use crate::supply::batch::Batch;
use crate::supply::drawings::Drawings;
use crate::supply::layout::FolderNames;
use crate::supply::pictures::Pictures;
use crate::supply::{Described, Supply};
use xception_web::error::{Error, Result};

/// Height and width of the pictures.
pub const SIDE: usize = 32;
/// How many of them are learned from in one step, and judged at once.
pub const BATCH: usize = 64;

/// The drawings that are told apart: different shapes and colours, some of them alike.
const LABELS: [&str; 24] = [
    "airplane",
    "apple",
    "banana",
    "bear",
    "bicycle",
    "bus",
    "butterfly",
    "car",
    "cat",
    "cow",
    "crab",
    "dog",
    "elephant",
    "fish",
    "guitar",
    "house",
    "key",
    "mushroom",
    "penguin",
    "pig",
    "rabbit",
    "rocket",
    "turtle",
    "umbrella",
];
/// Versions of each drawing by other hands.
const HANDS: usize = 4;
/// Batches of drawings that judge, in the training styles and in the unseen one.
const JUDGED: usize = 38;
const JUDGED_UNSEEN: usize = 19;
/// Seed of the pictures that judge, and of which photographs do: the same for all.
const JUDGES: u64 = 0;

/// What the pictures are, for the report; runs on others are not compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Name of the folder of photographs; none for the icon sets.
    pub folder: Option<String>,
    /// Classes.
    pub classes: usize,
    /// Photographs to learn from; drawings have no end.
    pub train: Option<usize>,
    /// Pictures held out that judge.
    pub judged: usize,
    /// Drawings in a style never trained on that judge, too.
    pub unseen: usize,
}

impl Subject {
    /// The icon sets.
    pub fn drawings() -> Self {
        let [judged, unseen] = [JUDGED, JUDGED_UNSEEN].map(|batches| batches * BATCH);
        Self { folder: None, classes: LABELS.len(), train: None, judged, unseen }
    }
}

/// Pictures for all runs.
#[derive(Debug)]
pub struct Pools {
    /// What they show, and how many there are.
    pub subject: Subject,
    /// To learn from.
    pub supply: Supply,
    /// To be judged by.
    pub validation: Vec<Batch>,
    /// The same in a style never trained on, of drawings.
    pub unseen: Vec<Batch>,
}

impl Pools {
    /// Draws what is in the icon sets below `dir`.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    pub fn drawings(dir: &Path) -> Result<Self> {
        let classes = drawn()?;
        let drawings = Drawings::read_some(dir, TRAINING_SETS, &classes, HANDS)?;
        let other = Drawings::read_some(dir, &[UNSEEN_SET], &classes, HANDS)?;
        let judges = |drawings: &Drawings, batches| -> Vec<Batch> {
            let batch = |i| drawings.validation(SIDE, JUDGES, (i * BATCH) as u64, BATCH);
            (0..batches).map(batch).collect()
        };
        let (validation, unseen) = (judges(&drawings, JUDGED), judges(&other, JUDGED_UNSEEN));
        Ok(Self { subject: Subject::drawings(), supply: Supply::Drawings(drawings), validation, unseen })
    }

    /// Reads a folder of photographs in any [`Layout`](crate::supply::layout::Layout); `names` is a file that names its
    /// folders.
    ///
    /// # Errors
    ///
    /// When it cannot be learned from.
    pub fn photographs(dir: &Path, names: Option<&Path>, tell: &dyn Fn(&str)) -> Result<Self> {
        let names = names.map(FolderNames::read).transpose()?;
        let photographs = Pictures::read(dir, names.as_ref(), JUDGES, &[SIDE], None, tell)?;
        let folder = dir.file_name().unwrap_or(dir.as_os_str()).to_string_lossy().into_owned();
        let (classes, train) = (photographs.labels.names().len(), Some(photographs.len()));
        let supply = Supply::Pictures(photographs, Described::default());
        let validation: Vec<_> = supply.validation(SIDE, JUDGES).collect();
        let judged = validation.iter().map(|batch| batch.classes.len()).sum();
        let subject = Subject { folder: Some(folder), classes, train, judged, unseen: 0 };
        Ok(Self { subject, supply, validation, unseen: Vec::new() })
    }
}

/// The classes of [`LABELS`], in the trainer's order.
pub(super) fn drawn() -> Result<Vec<Class>> {
    let known = |label: &&str| CLASSES.iter().find(|class| class.label == *label);
    LABELS
        .iter()
        .map(|label| {
            known(label)
                .copied()
                .ok_or_else(|| Error::Training(format!("there is no class {label:?} to draw")))
        })
        .collect()
}
