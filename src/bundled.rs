//! The models and the names of ImageNet that come with the project, so that the command line needs no other file.

use crate::error::Result;
use crate::weights::ModelFile;

/// A model that comes along; the page loads the same file.
#[derive(Clone, Copy, Debug)]
pub struct Bundled {
    /// What the registry, `--model` and answers call it.
    pub name: &'static str,
    bytes: &'static [u8],
}

/// Everyday things in photographs: the one to use where none is named.
pub const PHOTOS: Bundled =
    Bundled { name: "photos", bytes: include_bytes!("../www/models/photos.safetensors") };

/// Everyday things as drawn in emoji and icon sets.
pub const DRAWINGS: Bundled =
    Bundled { name: "drawings", bytes: include_bytes!("../www/models/drawings.safetensors") };

/// In the registry's order.
pub const ALL: [Bundled; 2] = [PHOTOS, DRAWINGS];

/// Names and synsets of ImageNet-1k, in the format of Keras's class index.
pub const IMAGENET: &str = include_str!("../www/models/imagenet.json");

/// The model of this name, if it comes along.
#[must_use]
pub fn find(name: &str) -> Option<Bundled> {
    ALL.into_iter().find(|bundled| bundled.name == name)
}

impl Bundled {
    /// Its model file, read.
    ///
    /// # Errors
    ///
    /// When the file that this was built with is damaged.
    pub fn file(&self) -> Result<ModelFile> {
        ModelFile::parse(self.bytes.to_vec())
    }
}
