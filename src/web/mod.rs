//! The boundary to JavaScript: converts types, decides nothing.
//!
//! The model file stays JavaScript's, and its tensors are fetched one by one; per picture RGBA, width and
//! height go in and a short list comes out. Reading Keras's HDF5 is a module of its own, the crate in `keras/`, and so is
//! teaching, the crate in `teach/`.

mod bytes;
mod opened;
#[cfg(feature = "session")]
mod session;

use wasm_bindgen::prelude::*;

pub use bytes::JsBytes;
pub use opened::KerasFile;
#[cfg(feature = "session")]
pub use session::Session;

unsafe extern "C" {
    /// Runs what registers itself before a program begins (CubeCL's compiler: thousands of entries). The linker
    /// writes it, and, where nothing calls it, takes the module for a program that begins and ends with each call
    /// from outside: it then has every exported function run all of this first.
    fn __wasm_call_ctors();
}

/// Registers what registers itself, once; and errors inside a promise show where they came from.
#[wasm_bindgen(start)]
pub fn start() {
    // SAFETY: wasm-bindgen calls this once per memory, in the instance that made it and before anything else of this
    // crate: the threads that share it later do not come here.
    unsafe { __wasm_call_ctors() };
    console_error_panic_hook::set_once();
}
