//! Class activation maps: exact, and the same on every way through the network.
#![cfg(all(feature = "cpu", feature = "picture"))]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use burn::tensor::{Device, Tensor, TensorData};
use image::{Rgba, RgbaImage, imageops};
use xception_web::backend::{Backend, BackendKind};
use xception_web::classify::Classifier;
use xception_web::fused::{Fused, Precision};
use xception_web::model::{Output, Planes};
use xception_web::picture::Picture;
use xception_web::preprocess::RgbaView;
use xception_web::weights::ModelFile;

/// Sums of hundreds of products in another order, relative to the largest value.
const TOLERANCE: f32 = 1e-4;

fn photos() -> ModelFile {
    ModelFile::parse(std::fs::read("www/models/photos.safetensors").unwrap()).unwrap()
}

fn close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(1.0f32, |scale, x| scale.max(x.abs()));
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= TOLERANCE * scale, "{found} for {expected}, of up to {scale}");
    }
}

/// The fused network's maps beside those of plain Burn modules.
#[test]
fn the_fused_maps_are_those_of_the_plain_modules() {
    let (file, device) = (photos(), Device::flex());
    let shape = [2, 3, 75, 131];
    let values: Vec<f32> =
        (0..shape.iter().product()).map(|at: usize| ((at * 37 % 211) as f32) / 105.0 - 1.0).collect();
    let pictures = Planes { values: values.clone(), shape };
    let fused = Fused::new(&file.config, &|id| file.read(id), Precision::F32, &device).unwrap();
    let Planes { values: found, shape: [b, classes, h, w] } =
        pollster::block_on(fused.answer(Output::ClassMaps, pictures.clone())).unwrap();
    let plain = file.build(&device).unwrap();
    let input = Tensor::from_data(TensorData::new(values, shape), &device);
    let expected = plain.answer(Output::ClassMaps, input);
    assert_eq!(expected.dims(), [b, classes, h, w]);
    assert!(h > 1 && w > h);
    close(&found, &expected.into_data().try_into_vec_as::<f32>().unwrap());
    // Their means are the logits.
    let means: Vec<f32> =
        found.chunks_exact(h * w).map(|map| map.iter().sum::<f32>() / (h * w) as f32).collect();
    close(&means, &pollster::block_on(fused.logits(pictures)).unwrap());
}

#[cfg(feature = "webgpu")]
#[test]
fn a_gpu_gives_the_maps_that_the_cpu_gives() {
    let explain = |kind| {
        let backend = pollster::block_on(Backend::named(kind)).unwrap();
        let classifier = pollster::block_on(Classifier::new(&photos(), backend)).unwrap();
        let picture = Picture::decode(&std::fs::read("www/demo/samples/espresso.jpg").unwrap()).unwrap();
        pollster::block_on(classifier.explain(picture.view().unwrap(), Some(7))).unwrap()
    };
    let [cpu, gpu] = [BackendKind::Cpu, BackendKind::Webgpu].map(explain);
    assert!(cpu.width > 1 && (cpu.width, cpu.height, cpu.seen) == (gpu.width, gpu.height, gpu.seen));
    close(&gpu.values, &cpu.values);
}

#[test]
fn the_likeliest_class_is_explained_or_the_one_that_is_asked_for() {
    let backend = pollster::block_on(Backend::named(BackendKind::Cpu)).unwrap();
    let classifier = pollster::block_on(Classifier::new(&photos(), backend)).unwrap();
    let picture = Picture::decode(&std::fs::read("www/demo/samples/espresso.jpg").unwrap()).unwrap();
    let view = picture.view().unwrap();
    let logits = pollster::block_on(classifier.logits(view)).unwrap();
    let best = &classifier.rank(&logits, 1)[0];
    let found = pollster::block_on(classifier.explain(view, None)).unwrap();
    assert_eq!((found.index, &found.label), (best.index, &best.label));
    assert_eq!(found.values.len(), found.width * found.height);
    for index in [0, 7, best.index] {
        let found = pollster::block_on(classifier.explain(view, Some(index))).unwrap();
        let mean = found.values.iter().sum::<f32>() / found.values.len() as f32;
        close(&[mean], &[logits[index]]);
    }
    let refused = pollster::block_on(classifier.explain(view, Some(logits.len()))).unwrap_err();
    let classes = logits.len();
    let expected = format!("there is no class {classes}; the model has {classes}, from 0 to {}", classes - 1);
    assert!(refused.to_string().contains(&expected), "{refused}");
}

