//! The command line as a user meets it: the built binary, its output and its failures.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/command.rs"]
mod command;
mod common;
#[path = "cli/failures.rs"]
mod failures;

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use common::{
    LOGIT_TOLERANCE, PICTURE, Strings, distance, expected, fixture, keras_layers, keras_legacy_file,
    picture_key, pixels, read_fixture, timm_file, timm_tensors,
};
use serde_json::Value;
use xception_web::calibration::Calibration;
use xception_web::model::{Dialect, XceptionConfig};
use xception_web::weights::{Dtype, ModelFile};

const MODELS: [&str; 4] =
    ["mini_timm.safetensors", "mini_keras_legacy.h5", "mini_keras_model.h5", "mini_keras.weights.h5"];

/// A picture that all networks take.
const PNG: &str = "pictures/picture.png";

/// Classes of the mini network.
const CLASSES: usize = 7;

/// JPEG is lossy: at quality 92 pixels move by a few of 255, logits of about 2 by less than this.
const JPEG_TOLERANCE: f32 = 0.3;

fn xception(args: &[&str]) -> Output {
    command::xception()
        .args(args)
        .env("RUST_BACKTRACE", "1")
        // Without it Mesa's Vulkan layer itself complains on stderr where no desktop runs.
        .env("XDG_RUNTIME_DIR", env!("CARGO_TARGET_TMPDIR"))
        .output()
        .expect("the built binary runs")
}

fn stdout(args: &[&str]) -> String {
    let output = xception(args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {errors}");
    assert_eq!(errors, "", "{args:?}: stderr");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The one sentence of a failure: exit status, nothing else on stderr, no panic.
fn failure(args: &[&str]) -> String {
    let output = xception(args);
    let errors = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(!output.status.success(), "{args:?} succeeded");
    assert_eq!(output.status.code(), Some(1), "{args:?}: {errors}");
    assert_eq!(errors.lines().count(), 1, "{args:?}: {errors}");
    assert!(errors.starts_with("error: ") && errors.ends_with('\n'), "{args:?}: {errors}");
    assert!(!errors.contains("panicked") && !errors.contains("backtrace"), "{args:?}: {errors}");
    errors
}

fn path(name: &str) -> String {
    fixture(name).to_str().expect("UTF-8").into()
}

/// A file in a folder of this test's own.
fn scratch(test: &str, name: &str, bytes: &[u8]) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(test);
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join(name);
    std::fs::write(&file, bytes).expect("a file");
    file.to_str().expect("UTF-8").into()
}

fn classify(model: &str, picture: &str) -> Value {
    let args = ["classify", "--model", model, "--backend", "cpu", "--json", "--logits", picture];
    let answers: Value = serde_json::from_str(&stdout(&args)).expect("JSON");
    assert_eq!(answers.as_array().map(Vec::len), Some(1));
    answers[0].clone()
}

fn logits(model: &str, picture: &str) -> Vec<f32> {
    let answer = classify(model, picture);
    answer["logits"]
        .as_array()
        .expect("logits")
        .iter()
        .map(|v| v.as_f64().expect("a number") as f32)
        .collect()
}

fn png(rgb: &[u8], width: usize, height: usize) -> Vec<u8> {
    let picture = image::RgbImage::from_raw(width as u32, height as u32, rgb.to_vec()).expect("a picture");
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).expect("a PNG");
    bytes.into_inner()
}

#[test]
fn embed_prints_features_and_how_alike_they_are() {
    let pictures = ["tabby", "espresso"].map(|name| format!("www/demo/samples/{name}.jpg"));
    let [cat, cup] = pictures.each_ref().map(String::as_str);
    let shown = stdout(&["embed", "--backend", "cpu", cat, cat, cup]);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[0], "photos on cpu (asked for by name), 896 features");
    let itself = format!("   1.000  {cat}");
    assert_eq!(lines[1..3], [itself.as_str(); 2]);
    let alike: f32 = lines[3].split_whitespace().next().unwrap().parse().unwrap();
    assert!(lines[3].ends_with(cup) && alike < 0.6, "{shown}");
    let found: Value = serde_json::from_str(&stdout(&["embed", "--backend", "cpu", "--json", cup])).unwrap();
    assert_eq!((&found[0]["file"], found[0]["features"].as_array().unwrap().len()), (&Value::from(cup), 896));
}

