//! Foreign files load strictly and mean what their makers meant; the own format keeps what it is given.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::cell::Cell;
use std::rc::Rc;

use burn::tensor::Device;
use common::{
    BATCH, LOGIT_TOLERANCE, MINI_SIZES, Stored, Strings, distance, expected_for, keras_layers,
    keras_legacy_file, logits, mini, network_input, read_fixture, timm_file, timm_tensors,
};
use xception_web::Error;
use xception_web::model::{Dialect, XceptionConfig};
use xception_web::weights::{Dtype, FileBytes, ModelFile};

/// Files written by the libraries themselves.
const REAL_FILES: [(&str, Dialect); 4] = [
    ("mini_timm.safetensors", Dialect::Timm),
    ("mini_keras_legacy.h5", Dialect::Keras),
    ("mini_keras_model.h5", Dialect::Keras),
    ("mini_keras.weights.h5", Dialect::Keras),
];

/// Kernels at 11 significant bits: each is off by up to 2^-12 of itself, and 20 layers of sums of such
/// errors of random sign stay near 1e-3 of logits of about 2.
const F16_TOLERANCE: f32 = 2e-2;

/// A file is cut after this many of 64 equal parts, and at lengths around its header.
const CUTS: usize = 64;

fn parse_error(bytes: Vec<u8>) -> String {
    match ModelFile::parse(bytes) {
        Ok(file) => panic!("accepted as {}", file.format),
        Err(error) => error.to_string(),
    }
}

/// The error of parsing or, if that finds nothing, of reading the tensors.
fn load_error(bytes: Vec<u8>) -> Option<Error> {
    ModelFile::parse(bytes).and_then(|file| file.build(&Device::flex())).err()
}

fn check_logits(file: &ModelFile, dialect: Dialect, tolerance: f32) {
    let device = Device::flex();
    let network = file.build(&device).unwrap();
    for size in MINI_SIZES {
        let found = logits(&network, network_input(size, BATCH, &device));
        let gap = distance(&found, expected_for("mini", dialect, size));
        println!("{} {size:?}: {gap:.1e}", file.format);
        assert!(gap <= tolerance, "{}, {size:?}: logits are off by {gap}", file.format);
    }
}

