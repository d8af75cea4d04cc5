//! The model and the names of ImageNet that come with the project, so that the command line needs no other file.

/// What answers call it.
pub const NAME: &str = "emoji";

/// The same file that the page loads.
pub const BYTES: &[u8] = include_bytes!("../www/models/emoji.safetensors");

/// Names and synsets of ImageNet-1k, in the format of Keras's class index.
pub const IMAGENET: &str = include_str!("../www/models/imagenet.json");
