//! Weights, inputs and files by formula, and what Keras and timm answer to them.

// Each test file is a crate of its own and uses its part.
#![allow(dead_code, unused_imports)]

mod formula;
mod keras;
mod parity;
mod timm;

use std::path::PathBuf;

use burn::tensor::{Device, Tensor};
use xception_web::backend::{Backend, BackendKind, BackendRequest};
use xception_web::model::{Dialect, Xception, XceptionConfig};

pub use formula::{network_input, picture_key, pixels, uniform};
pub use keras::{KerasLayer, Strings, keras_layers, keras_legacy_file};
pub use parity::{expected, expected_for, means, parity_document};
pub use timm::{Stored, timm_file, timm_tensors};

/// Largest allowed distance between our logits and Keras's or timm's, in logits of up to 9. Summing in
/// another order costs 1e-5 at this depth (timm's f32 against its own f64: `f32_noise` in `parity.json`);
/// the dialects differ by 0.3 and more.
pub const LOGIT_TOLERANCE: f32 = 1e-3;

/// Seed of the committed answers.
pub const SEED: u64 = 7;

/// Heights and widths of the committed answers.
pub const FULL_SIZES: [[usize; 2]; 2] = [[299, 299], [149, 181]];
pub const MINI_SIZES: [[usize; 2]; 2] = [[64, 80], [75, 91]];
/// Pictures per answer.
pub const BATCH: usize = 2;
/// Width and height of the picture whose file was classified.
pub const PICTURE: [usize; 2] = [431, 317];

/// The path of a file beside the generating script.
pub fn fixture(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "fixtures", name].iter().collect()
}

/// Its bytes.
pub fn read_fixture(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The small network of the `mini_*` files.
pub fn mini(dialect: Dialect) -> XceptionConfig {
    XceptionConfig {
        architecture: "xception-custom".into(),
        dialect,
        classes: 7,
        stem: [5, 6],
        entry: vec![vec![8, 8], vec![10, 10], vec![13, 13]],
        middle_blocks: 2,
        middle_units: 3,
        exit: vec![13, 15],
        tail: vec![18, 21],
        aligned: None,
    }
}

/// The network's logits, picture after picture.
pub fn logits(network: &Xception, input: Tensor<4>) -> Vec<f32> {
    network.forward(input).into_data().try_into_vec_as::<f32>().expect("logits")
}

/// Largest distance between two lists of logits; not a number anywhere is infinitely far.
pub fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "counts of logits");
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, |worst, gap| if gap.is_nan() { f32::INFINITY } else { worst.max(gap) })
}

/// The device of a backend by its name. A missing GPU is a failure, not a skip: install a software
/// adapter (Mesa's lavapipe, package `mesa-vulkan-drivers`).
pub fn device(kind: BackendKind) -> Device {
    let backend = pollster::block_on(Backend::choose(BackendRequest::Named(kind))).expect("a backend");
    assert_eq!(backend.kind, kind, "{}", backend.reason);
    backend.device
}