#[test]
fn files_written_by_the_libraries_give_the_libraries_logits() {
    for (name, dialect) in REAL_FILES {
        let file = ModelFile::parse(read_fixture(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(file.config, mini(dialect), "{name}");
        check_logits(&file, dialect, LOGIT_TOLERANCE);
    }
}

#[test]
fn the_formula_gives_what_the_generating_script_wrote() {
    let ours = timm_tensors(&mini(Dialect::Timm), "mini");
    let bytes = read_fixture("mini_timm.safetensors");
    let theirs = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    for tensor in ours {
        let view = theirs.tensor(&tensor.name).unwrap();
        assert_eq!(view.shape(), tensor.shape, "{}", tensor.name);
        let values: Vec<u8> = tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        assert!(view.data() == values, "{} differs", tensor.name);
    }
}

#[test]
fn counters_beside_the_batch_norms_are_accepted() {
    let bytes = read_fixture("mini_timm.safetensors");
    let names = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert!(names.names().iter().any(|name| name.ends_with("num_batches_tracked")));
    assert!(ModelFile::parse(bytes.clone()).is_ok());
}

#[test]
fn keras_files_with_fixed_and_variable_length_strings_load() {
    let config = mini(Dialect::Keras);
    let layers = keras_layers(&config, &timm_tensors(&config, "mini"));
    for strings in [Strings::Fixed, Strings::Variable] {
        let file = ModelFile::parse(keras_legacy_file(&layers, strings)).unwrap();
        assert_eq!(file.config, config);
        check_logits(&file, Dialect::Keras, LOGIT_TOLERANCE);
    }
}

fn tensors() -> Vec<Stored> {
    timm_tensors(&mini(Dialect::Timm), "mini")
}

#[test]
fn every_missing_timm_tensor_is_an_error_that_names_it() {
    for at in 0..tensors().len() {
        let mut left = tensors();
        let gone = left.remove(at);
        let message = parse_error(timm_file(&left));
        assert!(message.contains(&gone.name), "without {}: {message}", gone.name);
    }
}

#[test]
fn every_misshaped_timm_tensor_is_an_error_that_names_it() {
    for at in 0..tensors().len() {
        let mut changed = tensors();
        // One row more: a larger first side.
        let tensor = &mut changed[at];
        let row: usize = tensor.shape[1..].iter().product();
        tensor.shape[0] += 1;
        tensor.values.extend(vec![0.0; row]);
        let name = tensor.name.clone();
        let message = parse_error(timm_file(&changed));
        // Kernel and bias of the classifier are each other's only witness for the count of classes.
        let named = message.contains(&name) || (name.starts_with("fc.") && message.contains("fc."));
        assert!(named, "misshaped {name}: {message}");
    }
}

#[test]
fn a_transposed_tensor_is_an_error_that_names_it() {
    let mut changed = tensors();
    let tensor = changed.iter_mut().find(|tensor| tensor.name == "block2.rep.1.pointwise.weight").unwrap();
    tensor.shape.swap(0, 1);
    let message = parse_error(timm_file(&changed));
    assert!(message.contains("block2.rep.1.pointwise.weight"), "{message}");
}

#[test]
fn every_unused_tensor_is_an_error_that_names_it() {
    for name in ["extra.weight", "block4.rep.1.bias", "conv1.bias", "block13.skip.weight", "fc.weight2"] {
        let mut more = tensors();
        more.push(Stored { name: name.into(), shape: vec![3], values: vec![0.0; 3] });
        let message = parse_error(timm_file(&more));
        assert!(message.contains(name), "with {name}: {message}");
    }
}

#[test]
fn every_missing_keras_tensor_is_an_error_that_names_it() {
    let config = mini(Dialect::Keras);
    let whole = keras_layers(&config, &timm_tensors(&config, "mini"));
    for layer in 0..whole.len() {
        for tensor in 0..whole[layer].1.len() {
            let mut left = whole.clone();
            let (gone, ..) = left[layer].1.remove(tensor);
            let message = parse_error(keras_legacy_file(&left, Strings::Variable));
            let name = gone.split('/').next().unwrap();
            // With its only tensor gone, an unnamed bridge leaves nothing to name.
            let unnamed = name.starts_with("conv2d") && message.contains("convolutions");
            assert!(message.contains(name) || unnamed, "without {gone}: {message}");
        }
    }
}

#[test]
fn every_misshaped_keras_tensor_is_an_error_that_names_it() {
    let config = mini(Dialect::Keras);
    let whole = keras_layers(&config, &timm_tensors(&config, "mini"));
    for layer in 0..whole.len() {
        for tensor in 0..whole[layer].1.len() {
            let mut changed = whole.clone();
            let (name, shape, values) = &mut changed[layer].1[tensor];
            let name = name.clone();
            let last = shape.len() - 1;
            shape[last] += 1;
            values.resize(shape.iter().product(), 0.0);
            let message = parse_error(keras_legacy_file(&changed, Strings::Variable));
            let named = message.contains(&name) || (name.starts_with("pred") && message.contains("pred"));
            assert!(named, "misshaped {name}: {message}");
        }
    }
}

#[test]
fn an_unused_keras_layer_is_an_error_that_names_it() {
    let config = mini(Dialect::Keras);
    let whole = keras_layers(&config, &timm_tensors(&config, "mini"));
    for (name, shapes) in [
        ("dense_extra", vec![vec![21, 7], vec![7]]),
        ("norm_extra", vec![vec![21]; 4]),
        ("odd_extra", vec![vec![2, 3, 4]]),
    ] {
        let mut more = whole.clone();
        let tensors = shapes
            .into_iter()
            .enumerate()
            .map(|(i, shape): (usize, Vec<usize>)| {
                let count = shape.iter().product();
                (format!("{name}/part_{i}:0"), shape, vec![0.5; count])
            })
            .collect();
        more.push((name.into(), tensors));
        let message = parse_error(keras_legacy_file(&more, Strings::Variable));
        assert!(message.contains(name), "with {name}: {message}");
    }
}

#[test]
fn numbers_that_are_not_finite_are_an_error_that_names_the_tensor() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut changed = tensors();
        let tensor = changed.iter_mut().find(|tensor| tensor.name == "bn2.running_var").unwrap();
        tensor.values[3] = bad;
        let message = load_error(timm_file(&changed)).unwrap().to_string();
        assert!(message.contains("bn2.running_var"), "{message}");
    }
}