#[test]
fn the_json_has_the_file_the_backend_the_model_and_ranked_predictions() {
    let (model, picture) = (path(MODELS[0]), path("pictures/picture.png"));
    let answer = classify(&model, &picture);
    assert_eq!(answer["file"], picture.as_str());
    assert_eq!(answer["model"], model.as_str());
    assert_eq!(answer["backend"], "cpu");
    assert_eq!(answer["logits"].as_array().unwrap().len(), CLASSES);
    let predictions = answer["predictions"].as_array().unwrap();
    assert_eq!(predictions.len(), 5);
    let scores: Vec<f64> = predictions.iter().map(|one| one["score"].as_f64().unwrap()).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    for one in predictions {
        // The file carries no names.
        assert_eq!(one["label"], format!("class {}", one["index"]));
    }
}

#[test]
fn logits_are_given_only_when_asked_for() {
    let args = [
        "classify",
        "--model",
        &path(MODELS[0]),
        "--backend",
        "cpu",
        "--json",
        &path("pictures/picture.png"),
    ];
    let answers: Value = serde_json::from_str(&stdout(&args)).unwrap();
    assert!(answers[0].get("logits").is_none());
}

#[test]
fn a_picture_below_the_threshold_is_nothing_known_and_its_logits_stay_raw() {
    let picture = path("pictures/picture.png");
    let mut file = ModelFile::parse(std::fs::read(path(MODELS[0])).unwrap()).unwrap();
    let with = |file: &ModelFile, name: &str| scratch("unknown", name, &file.convert(Dtype::F32).unwrap());
    let plain = classify(&with(&file, "plain.safetensors"), &picture);
    assert_eq!(plain["known"], true);
    file.calibration = Calibration { temperature: 4.0, unknown: Some(1.0), ..Calibration::default() };
    let model = with(&file, "strict.safetensors");
    let strict = classify(&model, &picture);
    assert_eq!(strict["known"], false);
    assert_eq!(strict["logits"], plain["logits"]);
    let score = |answer: &Value| answer["predictions"][0]["score"].as_f64().unwrap();
    assert!(score(&strict) < score(&plain));
    let said = stdout(&["classify", "--model", &model, "--backend", "cpu", &picture]);
    assert!(said.contains("nothing I know"), "{said}");
    let shown = stdout(&["inspect", &model]);
    assert!(shown.contains("temperature   4") && shown.contains("below a score of 1"), "{shown}");
}

#[test]
fn a_top_k_above_the_count_of_classes_shows_them_all() {
    let (model, picture) = (path(MODELS[1]), path("pictures/picture.png"));
    let args = ["classify", "--model", &model, "--backend", "cpu", "--json", "--top-k", "1000", &picture];
    let answers: Value = serde_json::from_str(&stdout(&args)).unwrap();
    let predictions = answers[0]["predictions"].as_array().unwrap();
    assert_eq!(predictions.len(), CLASSES);
    let sum: f64 = predictions.iter().map(|one| one["score"].as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-5, "{sum}");
}

#[test]
fn people_get_one_line_per_prediction() {
    let (model, picture) = (path(MODELS[0]), path("pictures/picture.png"));
    let shown = stdout(&["classify", "--model", &model, "--backend", "cpu", "--top-k", "3", &picture]);
    assert_eq!(shown.lines().filter(|line| line.contains(" % ")).count(), 3, "{shown}");
    assert!(shown.contains("class "), "{shown}");
}

#[test]
fn the_models_that_come_along_go_by_their_names_and_the_one_of_photographs_is_the_default() {
    let umbrella = path("pictures/umbrella.png");
    let asked = |more: &[&str]| {
        let args = ["classify", "--backend", "cpu", "--json", "--top-k", "1000", &umbrella];
        let answers: Value = serde_json::from_str(&stdout(&[&args, more].concat())).unwrap();
        answers[0].clone()
    };
    let by_default = asked(&[]);
    assert_eq!(by_default["model"], "photos");
    assert_eq!(by_default["predictions"], asked(&["--model", "photos"])["predictions"]);
    let drawings = asked(&["--model", "drawings"]);
    assert_eq!(drawings["model"], "drawings");
    assert_eq!(drawings["predictions"][0]["label"], "umbrella");
    let by_path = asked(&["--model", &path("../../www/models/drawings.safetensors")]);
    assert_eq!(by_path["predictions"], drawings["predictions"]);
    assert!(stdout(&["inspect", "drawings"]).contains("Things as drawn in emoji"));
    // A file of that name is meant by its path.
    let mini = scratch("bundled", "photos", &read_fixture(MODELS[0]));
    assert_eq!(classify(&mini, &umbrella)["logits"].as_array().unwrap().len(), CLASSES);
}

