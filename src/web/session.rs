//! One model on one backend.

use js_sys::{Array, Float32Array, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::bytes::JsBytes;
use super::opened::KerasFile;
use crate::backend::{Backend, BackendRequest};
use crate::classify::{Classifier, PrecisionRequest};
use crate::error::Result;
use crate::labels::Labels;
use crate::preprocess::RgbaView;
use crate::weights::{Adjustment, Digest, Head, ModelFile};

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

    /// What is said of a model's input beside its file.
    #[wasm_bindgen(
        typescript_type = "{ size?: number; crop?: string; mean?: number[]; std?: number[]; config?: string }"
    )]
    pub type Input;

    #[wasm_bindgen(method, getter)]
    fn size(this: &Input) -> Option<usize>;

    #[wasm_bindgen(method, getter)]
    fn crop(this: &Input) -> Option<String>;

    #[wasm_bindgen(method, getter)]
    fn mean(this: &Input) -> Option<Vec<f32>>;

    #[wasm_bindgen(method, getter)]
    fn std(this: &Input) -> Option<Vec<f32>>;

    #[wasm_bindgen(method, getter)]
    fn config(this: &Input) -> Option<String>;
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
    /// Parses the model and builds its network on `backend` (`cpu`, `ndarray` or `webgpu`) in `precision` (`auto`, `f32`
    /// or `q8`). The bytes must not change until then, and are not needed afterwards. On a GPU it is launched once, so
    /// that all shaders are asked for, and has proved nothing yet.
    pub async fn create(
        model: Uint8Array,
        backend: String,
        precision: String,
        input: Input,
    ) -> Result<Session, JsError> {
        let file = adjusted(ModelFile::open(Box::new(JsBytes(model.clone())))?, &input)?;
        // Hashed while the network is built.
        let covered = |digest: &Digest| model.subarray(digest.start() as u32, model.length());
        let hashing = file.digest().map(|digest| (subtle_digest("SHA-256", &covered(digest)), digest));
        let built = Self::of(&file, &backend, &precision).await;
        // Of a damaged file this is the error to tell, whatever else the damage led to.
        if let Some((started, digest)) = hashing {
            digest.check(&hash(started, digest).await?)?;
        }
        Ok(built?)
    }

    /// The same for a Keras file, whose layers another module has found. It is not needed afterwards.
    #[wasm_bindgen(js_name = createFromKeras)]
    pub async fn create_from_keras(
        keras: KerasFile,
        backend: String,
        precision: String,
        input: Input,
    ) -> Result<Session, JsError> {
        Ok(Self::of(&adjusted(keras.open()?, &input)?, &backend, &precision).await?)
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

    /// The features of such a picture as `prepare` takes.
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

    /// Brings the pictures that follow to a square by `center`, `squash` or `pad`; without it, as the model says.
    #[wasm_bindgen(js_name = setCrop)]
    pub fn set_crop(&mut self, crop: Option<String>) -> Result<(), JsError> {
        Ok(self.classifier.set_crop(crop.as_deref())?)
    }

    /// What the network sees of `width × height × 4` bytes of straight RGBA, for `run`.
    pub fn prepare(&self, rgba: Vec<u8>, width: usize, height: usize) -> Result<Vec<f32>, JsError> {
        Ok(self.classifier.prepare(RgbaView::new(&rgba, width, height)?)?)
    }

    /// The `top_k` likeliest classes of each of `count` prepared pictures that lie one after the other.
    pub async fn run(&self, inputs: Vec<f32>, count: usize, top_k: usize) -> Result<Array, JsError> {
        let answers = self.classifier.run(inputs, count).await?;
        Ok(answers.iter().map(|logits| self.answer(logits, top_k)).collect())
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
    async fn of(file: &ModelFile, backend: &str, precision: &str) -> Result<Self> {
        let precision: PrecisionRequest = precision.parse()?;
        let request: BackendRequest = backend.parse()?;
        // The page downloads one module per backend and falls back between them itself.
        let backend = match request {
            BackendRequest::Named(kind) => Backend::named(kind).await?,
            BackendRequest::Auto => Backend::choose(request).await?,
        };
        let classifier = Classifier::unproven(file, backend, precision).await?;
        classifier.compile().await?;
        let chosen = classifier.backend();
        let info = serde_json::json!({
            "backend": chosen.kind.name(),
            "reason": chosen.reason,
            "runtime": chosen.runtime(),
            "threads": chosen.threads(),
            "tile": chosen.tile(),
            "precision": classifier.precision(),
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

    fn answer(&self, logits: &[f32], top_k: usize) -> JsValue {
        let predictions = Array::new();
        for prediction in self.classifier.rank(logits, top_k) {
            let mut fields: Vec<(&str, JsValue)> = vec![
                ("index", (prediction.index as f64).into()),
                ("label", prediction.label.into()),
                ("score", prediction.score.into()),
            ];
            fields.extend(prediction.synset.map(|synset| ("synset", synset.into())));
            predictions.push(&object(&fields));
        }
        object(&[("predictions", predictions.into()), ("known", self.classifier.knows(logits).into())])
    }
}

/// The model with what is said of its input.
fn adjusted(mut file: ModelFile, input: &Input) -> Result<ModelFile> {
    if let Some(config) = input.config() {
        file.configure(config.as_bytes())?;
    }
    let channels = |numbers: Option<Vec<f32>>| numbers.and_then(|numbers| numbers.try_into().ok());
    let [mean, std] = [input.mean(), input.std()].map(channels);
    file.adjust(&Adjustment { size: input.size(), crop: input.crop(), mean, std })?;
    Ok(file)
}

fn object(fields: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in fields {
        // A fresh plain object takes any property.
        let _ = Reflect::set(&object, &(*name).into(), value);
    }
    object.into()
}
