//! The module that teaches a model other classes, and writes the file of it: fetched when somebody does, so that the
//! modules that compute stay small.

#![cfg(target_family = "wasm")]

use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;
use xception_web::classify::{self, Shown};
use xception_web::web::{JsBytes, KerasFile};
use xception_web::weights::{Head, ModelFile};

/// A lesson under way.
#[wasm_bindgen]
pub struct Lesson(classify::Lesson);

#[wasm_bindgen]
impl Lesson {
    /// Begins with the features of pictures, one row after the other, in the order of the classes: JSON, a list of
    /// `{ label, pictures }`. The last `validation` of each class are held out.
    #[wasm_bindgen(constructor)]
    pub fn new(features: &[f32], classes: &str, validation: f32) -> Result<Lesson, JsError> {
        let classes: Vec<Shown> = serde_json::from_str(classes)?;
        Ok(Self(classify::Lesson::new(features, &classes, validation)?))
    }

    /// One step; answers JSON.
    pub fn step(&mut self) -> Result<String, JsError> {
        Ok(serde_json::to_string(&self.0.step()?)?)
    }

    /// The head as it is now and what it is worth, as JSON.
    pub fn finish(&self, title: Option<String>) -> Result<String, JsError> {
        Ok(serde_json::to_string(&self.0.finish(title)?)?)
    }
}

/// The file of a model with another head.
#[wasm_bindgen]
pub fn write(model: Uint8Array, head: &str) -> Result<Vec<u8>, JsError> {
    let head: Head = serde_json::from_str(head)?;
    Ok(ModelFile::open(Box::new(JsBytes(model)))?.with_head(&head)?)
}

/// The same of a Keras file, which another module has opened.
#[wasm_bindgen(js_name = writeFromKeras)]
pub fn write_from_keras(keras: KerasFile, head: &str) -> Result<Vec<u8>, JsError> {
    let head: Head = serde_json::from_str(head)?;
    Ok(keras.open()?.with_head(&head)?)
}
