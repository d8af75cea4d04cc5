//! One model on one backend.

use js_sys::{Array, Float32Array, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::bytes::JsBytes;
use super::opened::KerasFile;
use crate::backend::{Backend, BackendRequest};
use crate::classify::Classifier;
use crate::error::Result;
use crate::labels::Labels;
use crate::preprocess::RgbaView;
use crate::weights::{Digest, Head, ModelFile};

/// What a web worker that shares this module's memory does for the rest of its life: a share of each picture.
#[cfg(target_feature = "atomics")]
#[wasm_bindgen]
pub fn work() {
    crate::kernels::work()
}

/// What it does when that has failed, so that nobody waits for it.
#[cfg(target_feature = "atomics")]
#[wasm_bindgen(js_name = workFailed)]
pub fn work_failed() {
    crate::kernels::work_failed()
}

/// Gets the CPU's kernels compiled while there is nothing else to do.
#[cfg(feature = "cpu")]
#[wasm_bindgen(js_name = warmUp)]
pub fn warm_up() {
    crate::kernels::warm_up()
}

/// Brings the GPU up and has it compile what nearly every model needs, while the model is on its way.
#[cfg(feature = "webgpu")]
#[wasm_bindgen]
pub async fn rehearse() -> Result<(), JsError> {
    let backend = Backend::named(crate::backend::BackendKind::Webgpu).await?;
    Ok(crate::classify::rehearse(&backend).await?)
}

/// How many threads stand ready, the caller among them.
#[cfg(target_feature = "atomics")]
#[wasm_bindgen]
pub fn threads() -> usize {
    crate::kernels::threads()
}

#[wasm_bindgen]
extern "C" {
    /// Web Crypto: fast and on a thread of its own, but browsers keep it to pages on https:// and localhost.
    #[wasm_bindgen(catch, js_namespace = ["crypto", "subtle"], js_name = digest)]
    fn subtle_digest(algorithm: &str, bytes: &Uint8Array) -> Result<Promise, JsValue>;
}

/// The hash of what `digest` covers, from wherever it comes fastest.
async fn hash(started: Result<Promise, JsValue>, digest: &Digest) -> Result<Vec<u8>> {
    let found = match started {
        Ok(promise) => JsFuture::from(promise).await,
        Err(none) => Err(none),
    };
    match found {
        Ok(buffer) => Ok(Uint8Array::new(&buffer).to_vec()),
        Err(_) => digest.compute(),
    }
}

/// One model on one backend.
#[wasm_bindgen]
pub struct Session {
    classifier: Classifier,
    info: serde_json::Value,
}

#[wasm_bindgen]
impl Session {
    /// Parses the model and builds its network on `backend` (`cpu`, `ndarray` or `webgpu`). The bytes must not
    /// change until then, and are not needed afterwards. On a GPU it is launched once, so that all shaders are asked
    /// for, and has proved nothing yet.
    pub async fn create(model: Uint8Array, backend: String) -> Result<Session, JsError> {
        let file = ModelFile::open(Box::new(JsBytes(model.clone())))?;
        // Hashed while the network is built.
        let covered = |digest: &Digest| model.subarray(digest.start() as u32, model.length());
        let hashing = file.digest().map(|digest| (subtle_digest("SHA-256", &covered(digest)), digest));
        let built = Self::of(&file, &backend).await;
        // Of a damaged file this is the error to tell, whatever else the damage led to.
        if let Some((started, digest)) = hashing {
            digest.check(&hash(started, digest).await?)?;
        }
        Ok(built?)
    }

    /// The same for a Keras file, whose layers another module has found. It is not needed afterwards.
    #[wasm_bindgen(js_name = createFromKeras)]
    pub async fn create_from_keras(keras: KerasFile, backend: String) -> Result<Session, JsError> {
        Ok(Self::of(&keras.open()?, &backend).await?)
    }

    /// Holds a GPU to the CPU's answers to known pictures.
    #[cfg(feature = "webgpu")]
    pub async fn prove(&self) -> Result<(), JsError> {
        Ok(self.classifier.prove().await?)
    }

    /// What the model file says of itself, and the backend that runs.
    pub fn info(&self) -> Result<JsValue, JsValue> {
        js_sys::JSON::parse(&self.info.to_string())
    }

    /// From now on a head that was taught answers: its weights, `[features, classes]`, and biases, and JSON with a list
    /// of the classes' names. Without weights the file's own does again.
    #[wasm_bindgen(js_name = useHead)]
    pub fn use_head(&mut self, weight: Vec<f32>, bias: Vec<f32>, labels: &str) -> Result<(), JsError> {
        let head = match weight.is_empty() {
            true => None,
            false => Some(Head::new(weight, bias, Labels::from_json(labels)?)),
        };
        Ok(self.classifier.use_head(head)?)
    }

    /// The features of such a picture as `classify` takes.
    pub async fn embed(&self, rgba: Vec<u8>, width: usize, height: usize) -> Result<Float32Array, JsError> {
        let features = self.classifier.embed(RgbaView::new(&rgba, width, height)?).await?;
        Ok(Float32Array::from(&features[..]))
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
        Ok(object(&[
            ("predictions", predictions.into()),
            ("known", self.classifier.knows(&logits).into()),
            ("timings", timings),
        ]))
    }

    /// Which places of such a picture speak for the class `index`; without one, for the likeliest.
    pub async fn explain(
        &self,
        rgba: Vec<u8>,
        width: usize,
        height: usize,
        index: Option<usize>,
    ) -> Result<JsValue, JsError> {
        let picture = RgbaView::new(&rgba, width, height)?;
        let found = self.classifier.explain(picture, index).await?;
        let [x, y, w, h] = found.seen.map(JsValue::from);
        Ok(object(&[
            ("index", (found.index as f64).into()),
            ("label", found.label.into()),
            ("width", (found.width as f64).into()),
            ("height", (found.height as f64).into()),
            ("values", Float32Array::from(&found.values[..]).into()),
            ("seen", object(&[("x", x), ("y", y), ("width", w), ("height", h)])),
        ]))
    }
}

impl Session {
    async fn of(file: &ModelFile, backend: &str) -> Result<Self> {
        let request: BackendRequest = backend.parse()?;
        // The page downloads one module per backend and falls back between them itself.
        let backend = match request {
            BackendRequest::Named(kind) => Backend::named(kind).await?,
            BackendRequest::Auto => Backend::choose(request).await?,
        };
        let classifier = Classifier::unproven(file, backend).await?;
        classifier.compile().await?;
        let chosen = classifier.backend();
        let info = serde_json::json!({
            "backend": chosen.kind.name(),
            "reason": chosen.reason,
            "runtime": chosen.runtime(),
            "threads": chosen.threads(),
            "tile": chosen.tile(),
            "architecture": file.config.architecture,
            "dialect": file.config.dialect.name(),
            "format": file.format,
            "classes": classifier.classes(),
            "explains": classifier.explains(),
            "features": file.config.features(),
            "parameters": file.numbers(),
            "inputSize": file.preprocess.size,
            "labels": file.labels.names(),
            "title": file.about.title,
            "licence": file.about.licence,
            "provenance": file.about.provenance,
        });
        Ok(Self { classifier, info })
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
