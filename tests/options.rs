//! What a caller may ask for beside a picture: a batch, a precision, a way to a square.
#![cfg(all(feature = "cpu", feature = "picture"))]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use xception_web::Result;
use xception_web::backend::{Backend, BackendKind};
use xception_web::classify::{Classifier, PrecisionRequest};
use xception_web::picture::Picture;
use xception_web::weights::{Adjustment, Dtype, ModelFile};

/// Sums of hundreds of products in another order, relative to the largest logit.
const SAME: f32 = 1e-4;
/// Weights of 127 levels move logits by hundredths of the largest; wrong scales by all of it.
const Q8: f32 = 0.2;

fn photos() -> ModelFile {
    ModelFile::parse(std::fs::read("www/models/photos.safetensors").unwrap()).unwrap()
}

fn pictures() -> Vec<Picture> {
    let read = |name: &str| Picture::decode(&std::fs::read(format!("www/demo/samples/{name}")).unwrap());
    vec![
        read("espresso.jpg").unwrap(),
        read("tabby.jpg").unwrap(),
        Picture::new((0..41 * 67 * 4).map(|at| (at * 37 % 251) as u8).collect(), 41, 67).unwrap(),
    ]
}

fn classifier(file: &ModelFile, precision: PrecisionRequest) -> Classifier {
    let backend = pollster::block_on(Backend::named(BackendKind::Cpu)).unwrap();
    pollster::block_on(Classifier::in_precision(file, backend, precision)).unwrap()
}

fn logits(classifier: &Classifier, picture: &Picture) -> Vec<f32> {
    pollster::block_on(classifier.logits(picture.view().unwrap())).unwrap()
}

/// The largest difference, relative to the largest of the expected numbers.
fn apart(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(0.0f32, |scale, x| scale.max(x.abs()));
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / scale
}

fn batch(classifier: &Classifier, pictures: &[Picture]) -> Result<Vec<Vec<f32>>> {
    let mut inputs = Vec::new();
    for picture in pictures {
        inputs.extend(classifier.prepare(picture.view()?)?);
    }
    pollster::block_on(classifier.run(inputs, pictures.len()))
}

#[test]
fn pictures_in_one_run_get_the_logits_that_each_gets_alone() {
    for kind in [BackendKind::Cpu, BackendKind::Ndarray, BackendKind::Webgpu] {
        // What is built in; a GPU there is in most places that build for it, if only in software.
        let Ok(backend) = pollster::block_on(Backend::named(kind)) else { continue };
        let Ok(classifier) = pollster::block_on(Classifier::new(&photos(), backend)) else { continue };
        let pictures = pictures();
        let found = batch(&classifier, &pictures).unwrap();
        assert_eq!(found.len(), pictures.len());
        for (found, picture) in found.iter().zip(&pictures) {
            let worst = apart(found, &logits(&classifier, picture));
            assert!(worst <= SAME, "{kind:?}: {worst}");
        }
    }
}

#[test]
fn a_batch_of_another_size_than_is_said_is_refused() {
    let classifier = classifier(&photos(), PrecisionRequest::Auto);
    let input = classifier.prepare(pictures()[0].view().unwrap()).unwrap();
    for count in [0, 2, usize::MAX] {
        let error = pollster::block_on(classifier.run(input.clone(), count)).unwrap_err();
        assert!(error.to_string().contains(&format!("{count} pictures came with")), "{error}");
    }
}

#[test]
fn a_file_is_computed_in_the_precision_that_is_asked_for() {
    let plain = photos();
    let kept = ModelFile::parse(plain.convert(Dtype::Q8).unwrap()).unwrap();
    let picture = &pictures()[0];
    let run = |file: &ModelFile, request| {
        let classifier = classifier(file, request);
        (classifier.precision(), logits(&classifier, picture))
    };
    let (name, exact) = run(&plain, PrecisionRequest::Auto);
    assert_eq!((name, &exact), ("f32", &run(&plain, PrecisionRequest::F32).1));
    let (name, quick) = run(&plain, PrecisionRequest::Q8);
    assert_eq!(name, "q8");
    let worst = apart(&quick, &exact);
    assert!(worst > SAME && worst < Q8, "{worst}");
    let (name, auto) = run(&kept, PrecisionRequest::Auto);
    assert_eq!((name, &auto), ("q8", &run(&kept, PrecisionRequest::Q8).1));
    let (name, widened) = run(&kept, PrecisionRequest::F32);
    assert_eq!(name, "f32");
    assert!(apart(&widened, &auto) > SAME && apart(&widened, &exact) < Q8);
}

#[test]
fn another_way_to_a_square_is_that_of_a_file_which_says_so() {
    let picture = &pictures()[2];
    let mut classifier = self::classifier(&photos(), PrecisionRequest::Auto);
    let own = logits(&classifier, picture);
    let mut found = Vec::new();
    for crop in ["center", "squash", "pad"] {
        let mut file = photos();
        file.adjust(&Adjustment { crop: Some(crop.into()), ..Adjustment::default() }).unwrap();
        classifier.set_crop(Some(crop)).unwrap();
        found.push(logits(&classifier, picture));
        assert_eq!(found.last(), Some(&logits(&self::classifier(&file, PrecisionRequest::Auto), picture)));
    }
    assert!(found[0] != found[1] && found[1] != found[2] && found[2] != found[0]);
    classifier.set_crop(None).unwrap();
    assert_eq!(logits(&classifier, picture), own);
    let error = classifier.set_crop(Some("middle")).unwrap_err().to_string();
    assert!(error.contains("\"middle\"") && error.contains("center, squash or pad"), "{error}");
}
