//! Files that another module has opened.

use wasm_bindgen::prelude::*;

use crate::error::{Error, Result};
use crate::weights::ModelFile;

#[wasm_bindgen]
extern "C" {
    /// A Keras file, opened by the module for such files.
    #[wasm_bindgen(typescript_type = "{ contents(): string; read(path: string): Float32Array }")]
    pub type KerasFile;

    #[wasm_bindgen(method)]
    fn contents(this: &KerasFile) -> String;

    #[wasm_bindgen(method, catch)]
    fn read(this: &KerasFile, path: &str) -> Result<Vec<f32>, js_sys::Error>;
}

impl KerasFile {
    /// The model in it, whose tensors are fetched one by one.
    ///
    /// # Errors
    ///
    /// When it holds no network of the Xception family.
    pub fn open(self) -> Result<ModelFile> {
        let contents = serde_json::from_str(&self.contents())
            .map_err(|error| Error::Format(format!("the Keras file's contents cannot be read: {error}")))?;
        let read =
            move |path: &str| self.read(path).map_err(|error| Error::Weights(String::from(error.message())));
        ModelFile::from_keras(contents, read)
    }
}