#[test]
fn png_webp_gif_and_bmp_of_one_picture_get_the_same_logits_and_jpeg_almost() {
    let model = path(MODELS[0]);
    let reference = logits(&model, &path("pictures/picture.png"));
    for kind in ["webp", "gif", "bmp"] {
        assert_eq!(logits(&model, &path(&format!("pictures/picture.{kind}"))), reference, "{kind}");
    }
    let gap = distance(&logits(&model, &path("pictures/picture.jpg")), &reference);
    assert!(gap <= JPEG_TOLERANCE, "JPEG: {gap}");
}

#[test]
fn a_jpeg_that_says_it_lies_on_its_side_is_turned_upright() {
    let model = path(MODELS[0]);
    // libjpeg knows nothing of orientation.
    let bytes = read_fixture("pictures/orientation_6.jpg");
    let mut decoder = mozjpeg::Decompress::new_mem(&bytes).unwrap().rgb().unwrap();
    let (width, height) = (decoder.width() as u32, decoder.height() as u32);
    let pixels = decoder.read_scanlines::<[u8; 3]>().unwrap().concat();
    let lying = image::RgbImage::from_raw(width, height, pixels).unwrap();
    let upright = image::imageops::rotate90(&lying);
    let as_png =
        |picture: &image::RgbImage| png(picture, picture.width() as usize, picture.height() as usize);
    let found = logits(&model, &path("pictures/orientation_6.jpg"));
    let turned = scratch("orientation", "turned.png", &as_png(&upright));
    assert_eq!(found, logits(&model, &turned));
    // The turn matters to this network.
    let unturned = scratch("orientation", "unturned.png", &as_png(&lying));
    assert!(distance(&found, &logits(&model, &unturned)) > 10.0 * LOGIT_TOLERANCE);
}

#[test]
fn full_size_files_of_both_dialects_and_a_picture_file_get_the_originals_logits() {
    let [width, height] = PICTURE;
    let picture =
        scratch("full", "picture.png", &png(&pixels(&picture_key(), [height, width]), width, height));
    for dialect in [Dialect::Timm, Dialect::Keras] {
        let config = XceptionConfig::xception(dialect, 1000);
        let tensors = timm_tensors(&config, "full");
        let bytes = match dialect {
            Dialect::Timm => timm_file(&tensors),
            Dialect::Keras => keras_legacy_file(&keras_layers(&config, &tensors), Strings::Variable),
        };
        // The name says nothing: files are known by their content.
        let model = scratch("full", dialect.name(), &bytes);
        let gap = distance(&logits(&model, &picture), expected(&format!("file/{}", dialect.name())));
        println!("{}: {gap:.1e}", dialect.name());
        assert!(gap <= LOGIT_TOLERANCE, "{}: {gap}", dialect.name());
        std::fs::remove_file(model).unwrap();
    }
}

#[test]
fn every_format_converts_to_the_own_one_and_answers_the_same() {
    let picture = path("pictures/picture.png");
    for name in MODELS {
        let original = path(name);
        let converted = scratch("convert", &format!("{name}.own.safetensors"), b"an older file");
        let said = stdout(&["convert", &original, &converted]);
        assert!(said.contains(&converted), "{said}");
        assert_eq!(logits(&converted, &picture), logits(&original, &picture), "{name}");
        let halved = scratch("convert", &format!("{name}.f16.safetensors"), b"");
        stdout(&["convert", "--dtype", "f16", &original, &halved]);
        let size = |path: &str| std::fs::metadata(path).unwrap().len();
        assert!(size(&halved) < size(&converted), "{name}");
        let gap = distance(&logits(&halved, &picture), &logits(&original, &picture));
        assert!(gap < 2e-2, "{name}: f16 is off by {gap}");
    }
}

