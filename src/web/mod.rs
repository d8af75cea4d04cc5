//! The boundary to JavaScript: converts types, decides nothing.
//!
//! The model file stays JavaScript's, and its tensors are fetched one by one; per picture RGBA, width and
//! height go in and a short list comes out. Reading Keras's HDF5 is a module of its own.

mod bytes;
#[cfg(feature = "keras")]
mod keras;
#[cfg(not(feature = "keras"))]
mod session;

use wasm_bindgen::prelude::*;

#[cfg(feature = "keras")]
pub use keras::KerasFile;
#[cfg(not(feature = "keras"))]
pub use session::Session;

/// Errors inside a promise show where they came from.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}
