//! The module that reads Keras's HDF5 for the one that computes.

#![cfg(target_family = "wasm")]

use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;
use xception_web::web::JsBytes;
use xception_web::weights;

/// An opened Keras file.
#[wasm_bindgen]
pub struct KerasFile {
    file: weights::KerasFile,
    contents: String,
}

#[wasm_bindgen]
impl KerasFile {
    /// Finds the layers. The bytes must not change as long as tensors are read.
    #[wasm_bindgen(constructor)]
    pub fn new(bytes: Uint8Array) -> Result<KerasFile, JsError> {
        let (contents, file) = weights::KerasFile::open(JsBytes(bytes))?;
        Ok(Self { file, contents: serde_json::to_string(&contents)? })
    }

    /// The layers, for `Session.createFromKeras`.
    pub fn contents(&self) -> String {
        self.contents.clone()
    }

    /// The values of the tensor at `path`.
    pub fn read(&self, path: &str) -> Result<Vec<f32>, JsError> {
        Ok(self.file.read(path)?)
    }
}
