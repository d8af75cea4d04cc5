//! The full network answers as `keras.applications.Xception` and timm's `legacy_xception` do, on every
//! backend that runs natively, by plain modules and fused.
#![cfg(feature = "keras")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use burn::tensor::Tensor;
use common::{
    BATCH, FULL_SIZES, LOGIT_TOLERANCE, PICTURE, Strings, distance, expected, expected_for, fused,
    keras_layers, keras_legacy_file, network_input, numbers, picture_key, pixels, timm_file, timm_tensors,
};
use xception_web::backend::{Backend, BackendKind, BackendRequest};
use xception_web::classify::Classifier;
use xception_web::model::{Dialect, XceptionConfig};
use xception_web::preprocess::RgbaView;
use xception_web::weights::ModelFile;

/// The full network with the formula's weights, in the file format of its dialect.
fn full(dialect: Dialect) -> ModelFile {
    let config = XceptionConfig::xception(dialect, 1000);
    let tensors = timm_tensors(&config, "full");
    let bytes = match dialect {
        Dialect::Timm => timm_file(&tensors),
        Dialect::Keras => keras_legacy_file(&keras_layers(&config, &tensors), Strings::Fixed),
    };
    let file = ModelFile::parse(bytes).expect("a full network");
    assert_eq!(file.config, config);
    file
}

/// Both dialects on one backend; `cases` are sizes and how many of their pictures to run.
fn agrees(kind: BackendKind, cases: &[([usize; 2], usize)]) {
    let device = common::device(kind);
    for dialect in [Dialect::Timm, Dialect::Keras] {
        let network = full(dialect).build(&device).expect("a network");
        for &(size, batch) in cases {
            check(kind, dialect, "plain", |x| network.forward(x), size, batch);
        }
        if kind == BackendKind::Cpu {
            let network = fused(&full(dialect), &device);
            for &(size, batch) in cases {
                check(kind, dialect, "fused", |x| network.forward(x), size, batch);
            }
        }
    }
}

/// One answer of one network.
fn check(
    kind: BackendKind,
    dialect: Dialect,
    state: &str,
    network: impl Fn(Tensor<4>) -> Tensor<2>,
    size: [usize; 2],
    batch: usize,
) {
    let found = numbers(network(network_input(size, batch, &common::device(kind))));
    let answer = &expected_for("full", dialect, size)[..found.len()];
    let gap = distance(&found, answer);
    println!("{kind} {} {state} {size:?} × {batch}: {gap:.1e}", dialect.name());
    assert!(gap <= LOGIT_TOLERANCE, "{kind}, {}, {state}, {size:?}: logits are off by {gap}", dialect.name());
}

#[test]
fn the_full_network_on_the_cpu_backend_agrees_with_keras_and_timm() {
    agrees(BackendKind::Cpu, &FULL_SIZES.map(|size| (size, BATCH)));
}

#[cfg(feature = "ndarray")]
#[test]
fn the_full_network_on_ndarray_agrees_with_keras_and_timm() {
    agrees(BackendKind::Ndarray, &[(FULL_SIZES[0], 1), (FULL_SIZES[1], BATCH)]);
}

#[cfg(feature = "webgpu")]
#[test]
fn the_full_network_on_webgpu_agrees_with_timm() {
    // One small picture through the network that inference runs: where there is no GPU, a software
    // adapter takes minutes for more. The dialects differ in a padding that the other backends cover.
    let device = common::device(BackendKind::Webgpu);
    let network = fused(&full(Dialect::Timm), &device);
    check(BackendKind::Webgpu, Dialect::Timm, "fused", |x| network.forward(x), FULL_SIZES[1], 1);
}

/// A picture through the crate's own preprocessing against timm's eval transform and Keras's `load_img`.
#[test]
fn a_picture_of_odd_size_gets_the_logits_of_each_librarys_own_pipeline() {
    let [width, height] = PICTURE;
    let rgba: Vec<u8> = pixels(&picture_key(), [height, width])
        .chunks_exact(3)
        .flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 255])
        .collect();
    let view = RgbaView::new(&rgba, width, height).expect("a picture");
    for dialect in [Dialect::Timm, Dialect::Keras] {
        let found = pollster::block_on(async {
            let backend = Backend::choose(BackendRequest::Named(BackendKind::Cpu)).await?;
            Classifier::new(&full(dialect), backend).await?.logits(view).await
        })
        .expect("logits");
        let gap = distance(&found, expected(&format!("file/{}", dialect.name())));
        println!("{} from a picture: {gap:.1e}", dialect.name());
        assert!(gap <= LOGIT_TOLERANCE, "{}: logits are off by {gap}", dialect.name());
    }
}

/// The bar must be able to fail: each dialect's answers are far from the other's.
#[test]
fn the_dialects_differ_by_far_more_than_the_tolerance() {
    for size in FULL_SIZES {
        let gap =
            distance(expected_for("full", Dialect::Timm, size), expected_for("full", Dialect::Keras, size));
        assert!(gap > 100.0 * LOGIT_TOLERANCE, "{size:?}: {gap}");
    }
}
