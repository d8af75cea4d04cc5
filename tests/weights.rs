//! Foreign files load strictly and mean what their makers meant; the own format keeps what it is given.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/command.rs"]
mod command;
mod common;
#[path = "weights/keras.rs"]
mod keras;
#[path = "weights/own.rs"]
mod own;
#[path = "weights/torch.rs"]
mod torch;

use burn::tensor::Device;
use common::{
    BATCH, LOGIT_TOLERANCE, MINI_SIZES, Stored, distance, expected_for, fixture, mini, network_input,
    numbers, read_fixture, timm_file, timm_tensors,
};
use xception_web::Error;
use xception_web::model::Dialect;
use xception_web::weights::{Dtype, ModelFile};

/// Files written by the libraries themselves.
const REAL_FILES: [(&str, Dialect); 4] = [
    ("mini_timm.safetensors", Dialect::Timm),
    ("mini_keras_legacy.h5", Dialect::Keras),
    ("mini_keras_model.h5", Dialect::Keras),
    ("mini_keras.weights.h5", Dialect::Keras),
];

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
        let found = numbers(network.forward(network_input(size, BATCH, &device)));
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
    // One number, and of a batch norm that is there.
    for (name, shape) in [("bn1.num_batches_tracked", vec![2]), ("bn9.num_batches_tracked", vec![])] {
        let mut more = tensors();
        let values = vec![0.0; shape.iter().product()];
        more.push(Stored { name: name.into(), shape, values });
        let message = parse_error(timm_file(&more));
        assert!(message.contains(name) && message.contains("no place"), "{message}");
    }
}

fn tensors() -> Vec<Stored> {
    timm_tensors(&mini(Dialect::Timm), "mini")
}

#[test]
fn what_stands_before_every_name_is_left_out() {
    let wrapped = |before: &str| {
        let mut all = tensors();
        all.iter_mut().for_each(|tensor| tensor.name.insert_str(0, before));
        all
    };
    for before in ["module.", "_orig_mod.", "module._orig_mod.", "model.", "net.backbone."] {
        let file = ModelFile::parse(timm_file(&wrapped(before))).unwrap();
        check_logits(&file, Dialect::Timm, LOGIT_TOLERANCE);
    }
    // Not before every name: then one is another network's.
    for at in [0, 7] {
        let mut all = wrapped("module.");
        all[at].name = tensors().swap_remove(at).name;
        let message = parse_error(timm_file(&all));
        assert!(message.contains(&all[at].name) && message.contains("under module."), "{message}");
    }
}

#[test]
fn heads_of_other_names_and_pointwise_kernels_without_sides_are_read() {
    for head in ["last_linear", "last_linear.1", "fc.1", "head.fc", "classifier"] {
        let mut all = tensors();
        for tensor in &mut all {
            if let Some(part) = tensor.name.clone().strip_prefix("fc.") {
                tensor.name = format!("{head}.{part}");
            }
            if tensor.name.ends_with("pointwise.weight") {
                tensor.shape.truncate(2);
            }
            tensor.name.insert_str(0, "backbone.");
        }
        let unused = "backbone.adjust_channel.0.weight";
        all.push(Stored { name: unused.into(), shape: vec![2, 3, 1, 1], values: vec![0.0; 6] });
        let file = ModelFile::parse(timm_file(&all)).unwrap();
        check_logits(&file, Dialect::Timm, LOGIT_TOLERANCE);
        let known = file.unused.last().unwrap();
        assert_eq!((known.name.as_str(), known.why.contains("another way out")), (unused, true));
    }
    // Two heads: which is meant is not said.
    let mut all = tensors();
    let mut other = tensors().into_iter().filter(|tensor| tensor.name.starts_with("fc.")).collect::<Vec<_>>();
    other.iter_mut().for_each(|tensor| tensor.name = tensor.name.replace("fc.", "last_linear."));
    all.extend(other);
    assert!(parse_error(timm_file(&all)).contains("last_linear"));
}

#[test]
fn whole_modules_and_checkpoints_as_pytorch_wrote_them_are_read() {
    for (name, format) in [
        ("mini_module.pth", "PyTorch module"),
        ("mini_module_legacy.pth", "PyTorch module"),
        ("mini_lightning.ckpt", "PyTorch state dict"),
    ] {
        let file = ModelFile::parse(read_fixture(name)).unwrap();
        assert_eq!(file.format, format, "{name}");
        let lightning = name.ends_with(".ckpt").then_some("PyTorch Lightning 2.5.0");
        assert_eq!(file.writer.as_deref(), lightning, "{name}");
        check_logits(&file, Dialect::Timm, LOGIT_TOLERANCE);
    }
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
fn numbers_that_are_not_finite_are_an_error_that_names_the_tensor() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut changed = tensors();
        let tensor = changed.iter_mut().find(|tensor| tensor.name == "bn2.running_var").unwrap();
        tensor.values[3] = bad;
        let message = load_error(timm_file(&changed)).unwrap().to_string();
        assert!(message.contains("bn2.running_var"), "{message}");
    }
}

/// What is wrong with a tensor shows only when the network is built, and still the message begins with the file.
#[test]
fn the_command_line_says_which_file_it_is_whose_tensor_is_wrong() {
    let mut changed = tensors();
    changed.iter_mut().find(|tensor| tensor.name == "bn2.running_var").unwrap().values[3] = -1.0;
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("negative_variance.safetensors");
    std::fs::write(&path, timm_file(&changed)).unwrap();
    let path = path.to_str().unwrap();
    let output = format!("{path}.converted");
    let picture = fixture("pictures/picture.png");
    let picture = picture.to_str().unwrap();
    for arguments in [
        &["classify", "--backend", "cpu", "--model", path, picture][..],
        #[cfg(feature = "ndarray")]
        &["classify", "--backend", "ndarray", "--model", path, picture],
        &["eval", "--model", path],
        &["convert", path, &output],
    ] {
        let ran = command::xception().args(arguments).output().unwrap();
        let said = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(ran.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.starts_with(&format!("error: {path}: the tensor bn2.running_var holds -1;")), "{said}");
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
    let lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 91641920\n";
    for (bytes, words) in [
        (b"<!DOCTYPE html><html>".to_vec(), "a web page"),
        (b"\n  <html>".to_vec(), "a web page"),
        (b"<a>".to_vec(), "a web page"),
        // As face-api's networks begin, and the numbers beside.
        (
            br#"[{"weights":[{"name":"entry_flow/conv_in/filters","shape":[3,3,3,32],"dtype":"float32"#
                .to_vec(),
            "face-api's networks",
        ),
        (b"\x7a\x75\x55\x7a\x8d\x8d\x64\x8f\xd8\x54\xab\x6c".to_vec(), "face-api's networks"),
        (lfs.into(), "git lfs pull"),
        (br#"{"id2label": {"0": "cat"}}"#.to_vec(), "JSON"),
        (read_fixture("pictures/picture.png"), "a PNG picture"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0".to_vec(), "a JPEG picture"),
    ] {
        let message = parse_error(bytes);
        for part in [words, "safetensors", ".pth", ".weights.h5"] {
            assert!(message.contains(part), "{message}");
        }
    }
    // A header of as many bytes as `<` or `{` say is no text.
    for length in *b"<{[" {
        assert!(parse_error([&[length][..], &[0; 20]].concat()).contains("cut short"));
    }
}
