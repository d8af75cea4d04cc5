//! Whole Keras models are read by the graph that they describe, and answer as Keras does: `tests/fixtures/models.py`
//! wrote the files, and what Keras said.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/command.rs"]
mod command;
mod common;
#[path = "keras_models/tfjs.rs"]
mod tfjs;

use common::{
    LOGIT_TOLERANCE, Strings, archive_parts, distance, fixture, keras_layers, keras_legacy_file, keras_model,
    mini, read_fixture, stored_zip, timm_tensors,
};
use xception_web::backend::{Backend, BackendKind, BackendRequest};
use xception_web::calibration::Activation;
use xception_web::classify::Classifier;
use xception_web::model::Dialect;
use xception_web::model::config::{Face, Hidden};
use xception_web::model::place::{BlockId, Part, Place};
use xception_web::picture::Picture;
use xception_web::weights::{Dtype, ModelFile};

/// What the models of `models.py` take, which weights alone do not say.
const SIZE: usize = 40;

/// Keras's logits of `pictures/picture.png`.
fn expected(name: &str) -> Vec<f32> {
    let document: serde_json::Value = serde_json::from_slice(&read_fixture("models.json")).unwrap();
    document["logits"][name].as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect()
}

fn picture() -> Picture {
    Picture::decode(&read_fixture("pictures/picture.png")).unwrap()
}

fn classifier(file: &ModelFile, kind: BackendKind) -> Classifier {
    pollster::block_on(async {
        let backend = Backend::choose(BackendRequest::Named(kind)).await.unwrap();
        Classifier::new(file, backend).await.unwrap()
    })
}

fn check(what: &str, file: &ModelFile, kind: BackendKind, expected: &[f32]) {
    let picture = picture();
    let found = pollster::block_on(classifier(file, kind).logits(picture.view().unwrap())).unwrap();
    let gap = distance(&found, expected);
    assert!(gap <= LOGIT_TOLERANCE, "{what} on {kind}: off by {gap}, {found:?} for {expected:?}");
}

