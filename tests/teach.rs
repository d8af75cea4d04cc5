//! Three things taught from photographs, and the file of it.
#![cfg(all(feature = "cpu", feature = "keras", feature = "picture"))]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Strings, keras_layers, keras_legacy_file, mini, timm_tensors};
use image::{DynamicImage, imageops::FilterType};
use xception_web::backend::{Backend, BackendKind};
use xception_web::classify::{Classifier, Lesson, Shown, Taught};
use xception_web::model::{Dialect, Place};
use xception_web::preprocess::RgbaView;
use xception_web::weights::{Dtype, ModelFile};

/// What a file's own classifier and a taught head may differ by: the same products, summed in another order.
const TOLERANCE: f32 = 1e-3;

/// The same where the file's network quantises what its classifier sees, and the taught head sees it as it is.
const QUANTIZED_TOLERANCE: f32 = 0.15;

const THINGS: [&str; 3] = ["tabby", "espresso", "rocket"];

/// Pictures of each thing.
const EACH: usize = 15;

fn photos() -> ModelFile {
    ModelFile::parse(std::fs::read("www/models/photos.safetensors").unwrap()).unwrap()
}

fn classifier(file: &ModelFile) -> Classifier {
    let backend = pollster::block_on(Backend::named(BackendKind::Cpu)).unwrap();
    pollster::block_on(Classifier::new(file, backend)).unwrap()
}

/// Parts of a photograph, as a hand that moves would take them.
fn pictures(name: &str) -> Vec<DynamicImage> {
    let whole = image::open(format!("www/demo/samples/{name}.jpg")).unwrap();
    let (width, height) = (whole.width(), whole.height());
    let part = |at: usize| {
        let (left, top) = ((at % 4) as u32 * width / 24, (at / 4) as u32 * height / 24);
        let part = whole.crop_imm(left, top, width * 3 / 4, height * 3 / 4);
        part.resize_exact(128, 128, FilterType::Triangle).brighten(at as i32 % 3 * 12 - 12)
    };
    (0..EACH).map(part).collect()
}

fn with_view<T>(picture: &DynamicImage, look: impl FnOnce(RgbaView<'_>) -> T) -> T {
    let picture = picture.to_rgba8();
    look(RgbaView::new(&picture, picture.width() as usize, picture.height() as usize).unwrap())
}

fn taught(classifier: &Classifier) -> Taught {
    let mut features = Vec::new();
    for name in THINGS {
        for picture in pictures(name) {
            features.extend(with_view(&picture, |view| pollster::block_on(classifier.embed(view))).unwrap());
        }
    }
    let shown = THINGS.map(|label| Shown { label: label.into(), pictures: EACH });
    let mut lesson = Lesson::new(&features, &shown, 0.2).unwrap();
    while !lesson.step().unwrap().done {}
    lesson.finish(Some("Three things".into())).unwrap()
}

fn close(found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= tolerance, "{found} for {expected}");
    }
}

#[test]
fn what_was_taught_is_told_apart_at_once_and_from_its_file() {
    let photos = photos();
    for (file, tolerance) in [
        (photos.convert(Dtype::F16).unwrap(), TOLERANCE),
        (photos.convert(Dtype::F32).unwrap(), TOLERANCE),
        (photos.convert(Dtype::Q8).unwrap(), QUANTIZED_TOLERANCE),
    ] {
        let file = ModelFile::parse(file).unwrap();
        let mut classifier = classifier(&file);
        let own =
            with_view(&pictures("rocket")[3], |view| pollster::block_on(classifier.logits(view))).unwrap();
        let Taught { head, report } = taught(&classifier);
        assert_eq!((report.held_out, report.accuracy), (9, Some(1.0)), "{report:?}");
        let whole = ModelFile::parse(file.with_head(&head).unwrap()).unwrap();
        assert_eq!(whole.labels.names(), THINGS);
        assert_eq!(whole.about.title.as_deref(), Some("Three things"));
        assert_eq!(whole.about.licence, file.about.licence);
        let provenance = whole.about.provenance.as_deref().unwrap();
        assert!(
            provenance.starts_with("head taught on 45 pictures of 3 classes; the network: "),
            "{provenance}"
        );
        assert!(provenance.ends_with(file.about.provenance.as_deref().unwrap()));
        assert_eq!(
            (whole.is_quantized(), whole.config.architecture.as_str()),
            (file.is_quantized(), "xception-custom")
        );
        // The network is the same to the bit.
        let tensors = file.config.plan().tensors();
        for (id, _) in tensors.into_iter().filter(|(id, _)| id.place != Place::Head) {
            assert_eq!(whole.read(id).unwrap(), file.read(id).unwrap(), "{id}");
        }
        let from_file = self::classifier(&whole);
        classifier.use_head(Some(head)).unwrap();
        assert_eq!(classifier.classes(), THINGS.len());
        for (at, name) in THINGS.iter().enumerate() {
            let picture = image::open(format!("www/demo/samples/{name}.jpg")).unwrap();
            let [live, stored] = [&classifier, &from_file].map(|classifier| {
                with_view(&picture, |view| pollster::block_on(classifier.logits(view))).unwrap()
            });
            close(&stored, &live, tolerance);
            let best = &classifier.rank(&live, 1)[0];
            assert_eq!((best.index, best.label.as_str()), (at, *name));
            // What places say for a class is what the whole says.
            let [live_map, stored_map] = [&classifier, &from_file].map(|classifier| {
                with_view(&picture, |view| pollster::block_on(classifier.explain(view, Some(at)))).unwrap()
            });
            assert_eq!(live_map.label, *name);
            close(&stored_map.values, &live_map.values, 4.0 * tolerance);
            let mean = live_map.values.iter().sum::<f32>() / live_map.values.len() as f32;
            close(&[mean], &live[at..=at], tolerance);
        }
        classifier.use_head(None).unwrap();
        let again =
            with_view(&pictures("rocket")[3], |view| pollster::block_on(classifier.logits(view))).unwrap();
        assert_eq!(again, own);
    }
}

#[test]
fn a_file_that_ends_in_features_gets_a_head() {
    let config = mini(Dialect::Keras);
    let mut layers = keras_layers(&config, &timm_tensors(&config, "mini"));
    layers.pop();
    let file = ModelFile::parse(keras_legacy_file(&layers, Strings::Fixed)).unwrap();
    let mut classifier = classifier(&file);
    let Taught { head, .. } = taught(&classifier);
    let whole = ModelFile::parse(file.with_head(&head).unwrap()).unwrap();
    assert!(!whole.headless && whole.config.architecture == "xception-custom");
    classifier.use_head(Some(head.clone())).unwrap();
    let from_file = self::classifier(&whole);
    let picture = image::open("www/demo/samples/tabby.jpg").unwrap();
    let [live, stored] = [&classifier, &from_file]
        .map(|classifier| with_view(&picture, |view| pollster::block_on(classifier.logits(view))).unwrap());
    close(&stored, &live, TOLERANCE);
    let refused =
        photos().with_head(&xception_web::weights::Head { bias: vec![0.0; 2], ..head }).unwrap_err();
    assert!(refused.to_string().contains("teach it on this network"), "{refused}");
}
