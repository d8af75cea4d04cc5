//! Model files and pictures come from strangers: whatever is in one, the answer is a network, a picture or an error,
//! never a panic, and memory stays within the file's size and a fixed bound.
#![cfg(all(feature = "keras", feature = "picture"))]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "mangled/configurations.rs"]
mod configurations;
#[path = "mangled/hdf5.rs"]
mod hdf5;
#[path = "mangled/pickles.rs"]
mod pickles;
#[path = "mangled/pictures.rs"]
mod pictures;
#[path = "mangled/safetensors.rs"]
mod safetensors;
#[path = "mangled/tfjs.rs"]
mod tfjs;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use burn::tensor::Device;
use common::{keras_model, read_fixture, tfjs_model};
use xception_web::weights::{Dtype, ModelFile};

/// What reading may take beyond the file: a compressed HDF5 file may unpack to a full network
/// (128 MiB), and tables of names to little more.
const BOUND: usize = 256 << 20;

/// Positions at which each file is changed.
const PLACES: usize = 200;

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(HELD.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What `read` said if it failed, having held at most `bound` bytes beside those that were held before.
fn within<T>(bound: usize, read: impl FnOnce() -> xception_web::Result<T>) -> Result<(), String> {
    let before = HELD.load(Relaxed);
    PEAK.store(before, Relaxed);
    let found = read();
    let grown = PEAK.load(Relaxed).saturating_sub(before);
    assert!(grown <= bound, "{grown} bytes were held, and {bound} are allowed");
    found.map(|_| ()).map_err(|error| error.to_string())
}

/// Reads a file as a loader would; what it said when it did not become a network.
fn load(bytes: Vec<u8>) -> Result<(), String> {
    within(bytes.len() + BOUND, || ModelFile::parse(bytes).and_then(|file| file.build(&Device::flex())))
}

/// Fails unless the file is refused with a sentence that has these words.
fn refused(what: &str, bytes: Vec<u8>, words: &[&str]) {
    let said = load(bytes).expect_err(what);
    for word in words {
        assert!(said.contains(word), "{what}: {said}");
    }
}

fn files() -> Vec<(&'static str, Vec<u8>)> {
    let names = [
        "mini_timm.safetensors",
        "mini_keras_legacy.h5",
        "mini_keras.weights.h5",
        "mini_aligned.safetensors",
        "mini_aligned_p.pth",
        "mini_aligned_p_legacy.pth",
        "mini_module.pth",
        "mini_module_legacy.pth",
        "mini_lightning.ckpt",
        "mini_checkpoint.pth",
        "mini_detector.pth",
    ];
    let mut files: Vec<_> = names.map(|name| (name, read_fixture(name))).into();
    files.extend(
        ["guide.keras", "guide.weights.h5", "deep.h5", "ops.keras"].map(|name| (name, keras_model(name))),
    );
    let own = ModelFile::parse(read_fixture(names[0])).unwrap();
    files.push(("TensorFlow.js", tfjs_model("spread")));
    files.push(("own q8", own.convert(Dtype::Q8).unwrap()));
    files
}

/// One test, since the count of bytes is the process's.
#[test]
fn mangled_files_are_errors_within_bounds_and_never_panics() {
    for (name, whole) in files() {
        assert_eq!(load(whole.clone()), Ok(()), "{name} itself");
        cut_and_changed(name, &whole);
    }
    absurd_shapes();
    names_given_twice();
    hdf5::asking_for_memory();
    configurations::asking_for_much();
    tfjs::manifests_that_do_not_fit();
    pickles::storages_out_of_place();
    numbers_that_are_none();
    a_changed_tensor_of_a_pth_file();
    pickles::hostile_pickles();
    safetensors::pictures_too_small();
    safetensors::too_much_of_all();
    pictures::claims_of_size();
}

fn cut_and_changed(name: &str, whole: &[u8]) {
    let step = (whole.len() / PLACES).max(1);
    for at in (0..whole.len()).step_by(step).chain(0..64).chain(whole.len() - 64..whole.len()) {
        assert!(load(whole[..at].to_vec()).is_err(), "{name} cut to {at} bytes is accepted");
        for change in [0x01, 0x80, 0xff] {
            let mut damaged = whole.to_vec();
            damaged[at] ^= change;
            let _ = load(damaged);
        }
        // A length or an offset of four bytes becomes as large as it can.
        let mut damaged = whole.to_vec();
        damaged[at..].iter_mut().take(4).for_each(|byte| *byte = 0xff);
        let _ = load(damaged);
    }
}

/// A safetensors file with this header.
fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

/// Header and data of a safetensors file.
fn halves(file: &[u8]) -> (&str, &[u8]) {
    let (length, rest) = file.split_first_chunk().unwrap();
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    (std::str::from_utf8(header).unwrap(), data)
}

fn absurd_shapes() {
    for shape in ["[4294967296,4294967296]", "[18446744073709551615]", "[-1]"] {
        let header = format!(r#"{{"conv1.weight":{{"dtype":"F32","shape":{shape},"data_offsets":[0,8]}}}}"#);
        refused(shape, with_header(&header, &[0; 8]), &[]);
    }
}

/// Where `part` first stands in `whole`.
fn find(whole: &[u8], part: &[u8]) -> usize {
    whole.windows(part.len()).position(|window| window == part).unwrap()
}

/// The same with the first `old` made `new`, which is as long.
fn replaced(mut bytes: Vec<u8>, old: &str, new: &str) -> Vec<u8> {
    let at = find(&bytes, old.as_bytes());
    bytes[at..at + old.len()].copy_from_slice(new.as_bytes());
    bytes
}

/// A zip archive whose checksums are left out, as PyTorch can be told to.
fn unchecked(mut zip: Vec<u8>) -> Vec<u8> {
    let headers: Vec<usize> = (0..zip.len() - 4).filter(|&at| zip[at..].starts_with(b"PK\x01\x02")).collect();
    assert!(!headers.is_empty());
    headers.into_iter().for_each(|at| zip[at + 16..at + 20].fill(0));
    zip
}

fn names_given_twice() {
    let timm = read_fixture("mini_timm.safetensors");
    let (header, data) = halves(&timm);
    // The same entry once more: whichever of the two is taken, the file would be whole.
    let start = header.find(r#""conv1.weight""#).unwrap();
    let end = start + header[start..].find('}').unwrap() + 1;
    let doubled = format!("{{{},{}", &header[start..end], &header[1..]);
    refused("safetensors", with_header(&doubled, data), &["conv1.weight", "twice"]);

    let pth = unchecked(read_fixture("mini_aligned_p.pth"));
    assert_eq!(load(pth.clone()), Ok(()), "without checksums");
    let (one, other) = ("blocks.0.stack.conv1.conv_dw.weight", "blocks.0.stack.conv1.conv_pw.weight");
    refused("pickle", replaced(pth, one, other), &[other, "twice"]);

    let twice = zip(&[("a/data.pkl", b"\x80\x02}."), ("a/data.pkl", b"\x80\x02}.")]);
    refused("zip", twice, &["a/data.pkl", "twice"]);

    // One would be taken by chance.
    let two = zip(&[("b/data.pkl", b"\x80\x02}."), ("a/data.pkl", b"\x80\x02}.")]);
    refused("two models", two, &["2 models", "a/data.pkl, b/data.pkl", "one model"]);
    // The entries of `torch.jit.save`, of which the program is compressed (method 8).
    let mut script = zip(&[("a/code/__torch__/b.py", b"def"), ("a/data.pkl", b"\x80\x02}.")]);
    let at = find(&script, b"PK\x01\x02") + 10;
    script[at] = 8;
    refused("TorchScript", script, &["TorchScript", "state_dict"]);

    let other = zip(&[("a/metadata.pkl", b"\x80\x02}.")]);
    refused("another pickle", other, &["without PyTorch's data.pkl"]);

    let keras = read_fixture("mini_keras_legacy.h5");
    refused("HDF5", replaced(keras, "block1_conv2", "block1_conv1"), &[]);
}

fn numbers_that_are_none() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let timm = read_fixture("mini_timm.safetensors");
        // Counters that no network has a place for come first.
        for at in [timm.len() - 4, timm.len() - 4000] {
            let mut damaged = timm.clone();
            damaged[at..at + 4].copy_from_slice(&bad.to_le_bytes());
            refused("safetensors", damaged, &["finite", &bad.to_string(), "tensor "]);
        }
        let mut pth = unchecked(read_fixture("mini_aligned_p.pth"));
        let at = tensor_data(&pth);
        pth[at..at + 4].copy_from_slice(&bad.to_le_bytes());
        refused("pth", pth, &["finite", &bad.to_string(), "tensor "]);
    }
}

/// Where the numbers of a `.pth` file's first tensor begin: PyTorch puts every entry at a multiple of 64.
fn tensor_data(pth: &[u8]) -> usize {
    (find(pth, b"/data/0") + 7).next_multiple_of(64)
}

fn a_changed_tensor_of_a_pth_file() {
    let mut pth = read_fixture("mini_aligned_p.pth");
    let at = tensor_data(&pth);
    pth[at] ^= 1;
    // In the lowest bit of one number: without the checksum nobody would know.
    assert_eq!(load(unchecked(pth.clone())), Ok(()));
    refused("a changed bit", pth, &["data/0", "other bytes than were saved"]);
}

/// A zip archive of stored entries without checksums.
fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in entries {
        let size = (data.len() as u32).to_le_bytes();
        let length = (name.len() as u16).to_le_bytes();
        // From the compression method to the lengths of the name and of extra fields.
        let common = [&[0; 10][..], &size, &size, &length, &[0; 2]].concat();
        let at = (bytes.len() as u32).to_le_bytes();
        directory.extend([&b"PK\x01\x02\0\0\0\0\0\0"[..], &common, &[0; 10], &at, name.as_bytes()].concat());
        bytes.extend([&b"PK\x03\x04\0\0\0\0"[..], &common, name.as_bytes(), data].concat());
    }
    let at = (bytes.len() as u32).to_le_bytes();
    let count = (entries.len() as u16).to_le_bytes();
    let size = (directory.len() as u32).to_le_bytes();
    bytes.extend(directory);
    bytes.extend([&b"PK\x05\x06\0\0\0\0"[..], &count, &count, &size, &at, &[0; 2]].concat());
    bytes
}