fn parse(name: &str) -> ModelFile {
    let mut file = ModelFile::parse(keras_model(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    if name.ends_with(".weights.h5") {
        assert!(file.assumed.size);
        file.preprocess.size = SIZE;
    }
    file
}

const MODELS: [&str; 10] = [
    "guide.keras",
    "guide.weights.h5",
    "spread.h5",
    "deep.keras",
    "deep.h5",
    "tiny_face.h5",
    "flat_face.h5",
    "ops.keras",
    "ops.h5",
    "emotion.h5",
];

#[test]
fn models_get_kerass_logits_from_a_picture() {
    for name in MODELS {
        let file = parse(name);
        // Weights alone do not say that the guide's model is one of bytes: both end in the same normalisation.
        check(name, &file, BackendKind::Cpu, &expected(name));
        #[cfg(feature = "ndarray")]
        check(name, &file, BackendKind::Ndarray, &expected(name));
        // What it is goes with it into our own format.
        let own = ModelFile::parse(file.convert(Dtype::F32).unwrap()).unwrap();
        check(&format!("{name}, converted"), &own, BackendKind::Cpu, &expected(name));
        assert_eq!((own.calibration, &own.preprocess), (file.calibration, &file.preprocess), "{name}");
    }
}

#[cfg(feature = "webgpu")]
#[test]
fn models_get_kerass_logits_on_webgpu() {
    for name in ["deep.keras", "emotion.h5"] {
        check(name, &parse(name), BackendKind::Webgpu, &expected(name));
    }
}

/// The bar must be able to fail.
#[test]
fn logits_of_a_model_differ_by_far_more_than_the_tolerance() {
    for name in MODELS {
        let logits = expected(name);
        let spread = logits.iter().map(|logit| (logit - logits[0]).abs()).fold(logits[0].abs(), f32::max);
        assert!(spread > 100.0 * LOGIT_TOLERANCE, "{name}");
    }
}

#[test]
fn what_a_model_is_comes_from_its_configuration() {
    let guide = parse("guide.keras");
    assert_eq!((guide.config.classes, guide.preprocess.size), (1, SIZE));
    assert!(
        guide.assumed.fit && guide.assumed.activation && !guide.assumed.normalisation && !guide.assumed.size
    );
    let spread = parse("spread.h5");
    assert_eq!(spread.calibration.activation, Activation::Softmax);
    assert!(!spread.assumed.activation);
    for name in ["deep.keras", "deep.h5"] {
        let deep = parse(name);
        assert_eq!(deep.calibration.activation, Activation::Sigmoid);
        let hidden = [9, 6].map(|width| Hidden { width, relu: true });
        assert_eq!(deep.config.hidden, hidden);
        // `(byte / 255 - mean) / sqrt(variance)`.
        let close = |found: [f32; 3], expected: [f32; 3]| {
            found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6)
        };
        assert!(close(deep.preprocess.mean, [0.485, 0.456, 0.406]), "{:?}", deep.preprocess);
        assert!(close(deep.preprocess.std, [0.052f32, 0.05, 0.051].map(f32::sqrt)), "{:?}", deep.preprocess);
    }
    let flat = parse("flat_face.h5").config.face;
    assert_eq!(flat, Some(Face { channels: 1, stride: 1, leading_relu: false, last_halves: false }));
    let emotion = parse("emotion.h5");
    assert_eq!(emotion.config.architecture, "mini_XCEPTION");
    assert_eq!(
        emotion.config.face,
        Some(Face { channels: 1, stride: 1, leading_relu: false, last_halves: true })
    );
    assert_eq!((emotion.preprocess.size, emotion.preprocess.grey), (64, true));
    assert!(emotion.assumed.normalisation && emotion.assumed.labels);
    assert_eq!(emotion.labels.get(3), "happy");
}

#[test]
fn one_logit_is_two_classes_and_sigmoids_are_independent() {
    let picture = picture();
    let ranked = |name: &str| {
        let classifier = classifier(&parse(name), BackendKind::Cpu);
        pollster::block_on(classifier.classify(picture.view().unwrap(), 9)).unwrap()
    };
    let two = ranked("guide.keras");
    assert_eq!(two.iter().map(|class| class.index).collect::<Vec<_>>(), [0, 1]);
    let sigmoid = |logit: f32| 1.0 / (1.0 + (-logit).exp());
    assert!((two[1].score - sigmoid(expected("guide.keras")[0])).abs() < 1e-4, "{two:?}");
    assert!((two[0].score + two[1].score - 1.0).abs() < 1e-6);
    for class in ranked("deep.keras") {
        assert!((class.score - sigmoid(expected("deep.keras")[class.index])).abs() < 1e-4, "{class:?}");
    }
}

/// What a command prints, or what it complains of.
fn xception(args: &[&str]) -> Result<String, String> {
    let output = command::xception().args(args).output().unwrap();
    let said = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(said(output.stdout)) } else { Err(said(output.stderr)) }
}

