//! The boundary to JavaScript: converts types, decides nothing.
//!
//! Weights cross once; per picture RGBA, width and height go in and a short list comes out.

use js_sys::{Array, Object, Reflect};
use wasm_bindgen::prelude::*;

use crate::backend::{Backend, BackendRequest};
use crate::classify::Classifier;
use crate::labels::Labels;
use crate::preprocess::RgbaView;
use crate::weights::ModelFile;

/// Errors inside a promise show where they came from.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}

/// What a web worker that shares this module's memory does for the rest of its life: a share of each picture.
#[cfg(target_feature = "atomics")]
#[wasm_bindgen]
pub fn work() {
    crate::kernels::work()
}

/// How many threads stand ready, the caller among them.
#[cfg(target_feature = "atomics")]
#[wasm_bindgen]
pub fn threads() -> usize {
    crate::kernels::threads()
}

/// One model on one backend.
#[wasm_bindgen]
pub struct Session {
    classifier: Classifier,
    info: serde_json::Value,
}

#[wasm_bindgen]
impl Session {
    /// Parses the model and builds its network on `backend` (`cpu`, `ndarray` or `webgpu`).
    pub async fn create(model: Vec<u8>, backend: String) -> Result<Session, JsError> {
        let request: BackendRequest = backend.parse()?;
        let file = ModelFile::parse(model)?;
        // The page downloads one module per backend and falls back between them itself.
        let backend = match request {
            BackendRequest::Named(kind) => Backend::named(kind).await?,
            BackendRequest::Auto => Backend::choose(request).await?,
        };
        let classifier = Classifier::new(&file, backend).await?;
        let chosen = classifier.backend();
        let info = serde_json::json!({
            "backend": chosen.kind.name(),
            "reason": chosen.reason,
            "runtime": chosen.runtime(),
            "threads": chosen.threads(),
            "architecture": file.config.architecture,
            "dialect": file.config.dialect.name(),
            "format": file.format,
            "classes": file.config.classes,
            "parameters": file.numbers(),
            "inputSize": file.preprocess.size,
            "labels": file.labels.names(),
            "title": file.about.title,
            "licence": file.about.licence,
            "provenance": file.about.provenance,
        });
        Ok(Self { classifier, info })
    }

    /// What the model file says of itself, and the backend that runs.
    pub fn info(&self) -> Result<JsValue, JsValue> {
        js_sys::JSON::parse(&self.info.to_string())
    }

    /// Gives the classes the names of a sidecar: a list, `id2label`, or Keras's class index.
    #[wasm_bindgen(js_name = setLabels)]
    pub fn set_labels(&mut self, json: String) -> Result<(), JsError> {
        let labels = Labels::from_json(&json)?;
        let names = labels.names().into();
        self.classifier.set_labels(labels)?;
        self.info["labels"] = names;
        Ok(())
    }

    /// The `top_k` likeliest classes of `width × height × 4` bytes of straight RGBA.
    pub async fn classify(
        &self,
        rgba: Vec<u8>,
        width: usize,
        height: usize,
        top_k: usize,
    ) -> Result<JsValue, JsError> {
        let picture = RgbaView::new(&rgba, width, height)?;
        let (logits, timings) = self.classifier.timed_logits(picture).await?;
        let predictions = Array::new();
        for prediction in self.classifier.rank(&logits, top_k) {
            let mut fields: Vec<(&str, JsValue)> = vec![
                ("index", (prediction.index as f64).into()),
                ("label", prediction.label.into()),
                ("score", prediction.score.into()),
            ];
            fields.extend(prediction.synset.map(|synset| ("synset", synset.into())));
            predictions.push(&object(&fields));
        }
        let timings =
            object(&[("preprocess", timings.preprocess.into()), ("inference", timings.inference.into())]);
        Ok(object(&[("predictions", predictions.into()), ("timings", timings)]))
    }
}

fn object(fields: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in fields {
        // A fresh plain object takes any property.
        let _ = Reflect::set(&object, &(*name).into(), value);
    }
    object.into()
}