/// What is moved to another corner is found there.
#[test]
fn the_map_follows_the_thing() {
    let backend = pollster::block_on(Backend::named(BackendKind::Cpu)).unwrap();
    let classifier = pollster::block_on(Classifier::new(&photos(), backend)).unwrap();
    let cup = image::open("www/demo/samples/espresso.jpg").unwrap().to_rgba8();
    let (width, height) = cup.dimensions();
    let explain = |picture: &RgbaImage, index| {
        let view = RgbaView::new(picture, picture.width() as usize, picture.height() as usize).unwrap();
        pollster::block_on(classifier.explain(view, index)).unwrap()
    };
    let index = explain(&cup, None).index;
    let corners = [(0, 0), (1, 0), (0, 1), (1, 1)];
    for corner @ (left, top) in corners {
        let mut grey = RgbaImage::from_pixel(2 * width, 2 * height, Rgba([128, 128, 128, 255]));
        imageops::overlay(&mut grey, &cup, i64::from(left * width), i64::from(top * height));
        let found = explain(&grey, Some(index));
        let quarter = |(left, top): (u32, u32)| -> f32 {
            let inside = |at: usize, size: usize, second: u32| (2 * at + 1 > size) == (second == 1);
            let cells = found.values.iter().enumerate();
            let cells = cells.filter(|(at, _)| {
                inside(at % found.width, found.width, left) && inside(at / found.width, found.height, top)
            });
            cells.map(|(_, value)| value).sum()
        };
        let heaviest = corners.into_iter().max_by(|a, b| quarter(*a).total_cmp(&quarter(*b)));
        assert_eq!(heaviest, Some(corner));
    }
}

fn keras(name: &str) -> Classifier {
    let file = ModelFile::parse(common::keras_model(name)).unwrap();
    let backend = pollster::block_on(Backend::named(BackendKind::Cpu)).unwrap();
    pollster::block_on(Classifier::new(&file, backend)).unwrap()
}

#[test]
fn what_speaks_for_one_of_two_classes_speaks_against_the_other() {
    let classifier = keras("guide.keras");
    let picture = Picture::decode(&std::fs::read("www/demo/samples/espresso.jpg").unwrap()).unwrap();
    let view = picture.view().unwrap();
    let logits = pollster::block_on(classifier.logits(view)).unwrap();
    let explain = |index| pollster::block_on(classifier.explain(view, index));
    let [first, second] = [0, 1].map(|index| explain(Some(index)).unwrap());
    assert!(first.index == 0 && second.index == 1 && first.label != second.label);
    close(&first.values.iter().map(|value| -value).collect::<Vec<_>>(), &second.values);
    close(&[second.values.iter().sum::<f32>() / second.values.len() as f32], &logits);
    assert_eq!(explain(None).unwrap().index, classifier.rank(&logits, 1)[0].index);
    assert!(explain(Some(2)).unwrap_err().to_string().contains("the model has 2"));
}

#[test]
fn no_place_speaks_for_a_class_through_a_relu() {
    let classifier = keras("deep.keras");
    assert!(!classifier.explains());
    let view = RgbaView::new(&[7; 4], 1, 1).unwrap();
    let refused = pollster::block_on(classifier.explain(view, None)).unwrap_err().to_string();
    assert!(refused.contains("ReLU"), "{refused}");
}
