//! What the trainer, a crate of the same workspace, takes of the inside. For others it is no promise: it may change
//! with any version.

pub use crate::fused::dense::Dense;
pub use crate::labels::Object;
pub use crate::model::conv_norm::BATCH_NORM_MOMENTUM;

use crate::picture::Picture;
use crate::preprocess::{self, Filter, RgbaView};

/// Text out of a file, short enough for a message.
pub fn short(text: impl std::fmt::Display) -> String {
    crate::error::short(text)
}

/// The whole picture, on white, at another size: what the trainer keeps of one.
///
/// # Shapes
/// - returns `[H, C, W]`, with C = 3: planes of one row side by side
pub fn resized(image: RgbaView<'_>, size: [usize; 2], filter: Filter) -> Vec<u8> {
    preprocess::resized(image, size, filter)
}

/// A square picture of pixels that were made by the caller.
pub fn square(rgba: Vec<u8>, side: usize) -> Picture {
    Picture::of_square(rgba, side)
}