fn scratch(name: &str) -> std::path::PathBuf {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn the_command_line_reads_models_and_says_what_it_assumes() {
    let folder = scratch("keras-models");
    let model = folder.join("guide.keras");
    std::fs::write(&model, keras_model("guide.keras")).unwrap();
    let labels = folder.join("labels.json");
    std::fs::write(&labels, r#"["cat", "dog"]"#).unwrap();
    let (model, labels) = (model.to_str().unwrap(), labels.to_str().unwrap());
    let picture = fixture("pictures/picture.png");
    let args = ["classify", "--model", model, "--labels", labels, "--backend", "cpu", "--json", "--logits"];
    let said = xception(&[&args[..], &[picture.to_str().unwrap()]].concat()).unwrap();
    let answers: serde_json::Value = serde_json::from_str(&said).unwrap();
    let logits: Vec<f32> =
        answers[0]["logits"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect();
    assert!(distance(&logits, &expected("guide.keras")) <= LOGIT_TOLERANCE, "{logits:?}");
    assert_eq!(
        (&answers[0]["predictions"][0]["label"], &answers[0]["predictions"][1]["label"]),
        (&"cat".into(), &"dog".into())
    );
    let shown = xception(&["inspect", model]).unwrap();
    for line in [
        "format        Keras 3 model archive",
        "written by    Keras 3.15.1",
        "unused        optimizer: was left by training",
        "dialect       keras, batch-norm epsilon 1e-3",
        "preprocess    squashed to 40×40, bilinear, mean [0.5, 0.5, 0.5], std [0.5, 0.5, 0.5] (assumed as published: crop and filter)",
        "classes       1",
        "scores        sigmoid of the one logit, which is that of the second of two classes (assumed: not in the file)",
    ] {
        assert!(shown.lines().any(|found| found == line), "no line \"{line}\" in\n{shown}");
    }
}

/// What weights alone do not say can be said.
#[test]
fn the_input_of_a_model_can_be_set() {
    let folder = scratch("keras-settings");
    let (model, own) = (folder.join("guide.weights.h5"), folder.join("own.safetensors"));
    std::fs::write(&model, keras_model("guide.weights.h5")).unwrap();
    let (model, own) = (model.to_str().unwrap(), own.to_str().unwrap());
    let set = ["--size", "40", "--crop", "pad", "--mean", "0.4,0.5,0.6", "--std", "0.25"];
    xception(&[&["convert", model, own][..], &set].concat()).unwrap();
    for shown in
        [xception(&[&["inspect", model][..], &set].concat()).unwrap(), xception(&["inspect", own]).unwrap()]
    {
        let line = "preprocess    longer side resized, padded with black to 40×40, bilinear, mean [0.4, 0.5, 0.6], std [0.25, 0.25, 0.25]";
        assert!(shown.lines().any(|found| found == line), "{shown}");
    }
    let picture = fixture("pictures/picture.png");
    let args =
        ["classify", "--model", model, "--backend", "cpu", "--json", "--logits", picture.to_str().unwrap()];
    let answers: serde_json::Value =
        serde_json::from_str(&xception(&[&args[..], &["--size", "40"]].concat()).unwrap()).unwrap();
    let logit = answers[0]["logits"][0].as_f64().unwrap() as f32;
    assert!((logit - expected("guide.weights.h5")[0]).abs() <= LOGIT_TOLERANCE, "{logit}");
    for (set, words) in [
        (["--crop", "square"], "center, squash or pad"),
        (["--mean", "1,2"], "three with commas"),
        (["--std", "0"], "std is 0"),
        (["--size", "3"], "needs at least 7"),
    ] {
        let said = xception(&[&args[..], &set].concat()).unwrap_err();
        assert!(said.contains(words), "{set:?}: {said}");
    }
}

/// A temperature is fitted for a softmax.
#[test]
fn sigmoids_are_not_calibrated() {
    let model = scratch("keras-sigmoids").join("deep.h5");
    std::fs::write(&model, keras_model("deep.h5")).unwrap();
    let said = xception(&["calibrate", model.to_str().unwrap()]).unwrap_err();
    assert!(said.contains("ends in sigmoids") && said.lines().count() == 1, "{said}");
}

/// timm's `config.json` says of a fine-tuned file what its tensors do not.
#[test]
fn timms_configuration_says_how_pictures_are_prepared() {
    let folder = scratch("timm-config");
    let (config, model) = (folder.join("config.json"), fixture("mini_timm.safetensors"));
    let inspect = |interpolation: &str| {
        let json = serde_json::json!({
            "label_names": ["a", "b", "c", "d", "e", "f", "g"],
            "pretrained_cfg": {
                "input_size": [3, 75, 75], "crop_pct": 0.9, "interpolation": interpolation,
                "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
            },
        });
        std::fs::write(&config, json.to_string()).unwrap();
        xception(&["inspect", model.to_str().unwrap(), "--labels", config.to_str().unwrap()])
    };
    let shown = inspect("bicubic").unwrap();
    let line = "preprocess    shorter side resized, centre 75×75 kept at crop 0.9, bicubic, mean [0.485, 0.456, 0.406], std [0.229, 0.224, 0.225]";
    assert!(shown.lines().any(|found| found == line), "{shown}");
    assert!(inspect("lanczos").unwrap_err().contains("bicubic and bilinear are read"));
    // What cannot be read is not left out without a word.
    for (key, value, words) in [
        ("mean", serde_json::json!([0.5]), "the mean of pretrained_cfg is [0.5]; three numbers are read"),
        ("std", serde_json::json!(["a", 0.5, 0.5, 0.5]), "the std of pretrained_cfg is"),
        ("input_size", serde_json::json!([3, 75, 80]), "75 by 80; squares are read"),
        ("input_size", serde_json::json!(75), "the input_size of pretrained_cfg is 75"),
    ] {
        std::fs::write(&config, serde_json::json!({"pretrained_cfg": {key: value}}).to_string()).unwrap();
        let said = xception(&["inspect", model.to_str().unwrap(), "--labels", config.to_str().unwrap()]);
        let said = said.unwrap_err();
        assert!(said.contains(words) && said.lines().count() == 1, "{said}");
    }
    // Of ImageNet's classes timm gives no names.
    let said = serde_json::json!({"num_classes": 7, "pretrained_cfg": {"mean": [0.4, 0.5, 0.6]}});
    std::fs::write(&config, said.to_string()).unwrap();
    let shown =
        xception(&["inspect", model.to_str().unwrap(), "--labels", config.to_str().unwrap()]).unwrap();
    assert!(shown.contains("mean [0.4, 0.5, 0.6]") && shown.contains("labels        none"), "{shown}");
}

/// Weights without a classifier are read for their features, and say that they can name nothing.
#[test]
fn files_without_a_classifier_are_for_features() {
    let config = mini(Dialect::Keras);
    let mut layers = keras_layers(&config, &timm_tensors(&config, "mini"));
    let whole = ModelFile::parse(keras_legacy_file(&layers, Strings::Fixed)).unwrap();
    layers.pop();
    let folder = scratch("keras-notop");
    let path = folder.join("notop.h5");
    std::fs::write(&path, keras_legacy_file(&layers, Strings::Fixed)).unwrap();
    let file = ModelFile::parse(std::fs::read(&path).unwrap()).unwrap();
    assert!(file.headless && !whole.headless);
    let classifier = 21 * 7 + 7;
    assert_eq!(
        (file.numbers(), file.trained()),
        (whole.numbers() - classifier, whole.trained() - classifier)
    );
    // The features are the same.
    let device = burn::tensor::Device::flex();
    let features = |file: &ModelFile| {
        let input = common::network_input([64, 80], 1, &device);
        file.build(&device).unwrap().features(input).into_data().try_into_vec_as::<f32>().unwrap()
    };
    assert_eq!(features(&file), features(&whole));
    assert!(file.convert(Dtype::F32).unwrap_err().to_string().contains("no classifier"));
    let picture = fixture("pictures/picture.png");
    let path = path.to_str().unwrap();
    let args = ["classify", "--model", path, "--backend", "cpu", picture.to_str().unwrap()];
    let said = xception(&args).unwrap_err();
    assert!(said.contains("no classifier") && said.contains("train") && said.lines().count() == 1, "{said}");
    let shown: serde_json::Value =
        serde_json::from_str(&xception(&["inspect", "--json", path]).unwrap()).unwrap();
    assert_eq!(
        (&shown["classifier"], &shown["classes"], &shown["assumed"]["dialect"]),
        (&false.into(), &0.into(), &true.into())
    );
    assert_eq!(shown["tensors"].as_array().unwrap().len(), file.tensors().len());
}

/// Of a network that was frozen in part, Keras lists first what training may change.
#[test]
fn a_nested_network_that_was_frozen_in_part_is_read_in_its_order() {
    let config = mini(Dialect::Keras);
    let layers = keras_layers(&config, &timm_tensors(&config, "mini"));
    let expected = ModelFile::parse(keras_legacy_file(&layers, Strings::Fixed)).unwrap();
    let (dense, inside) = layers.split_last().unwrap();
    let tensors = |layers: &[common::KerasLayer]| -> Vec<_> {
        layers.iter().flat_map(|(_, tensors)| tensors.clone()).collect()
    };
    for frozen in [0, 9, inside.len() / 2, inside.len() - 3] {
        let (frozen, trained) = inside.split_at(frozen);
        let nested = ("xception".to_owned(), [tensors(trained), tensors(frozen)].concat());
        let file = common::keras_nested_file(&[nested, dense.clone()]);
        let file = ModelFile::parse(file).unwrap_or_else(|error| panic!("{} frozen: {error}", frozen.len()));
        assert_eq!(file.config, expected.config);
        for (id, _) in file.config.plan().tensors() {
            assert_eq!(file.read(id).unwrap(), expected.read(id).unwrap(), "{id}, {} frozen", frozen.len());
        }
    }
}

/// Keras 1 called layers and tensors otherwise; the published file has such names to this day.
#[test]
fn names_of_keras_1_are_read() {
    let config = mini(Dialect::Keras);
    let mut layers = keras_layers(&config, &timm_tensors(&config, "mini"));
    let expected = ModelFile::parse(keras_legacy_file(&layers, Strings::Fixed)).unwrap();
    let mut counts = std::collections::HashMap::new();
    for (name, tensors) in &mut layers {
        let (class, parts): (_, &[&str]) =
            match tensors.iter().map(|(_, shape, _)| shape.len()).collect::<Vec<_>>()[..] {
                [4] => ("convolution2d", &["W"]),
                [4, 4] => ("separableconvolution2d", &["depthwise_kernel", "pointwise_kernel"]),
                [1, 1, 1, 1] => ("batchnormalization", &["gamma", "beta", "running_mean", "running_std"]),
                [2, 1] => ("dense", &["W", "b"]),
                _ => continue,
            };
        let count = counts.entry(class).and_modify(|count| *count += 1).or_insert(1);
        *name = format!("{class}_{count}");
        for ((tensor, ..), part) in tensors.iter_mut().zip(parts) {
            *tensor = format!("{name}/{name}_{part}:0");
        }
    }
    let file = ModelFile::parse(keras_legacy_file(&layers, Strings::Fixed)).unwrap();
    assert_eq!(file.config, expected.config);
    for (id, _) in file.config.plan().tensors() {
        assert_eq!(file.read(id).unwrap(), expected.read(id).unwrap(), "{id}");
    }
}

/// KerasHub (`xception_41_imagenet`) names bridges, which Keras's own have only numbers for.
#[test]
fn names_of_keras_hub_are_read_and_missing_ones_named() {
    let config = mini(Dialect::Keras);
    let mut layers = keras_layers(&config, &timm_tensors(&config, "mini"));
    let expected = ModelFile::parse(keras_legacy_file(&layers, Strings::Variable)).unwrap();
    let mut block = String::new();
    for (name, tensors) in &mut layers {
        let part = match name.split_once("_").map(|(before, _)| before) {
            Some("conv2d") => "conv",
            Some("batch") => "bn",
            _ => {
                block = name.split_once("_").map_or(String::new(), |(block, _)| block.to_owned());
                continue;
            }
        };
        let old = std::mem::replace(name, format!("{block}_residual_{part}"));
        tensors.iter_mut().for_each(|(tensor, ..)| *tensor = tensor.replace(&old, name));
    }
    assert!(layers.iter().any(|(name, _)| name == "block2_residual_conv"));
    let file = ModelFile::parse(keras_legacy_file(&layers, Strings::Variable)).unwrap();
    assert_eq!(file.config, expected.config);
    let id = Place::Shortcut(BlockId::Exit).part(Part::Gamma);
    assert_eq!(file.read(id).unwrap(), expected.read(id).unwrap());
    for part in ["conv", "bn"] {
        let gone = format!("block2_residual_{part}");
        let left: Vec<_> = layers.iter().filter(|(name, _)| *name != gone).cloned().collect();
        let said = ModelFile::parse(keras_legacy_file(&left, Strings::Variable)).unwrap_err().to_string();
        assert!(said.contains(&gone), "without {gone}: {said}");
    }
}

/// The guide's model with one thing changed in its configuration.
fn changed(from: &str, to: &str) -> String {
    let (config, weights) = archive_parts(&keras_model("guide.keras"));
    assert!(config.contains(from), "no {from}");
    let config = config.replace(from, to);
    let archive = stored_zip(&[("config.json", config.as_bytes()), ("model.weights.h5", &weights)]);
    ModelFile::parse(archive).err().map_or(String::new(), |error| error.to_string())
}

/// `preprocess_input` as a `Lambda`, of which Keras 3 writes the name and Keras 2 the module too.
#[test]
fn preprocess_input_is_known_by_its_name() {
    let scaling = r#""scale": 0.00784313725490196, "offset": -1"#;
    let (config, weights) = archive_parts(&keras_model("guide.keras"));
    assert!(config.contains(scaling));
    let lambda = |said: &str| {
        let config = config.replace(r#""class_name": "Rescaling""#, r#""class_name": "Lambda""#);
        let config = config.replace(scaling, said);
        stored_zip(&[("config.json", config.as_bytes()), ("model.weights.h5", &weights)])
    };
    for said in [
        r#""function": {"class_name": "function", "config": "preprocess_input", "registered_name": "function"}"#,
        r#""function": "preprocess_input", "function_type": "function", "module": "keras.applications.xception""#,
    ] {
        let file = ModelFile::parse(lambda(said)).unwrap();
        assert!(file.assumed.normalisation);
        check(said, &file, BackendKind::Cpu, &expected("guide.keras"));
    }
    for said in [
        r#""function": {"class_name": "__lambda__", "config": {"code": "4wEAAAA="}}"#,
        r#""function": "preprocess_input", "function_type": "function", "module": "keras.applications.resnet""#,
    ] {
        let error = ModelFile::parse(lambda(said)).unwrap_err().to_string();
        assert!(error.contains("(Lambda)") && error.contains("Python"), "{said}: {error}");
    }
}

/// Its weights would pass for ones of another preprocessing and head.
#[test]
fn a_model_without_its_configuration_is_refused() {
    let mut file = keras_model("spread.h5");
    let name = b"model_config";
    let at = (0..file.len()).find(|&at| file[at..].starts_with(name)).unwrap();
    file[at + 6] = b'k';
    let said = ModelFile::parse(file).unwrap_err().to_string();
    assert!(said.contains("model_config"), "{said}");
}

#[test]
fn what_is_not_understood_is_named_with_what_is() {
    assert_eq!(changed("name", "name"), "", "the archive itself");
    for (from, to, words) in [
        (
            r#""class_name": "Dropout""#,
            r#""class_name": "LayerNormalization""#,
            ["dropout (LayerNormalization)", "Dense, BatchNormalization"],
        ),
        (
            r#""class_name": "GlobalAveragePooling2D""#,
            r#""class_name": "GlobalMaxPooling2D""#,
            ["global_average_pooling2d (GlobalMaxPooling2D)", "understood are"],
        ),
        (
            r#""class_name": "RandomRotation""#,
            r#""class_name": "Lambda""#,
            ["random_rotation (Lambda)", "Python"],
        ),
        (
            r#""epsilon": 0.001"#,
            r#""epsilon": 0.01"#,
            ["block1_conv1_bn (BatchNormalization)", "epsilon 0.01"],
        ),
        (
            r#""pool_size": [3, 3]"#,
            r#""pool_size": [2, 2]"#,
            ["block2_pool (MaxPooling2D)", "3×3 with stride 2"],
        ),
        (r#""padding": "valid""#, r#""padding": "same""#, ["block1_conv1 (Conv2D)", "without padding"]),
        (r#""activation": "relu""#, r#""activation": "gelu""#, ["block1_conv1_act (Activation)", "gelu"]),
        (
            r#""class_name": "RandomFlip""#,
            r#""class_name": "AutoContrast""#,
            ["(AutoContrast)", "not understood"],
        ),
        (r#""units": 1"#, r#""units": 2"#, ["layers/dense/vars/0", "[17, 2]"]),
        (r#""filters": 14"#, r#""filters": 15"#, ["separable_conv2d_7/vars/1", "[1, 1, 12, 15]"]),
        (r#"[null, 40, 40, 3]"#, r#"[null, 40, 48, 3]"#, ["48×40", "squares"]),
        (
            r#""module": "keras.src.models.functional", "class_name": "Functional""#,
            r#""module": "mine", "class_name": "Mine""#,
            ["class Mine", "Functional and Sequential"],
        ),
    ] {
        let said = changed(from, to);
        for word in words {
            assert!(said.contains(word), "{to}: {said}");
        }
    }
}
