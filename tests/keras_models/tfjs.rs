//! Models of TensorFlow.js, which its own converter made of Keras's: `tests/fixtures/tfjs.py`.

use std::path::Path;

use xception_web::backend::BackendKind;
use xception_web::calibration::Activation;
use xception_web::weights::ModelFile;

use super::common::{fixture, read_fixture, tfjs_model};
use super::{check, scratch, xception};

/// As float32 in two shards; quantised in three ways; with the names of Keras 3's archives.
const MODELS: [&str; 3] = ["deep", "spread", "face"];

/// Keras's logits of `pictures/picture.png`, with the numbers that quantising leaves.
fn expected(name: &str) -> Vec<f32> {
    let document: serde_json::Value = serde_json::from_slice(&read_fixture("tfjs.json")).unwrap();
    document["logits"][name].as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect()
}

#[test]
fn layers_models_of_tensorflow_js_get_kerass_logits() {
    for name in MODELS {
        let file = ModelFile::parse(tfjs_model(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        check(name, &file, BackendKind::Cpu, &expected(name));
        assert_eq!(file.format, "TensorFlow.js layers model");
        assert_eq!(
            file.writer.as_deref(),
            Some("keras v3.15.1, converted by TensorFlow.js Converter v4.22.0")
        );
    }
    let deep = ModelFile::parse(tfjs_model("deep")).unwrap();
    assert_eq!((deep.calibration.activation, deep.preprocess.size), (Activation::Sigmoid, super::SIZE));
}

/// The fixture in a folder of its own.
fn copied(name: &str, to: &str) -> std::path::PathBuf {
    let folder = scratch(to);
    for file in std::fs::read_dir(fixture(&format!("tfjs/{name}"))).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), folder.join(file.file_name())).unwrap();
    }
    folder
}

fn inspect(model: &Path) -> Result<String, String> {
    xception(&["inspect", model.to_str().unwrap()])
}

#[test]
fn the_command_line_takes_model_json_and_finds_its_shards() {
    let model = copied("deep", "tfjs-shards").join("model.json");
    let shown = inspect(&model).unwrap();
    for line in [
        "format        TensorFlow.js layers model",
        "written by    keras v3.15.1, converted by TensorFlow.js Converter v4.22.0",
        "scores        a sigmoid per class",
    ] {
        assert!(shown.lines().any(|found| found == line), "no line \"{line}\" in\n{shown}");
    }
    let shard = model.with_file_name("group1-shard2of2.bin");
    std::fs::remove_file(&shard).unwrap();
    let said = inspect(&model).unwrap_err();
    assert!(said.contains("group1-shard2of2.bin") && said.lines().count() == 1, "{said}");
}

/// A model from elsewhere must not have files of this machine read.
#[test]
fn shards_outside_of_the_folder_are_refused() {
    let model = copied("deep", "tfjs-outside").join("model.json");
    let json = std::fs::read_to_string(&model).unwrap();
    for (shard, words) in [
        ("../tfjs-shards/model.json", "not in its folder"),
        ("/etc/passwd", "not in its folder"),
        ("model.json", "not in its folder"),
        ("group1-shard1of2.bin", "twice"),
    ] {
        std::fs::write(&model, json.replace("group1-shard2of2.bin", shard)).unwrap();
        let said = inspect(&model).unwrap_err();
        assert!(said.contains(words) && said.lines().count() == 1, "{shard}: {said}");
    }
    // JSON of other kinds is no model.
    std::fs::write(&model, r#"{"id2label": {"0": "cat"}}"#).unwrap();
    let said = inspect(&model).unwrap_err();
    assert!(said.contains("no model by itself"), "{said}");
}
