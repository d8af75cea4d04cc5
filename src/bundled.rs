//! The model that comes with the project, so that the command line works without any other file.

/// What answers call it.
pub const NAME: &str = "emoji";

/// The same file that the page loads.
pub const BYTES: &[u8] = include_bytes!("../www/models/emoji.safetensors");