#[test]
fn a_file_cut_short_anywhere_is_an_error_and_never_a_panic() {
    let own = ModelFile::parse(read_fixture("mini_timm.safetensors")).unwrap().convert(Dtype::F16).unwrap();
    let foreign = REAL_FILES.map(|(name, _)| (name, read_fixture(name)));
    for (name, whole) in foreign.into_iter().chain([("own", own)]) {
        let parts = (0..CUTS).map(|part| part * whole.len() / CUTS);
        for length in (0..40).chain(parts).chain([whole.len() - 1]) {
            assert!(
                load_error(whole[..length].to_vec()).is_some(),
                "{name} cut to {length} bytes is accepted"
            );
        }
    }
}

/// A model file comes from strangers: whatever is in it, the answer is a network or an error.
#[test]
fn a_file_with_any_byte_changed_is_read_or_refused_without_a_panic() {
    for (name, _) in REAL_FILES {
        let whole = read_fixture(name);
        for at in (0..whole.len()).step_by(whole.len() / 150).chain(0..100) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x55;
            let _ = ModelFile::parse(damaged);
        }
    }
}

#[test]
fn files_of_other_kinds_are_refused_with_what_to_give_instead() {
    for bytes in [Vec::new(), b"hello".to_vec(), b"PK\x03\x04rest".to_vec(), vec![0xff; 4096]] {
        let message = parse_error(bytes);
        assert!(message.contains("safetensors"), "{message}");
    }
}

#[test]
fn the_own_format_at_f32_keeps_every_bit() {
    for (name, dialect) in REAL_FILES {
        let foreign = ModelFile::parse(read_fixture(name)).unwrap();
        let bytes = foreign.convert(Dtype::F32).unwrap();
        let own = ModelFile::parse(bytes.clone()).unwrap();
        assert_eq!(own.config, foreign.config, "{name}");
        assert_eq!(own.preprocess, foreign.preprocess, "{name}");
        let device = Device::flex();
        let logits_of = |file: &ModelFile| {
            logits(&file.build(&device).unwrap(), network_input(MINI_SIZES[1], BATCH, &device))
        };
        assert_eq!(logits_of(&own), logits_of(&foreign), "{name}");
        assert_eq!(own.convert(Dtype::F32).unwrap(), bytes, "{name}: written again");
        check_logits(&own, dialect, LOGIT_TOLERANCE);
    }
}

#[test]
fn the_own_format_at_f16_is_half_as_large_and_close() {
    for (name, dialect) in REAL_FILES {
        let foreign = ModelFile::parse(read_fixture(name)).unwrap();
        let bytes = foreign.convert(Dtype::F16).unwrap();
        check_logits(&ModelFile::parse(bytes).unwrap(), dialect, F16_TOLERANCE);
    }
}

#[test]
fn a_weight_too_large_for_f16_is_an_error_and_not_infinity() {
    let written = |name: &str, value: f32, dtype| {
        let mut changed = tensors();
        changed.iter_mut().find(|tensor| tensor.name == name).unwrap().values[3] = value;
        ModelFile::parse(timm_file(&changed)).unwrap().convert(dtype)
    };
    let (stem, depthwise) = ("conv1.weight", "block1.rep.0.conv1.weight");
    for (name, canonical, dtype) in [
        (stem, "stem.0.conv.weight", Dtype::F16),
        (depthwise, "entry.0.units.0.depthwise.conv.weight", Dtype::F16),
        (depthwise, "entry.0.units.0.depthwise.conv.weight", Dtype::Q8),
    ] {
        let message = written(name, -7e4, dtype).unwrap_err().to_string();
        assert!([canonical, "-70000", "f32"].iter().all(|part| message.contains(part)), "{message}");
        assert!(written(name, 65504.0, dtype).is_ok(), "{name}: f16's largest number");
    }
    // In int8 with a scale in f32 there is room for any number.
    assert!(written(stem, -7e4, Dtype::Q8).is_ok());
}

