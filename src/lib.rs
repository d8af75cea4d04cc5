//! Xception, defined once in Burn: image classification in the browser and on the command line.

pub mod error;
pub mod model;
pub mod preprocess;
#[cfg(all(feature = "train", not(target_family = "wasm")))]
pub mod train;

pub use error::{Error, Result};