#[test]
fn inspect_tells_what_a_file_holds() {
    for (name, dialect) in MODELS.into_iter().zip(["timm", "keras", "keras", "keras"]) {
        let shown = stdout(&["inspect", &path(name), "--tensors"]);
        let line = |key: &str| {
            let found = shown.lines().find(|line| line.starts_with(key));
            found.unwrap_or_else(|| panic!("{name} has no {key}: {shown}")).to_string()
        };
        assert!(line("architecture").ends_with("xception-custom"), "{shown}");
        assert!(line("dialect").contains(dialect), "{shown}");
        assert!(line("preprocess").contains("299"), "{shown}");
        assert!(line("classes").ends_with('7'), "{shown}");
        assert!(line("labels").contains("none"), "{shown}");
        let tensors = timm_tensors(&common::mini(Dialect::Timm), "mini");
        assert!(line("tensors").ends_with(&tensors.len().to_string()), "{shown}");
        let numbers: usize = tensors.iter().map(|tensor| tensor.values.len()).sum();
        assert!(line("numbers").ends_with(&numbers.to_string()), "{shown}");
        assert_eq!(
            shown.lines().filter(|line| line.starts_with("  ") && line.contains('[')).count() - 3,
            tensors.len()
        );
    }
}

#[test]
fn timms_aligned_files_are_classified_with_and_inspected() {
    let picture = path("pictures/picture.png");
    for (name, format) in
        [("mini_aligned.safetensors", "timm safetensors"), ("mini_aligned_p.pth", "PyTorch state dict")]
    {
        let model = path(name);
        let answer = classify(&model, &picture);
        assert_eq!(answer["logits"].as_array().unwrap().len(), CLASSES);
        assert_eq!(answer["model"], model.as_str());
        let shown = stdout(&["inspect", &model]);
        for part in [format, "xception-custom", "timm, batch-norm epsilon 1e-3 (assumed", "299×299"] {
            assert!(shown.contains(part), "{part} is not in {shown}");
        }
        // What was assumed is written down, and read back as said.
        let own = scratch("aligned", name, b"");
        stdout(&["convert", &model, &own]);
        assert_eq!(classify(&own, &picture)["logits"], answer["logits"]);
        assert!(!stdout(&["inspect", &own]).contains("assumed"));
    }
}

#[test]
fn a_picture_may_come_from_standard_input_or_have_a_name_that_is_no_text() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let folder = scratch("names", "good.png", &read_fixture(PNG));
    let odd = Path::new(&folder).with_file_name(OsStr::from_bytes(b"caf\xe9.png"));
    std::fs::write(&odd, read_fixture(PNG)).unwrap();
    let output = command::xception()
        .args(["classify", "--model", &path(MODELS[0]), "--backend", "cpu", "--json", "--logits", "-"])
        .args([odd.as_path(), &odd.with_extension("gif")])
        .stdin(std::fs::File::open(fixture(PNG)).unwrap())
        .output()
        .unwrap();
    // The last one does not exist.
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), errors.lines().count()), (Some(1), 1), "{errors}");
    assert!(errors.contains("caf\u{fffd}.gif"), "{errors}");
    let answers: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answers.as_array().unwrap().len(), 2);
    assert_eq!(answers[0]["file"], "-");
    assert!(answers[1]["file"].as_str().unwrap().ends_with("caf\u{fffd}.png"));
    let expected = classify(&path(MODELS[0]), &path(PNG));
    assert!(answers.as_array().unwrap().iter().all(|answer| answer["logits"] == expected["logits"]));
}

#[test]
fn the_help_of_every_command_that_reads_models_names_their_formats() {
    for command in ["classify", "convert", "inspect"] {
        let help = stdout(&[command, "--help"]);
        for format in [
            "own safetensors",
            "timm safetensors",
            ".pth",
            "pytorch_model.bin",
            "Keras .keras",
            ".h5",
            ".weights.h5",
        ] {
            assert!(help.to_lowercase().contains(&format.to_lowercase()), "{command}: {format}: {help}");
        }
    }
}