#[test]
fn a_changed_weight_in_the_own_format_is_found_by_its_digest() {
    let file = ModelFile::parse(read_fixture("mini_timm.safetensors")).unwrap();
    let mut bytes = file.convert(Dtype::F32).unwrap();
    let last = bytes.len() - 2;
    bytes[last] ^= 1;
    assert!(parse_error(bytes).contains("SHA-256"));
}

/// An int8 step is 1/254 of a channel's largest weight: some 1e-3 of each sum, over 20 layers.
const Q8_TOLERANCE: f32 = 2e-1;

#[test]
fn the_own_format_at_q8_is_close_and_hands_out_its_int8_kernels() {
    for (name, dialect) in REAL_FILES {
        let bytes = ModelFile::parse(read_fixture(name)).unwrap().convert(Dtype::Q8).unwrap();
        let file = ModelFile::parse(bytes).unwrap();
        check_logits(&file, dialect, Q8_TOLERANCE);
        let pointwise = file.quantized("middle.0.units.1.pointwise.conv.weight").unwrap();
        assert_eq!((pointwise.shape, pointwise.scales.len()), (&[13, 13, 1, 1][..], 13));
        assert_eq!(file.quantized("head.weight").unwrap().scales.len(), 7);
        assert!(file.quantized("middle.0.units.1.depthwise.conv.weight").is_none());
    }
}

/// The download sizes that the README promises, in bytes.
#[test]
fn the_full_network_takes_what_is_promised_at_each_dtype() {
    let config = XceptionConfig::xception(Dialect::Timm, 1000);
    let file = ModelFile::parse(timm_file(&timm_tensors(&config, "full"))).unwrap();
    for (dtype, megabytes) in [(Dtype::F32, 91.7), (Dtype::F16, 46.2), (Dtype::Q8, 23.7)] {
        let found = file.convert(dtype).unwrap().len() as f64 / 1e6;
        println!("{dtype:?}: {found:.2} MB");
        assert!(found <= megabytes, "{dtype:?}: {found} MB");
    }
}

#[test]
fn a_scale_that_is_missing_or_misshapen_is_an_error_that_names_the_kernel() {
    let whole = ModelFile::parse(read_fixture("mini_timm.safetensors")).unwrap().convert(Dtype::Q8).unwrap();
    // The header is JSON of the same length: another name, and the kernel has no scale.
    let text = b"\"head.weight.scale\"";
    let at = whole.windows(text.len()).position(|window| window == text).unwrap();
    let mut damaged = whole;
    damaged[at + 1] = b'x';
    assert!(parse_error(damaged).contains("xead.weight.scale"));
}

/// First bytes of a file, looked at twice: they tell the format.
const MAGIC: usize = 16;

/// A file that is not in this program's memory, and what was asked of it.
struct Elsewhere {
    bytes: Vec<u8>,
    largest: Rc<Cell<usize>>,
    total: Rc<Cell<usize>>,
}

impl FileBytes for Elsewhere {
    fn size(&self) -> usize {
        self.bytes.len()
    }

    fn read(&self, start: usize, part: &mut [u8]) -> xception_web::Result<()> {
        self.largest.set(self.largest.get().max(part.len()));
        self.total.set(self.total.get() + part.len());
        self.bytes.read(start, part)
    }
}

#[test]
fn safetensors_are_read_tensor_by_tensor_and_each_byte_once() {
    let own = ModelFile::parse(read_fixture("mini_timm.safetensors")).unwrap();
    for dtype in [Dtype::F32, Dtype::F16, Dtype::Q8] {
        let bytes = own.convert(dtype).unwrap();
        let size = bytes.len();
        let header = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
        let (largest, total) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let file = Elsewhere { bytes, largest: largest.clone(), total: total.clone() };
        let file = ModelFile::open(Box::new(file)).unwrap();
        assert_eq!(total.get(), MAGIC + 8 + header, "only the header was read");
        largest.set(0);
        let network = file.build(&Device::flex()).unwrap();
        assert_eq!(total.get(), MAGIC + size, "{dtype:?}");
        assert!(largest.get() <= 21 * 18 * 4, "{} bytes at once", largest.get());
        drop(network);
        let digest = file.digest().unwrap();
        digest.check(&digest.compute().unwrap()).unwrap();
        assert!(digest.check(&[0; 32]).is_err());
    }
}
