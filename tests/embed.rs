//! Features after global average pooling: the same on every way through the network, and what the classifier sees.
#![cfg(all(feature = "cpu", feature = "keras", feature = "picture"))]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use burn::tensor::{Device, Tensor, TensorData};
use common::{Strings, keras_layers, keras_legacy_file, mini, timm_tensors};
use xception_web::backend::{Backend, BackendKind};
use xception_web::classify::{Classifier, similarity};
use xception_web::fused::{Fused, Precision};
use xception_web::model::{Dialect, Output, Part, Place, Planes, XceptionConfig};
use xception_web::picture::Picture;
use xception_web::preprocess::Preprocess;
use xception_web::weights::ModelFile;

/// Sums of hundreds of products in another order, relative to the largest value.
const TOLERANCE: f32 = 1e-4;

fn photos() -> ModelFile {
    ModelFile::parse(std::fs::read("www/models/photos.safetensors").unwrap()).unwrap()
}

fn classifier(file: &ModelFile, kind: BackendKind) -> Classifier {
    let backend = pollster::block_on(Backend::named(kind)).unwrap();
    pollster::block_on(Classifier::new(file, backend)).unwrap()
}

fn sample(name: &str) -> Picture {
    Picture::decode(&std::fs::read(format!("www/demo/samples/{name}")).unwrap()).unwrap()
}

fn close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(1.0f32, |scale, x| scale.max(x.abs()));
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= TOLERANCE * scale, "{found} for {expected}, of up to {scale}");
    }
}

#[test]
fn features_times_the_head_are_the_logits() {
    let file = photos();
    let classifier = classifier(&file, BackendKind::Cpu);
    let picture = sample("espresso.jpg");
    let view = picture.view().unwrap();
    let features = pollster::block_on(classifier.embed(view)).unwrap();
    assert_eq!(features.len(), file.config.features());
    let [weights, mut logits] =
        [Part::Kernel, Part::Bias].map(|part| file.read(Place::Head.part(part)).unwrap());
    for (row, feature) in weights.chunks_exact(logits.len()).zip(&features) {
        logits.iter_mut().zip(row).for_each(|(logit, weight)| *logit += weight * feature);
    }
    close(&logits, &pollster::block_on(classifier.logits(view)).unwrap());
}

/// Of the paper's structure, and of a face network, whose features are those of windows.
#[test]
fn the_fused_features_are_those_of_the_plain_modules() {
    let face = ModelFile::seeded(XceptionConfig::mini_face(1, 5), Preprocess::keras(48)).unwrap();
    for (file, shape) in [(photos(), [2, 3, 75, 131]), (face, [2, 1, 49, 66])] {
        let device = Device::flex();
        let values: Vec<f32> =
            (0..shape.iter().product()).map(|at: usize| ((at * 37 % 211) as f32) / 105.0 - 1.0).collect();
        let pictures = Planes { values: values.clone(), shape };
        let fused = Fused::new(&file.config, &|id| file.read(id), Precision::F32, &device).unwrap();
        let plain = file.build(&device).unwrap();
        for output in [Output::Features, Output::FeatureMap] {
            let found = pollster::block_on(fused.answer(output, pictures.clone())).unwrap();
            let input = TensorData::new(values.clone(), shape);
            let expected = plain.answer(output, Tensor::from_data(input, &device));
            assert_eq!(found.shape, expected.dims());
            let [_, _, h, w] = found.shape;
            assert!(output == Output::Features || (h > 1 && h != w));
            close(&found.values, &expected.into_data().try_into_vec_as::<f32>().unwrap());
        }
    }
}

#[cfg(feature = "webgpu")]
#[test]
fn other_backends_give_the_features_that_the_cpu_gives() {
    let features = |kind| {
        let picture = sample("espresso.jpg");
        pollster::block_on(classifier(&photos(), kind).embed(picture.view().unwrap())).unwrap()
    };
    let expected = features(BackendKind::Cpu);
    close(&features(BackendKind::Webgpu), &expected);
    #[cfg(feature = "ndarray")]
    close(&features(BackendKind::Ndarray), &expected);
}

#[test]
fn a_file_that_ends_in_features_gives_them_and_names_nothing() {
    let config = mini(Dialect::Keras);
    let mut layers = keras_layers(&config, &timm_tensors(&config, "mini"));
    let whole = ModelFile::parse(keras_legacy_file(&layers, Strings::Fixed)).unwrap();
    layers.pop();
    let headless = ModelFile::parse(keras_legacy_file(&layers, Strings::Fixed)).unwrap();
    let [whole, headless] = [whole, headless].map(|file| classifier(&file, BackendKind::Cpu));
    let picture = sample("tabby.jpg");
    let view = picture.view().unwrap();
    let embed = |classifier: &Classifier| pollster::block_on(classifier.embed(view)).unwrap();
    assert_eq!(embed(&headless), embed(&whole));
    assert_eq!((headless.classes(), headless.explains(), whole.classes()), (0, false, 7));
    for refused in [
        pollster::block_on(headless.classify(view, 1)).unwrap_err().to_string(),
        pollster::block_on(headless.explain(view, None)).unwrap_err().to_string(),
    ] {
        assert!(refused.contains("no classifier"), "{refused}");
    }
}

#[test]
fn a_picture_is_more_like_itself_smaller_than_like_another() {
    let classifier = classifier(&photos(), BackendKind::Cpu);
    let embed = |picture: &Picture| pollster::block_on(classifier.embed(picture.view().unwrap())).unwrap();
    let cat = image::open("www/demo/samples/tabby.jpg").unwrap();
    let mut small = std::io::Cursor::new(Vec::new());
    let half = cat.resize(cat.width() / 2, cat.height() / 2, image::imageops::FilterType::Triangle);
    half.write_to(&mut small, image::ImageFormat::Png).unwrap();
    let [cat, small, cup] =
        [sample("tabby.jpg"), Picture::decode(small.get_ref()).unwrap(), sample("espresso.jpg")]
            .map(|p| embed(&p));
    let (same, other) = (similarity(&cat, &small).unwrap(), similarity(&cat, &cup).unwrap());
    assert!(same > 0.9 && other < same - 0.2, "{same} and {other}");
    assert_eq!(similarity(&cat, &cat).unwrap(), 1.0);
}
