//! Weights, inputs and files by formula, and what Keras and timm answer to them.

// Each test file is a crate of its own and uses its part.
#![allow(dead_code, unused_imports)]

mod formula;
mod keras;
mod parity;
mod timm;

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};
use xception_web::backend::{Backend, BackendKind, BackendRequest};
use xception_web::fused::{Fused, Precision};
use xception_web::model::{Dialect, XceptionConfig};
use xception_web::weights::ModelFile;

pub use formula::{network_input, picture_key, pixels, uniform};
pub use keras::{KerasLayer, Strings, keras_layers, keras_legacy_file, keras_nested_file};
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
    // The package whose test this is lies in the root, or below.
    let mut folders =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("tests/fixtures"));
    folders.find(|folder| folder.is_dir()).expect("the fixtures").join(name)
}

/// Its bytes.
pub fn read_fixture(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A model that Keras wrote, from `tests/fixtures/models`.
pub fn keras_model(name: &str) -> Vec<u8> {
    use std::io::Read;
    let (packed, mut whole) = (read_fixture(&format!("models/{name}.gz")), Vec::new());
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut whole).expect("a packed fixture");
    whole
}

/// A model that TensorFlow.js's converter wrote, from `tests/fixtures/tfjs`, with its shards.
pub fn tfjs_model(name: &str) -> Vec<u8> {
    let path = fixture(&format!("tfjs/{name}/model.json"));
    let json = std::fs::read(&path).expect("a fixture");
    xception_web::weights::with_shards(&path, json).expect("its shards")
}

/// An archive of stored entries without checksums.
pub fn stored_zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in entries {
        let start = file.len() as u32;
        let size = (bytes.len() as u32).to_le_bytes();
        let length = (name.len() as u16).to_le_bytes();
        let common =
            [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &size, &size, &length, &[0, 0]].concat();
        file.extend([b"PK\x03\x04", &common[..], name.as_bytes(), bytes].concat());
        directory.extend(
            [b"PK\x01\x02\x14\x00", &common[..], &[0; 10], &start.to_le_bytes(), name.as_bytes()].concat(),
        );
    }
    let (start, size) = ((file.len() as u32).to_le_bytes(), (directory.len() as u32).to_le_bytes());
    let count = (entries.len() as u16).to_le_bytes();
    file.extend(directory);
    file.extend([b"PK\x05\x06\0\0\0\0", &count[..], &count, &size, &start, &[0, 0]].concat());
    file
}

/// The configuration and the weights of a `.keras` archive, found by their names.
pub fn archive_parts(archive: &[u8]) -> (String, Vec<u8>) {
    let entry = |name: &str| {
        let central = (0..archive.len())
            .find(|&at| {
                archive[at..].starts_with(b"PK\x01\x02") && archive[at + 46..].starts_with(name.as_bytes())
            })
            .expect("an entry");
        let four = |at: usize| u32::from_le_bytes(*archive[at..].first_chunk().expect("four bytes")) as usize;
        let two =
            |at: usize| usize::from(u16::from_le_bytes(*archive[at..].first_chunk().expect("two bytes")));
        let (size, local) = (four(central + 24), four(central + 42));
        let start = local + 30 + two(local + 26) + two(local + 28);
        archive[start..start + size].to_vec()
    };
    (String::from_utf8(entry("config.json")).expect("text"), entry("model.weights.h5"))
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
        face: None,
        hidden: Vec::new(),
    }
}

/// The network of a file as it runs on the CPU and on a GPU.
pub fn fused(file: &ModelFile, device: &Device) -> Fused {
    Fused::new(&file.config, &|id| file.read(id), Precision::F32, device).expect("a network")
}

/// Logits as numbers, picture after picture.
pub fn numbers(logits: Tensor<2>) -> Vec<f32> {
    logits.into_data().try_into_vec_as::<f32>().expect("logits")
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