/// What a backend says of a picture is what the CPU says of it.
#[cfg(any(feature = "ndarray", feature = "webgpu"))]
fn runs_when_named(backend: &str) {
    let (model, picture) = (path(MODELS[0]), path("pictures/picture.png"));
    let reference = logits(&model, &picture);
    let args = ["classify", "--model", &model, "--backend", backend, "--json", "--logits", &picture];
    let answers: Value = serde_json::from_str(&stdout(&args)).unwrap();
    assert_eq!(answers[0]["backend"], backend);
    let found: Vec<f32> =
        answers[0]["logits"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect();
    let gap = distance(&found, &reference);
    assert!(gap <= LOGIT_TOLERANCE, "{backend}: {gap}");
}

#[cfg(feature = "ndarray")]
#[test]
fn ndarray_can_be_named() {
    runs_when_named("ndarray");
}

#[cfg(feature = "webgpu")]
#[test]
fn webgpu_can_be_named() {
    runs_when_named("webgpu");
}

#[cfg(not(feature = "ndarray"))]
#[test]
fn a_binary_without_ndarray_says_how_to_get_it() {
    let (model, picture) = (path(MODELS[0]), path("pictures/picture.png"));
    let said = failure(&["classify", "--model", &model, "--backend", "ndarray", &picture]);
    assert!(said.contains("`cargo run --release --features ndarray …`"), "{said}");
}

/// As where there is no GPU, the CPU takes over and says why.
#[cfg(not(feature = "webgpu"))]
#[test]
fn a_binary_without_webgpu_says_how_to_get_it() {
    let (model, picture) = (path(MODELS[0]), path("pictures/picture.png"));
    let output = xception(&["classify", "--model", &model, "--backend", "webgpu", "--json", &picture]);
    let answers: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answers[0]["backend"], "cpu");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("`cargo run --release --features webgpu …`") && said.lines().count() == 1,
        "{said}"
    );
}

#[cfg(feature = "webgpu")]
#[test]
fn a_model_in_int8_runs_on_the_gpu_which_multiplies_it_in_f32() {
    let model = scratch("int8_on_the_gpu", "q8.safetensors", b"");
    // The mini network is too narrow: its convolutions stay in f32 on the CPU, too.
    stdout(&["convert", "--dtype", "q8", &path("../../www/models/drawings.safetensors"), &model]);
    let picture = path("pictures/picture.png");
    let args = ["classify", "--model", &model, "--backend", "webgpu", "--json", &picture];
    let answers: Value = serde_json::from_str(&stdout(&args)).unwrap();
    assert_eq!(answers[0]["backend"], "webgpu");
}

#[test]
fn bench_times_a_model_and_says_what_ran() {
    let model = path(MODELS[0]);
    let text = stdout(&["bench", "--model", &model, "--runs", "2", "--threads", "1"]);
    assert!(text.contains("cpu (asked for by name), threads: 1\n"), "{text}");
    assert!(text.contains("pictures/s"), "{text}");
    let found: Value =
        serde_json::from_str(&stdout(&["bench", "--model", &model, "--runs", "2", "--json"])).unwrap();
    assert_eq!(found["times_ms"].as_array().unwrap().len(), 2);
    assert_eq!(found["logits"].as_array().unwrap().len(), CLASSES);
    assert!(found["median_ms"].as_f64().unwrap() >= found["min_ms"].as_f64().unwrap());
    for runs in ["0", "1000001", "18446744073709551615"] {
        assert!(failure(&["bench", "--runs", runs]).contains("give 1 to 1000000"), "{runs}");
    }
    // Of several at once the answers are the same.
    let logits = |batch: &str| -> Value {
        let args = ["bench", "--model", &model, "--runs", "1", "--json", "--batch", batch];
        let found: Value = serde_json::from_str(&stdout(&args)).unwrap();
        found["logits"].clone()
    };
    assert_eq!(logits("3"), logits("1"));
    assert!(failure(&["bench", "--batch", "0"]).contains("give 1 to 64"));
    assert!(failure(&["bench", "--threads", "0"]).contains("give 1 or more"));
    assert!(failure(&["bench", "--threads", "100000"]).contains("give 1 to 1024"));
}
