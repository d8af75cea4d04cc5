//! Model files come from strangers: whatever is in one, the answer is a network or an error, never a panic,
//! and memory stays within the file's size and a fixed bound.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use burn::tensor::Device;
use common::read_fixture;
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

/// Reads a file as a loader would; what it said when it did not become a network.
fn load(bytes: Vec<u8>) -> Result<(), String> {
    let size = bytes.len();
    let before = HELD.load(Relaxed);
    PEAK.store(before, Relaxed);
    let loaded = ModelFile::parse(bytes).and_then(|file| file.build(&Device::flex()));
    let grown = PEAK.load(Relaxed).saturating_sub(before);
    assert!(grown <= size + BOUND, "{grown} bytes were held for a file of {size}");
    loaded.map(|_| ()).map_err(|error| error.to_string())
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
    ];
    let mut files: Vec<_> = names.map(|name| (name, read_fixture(name))).into();
    let own = ModelFile::parse(read_fixture(names[0])).unwrap();
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
    storages_out_of_place();
    numbers_that_are_none();
    a_changed_tensor_of_a_pth_file();
    hostile_pickles();
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

/// The same tensors as PyTorch wrote them before 1.6: the order of the storages is part of the file.
fn storages_out_of_place() {
    let legacy = read_fixture("mini_aligned_p_legacy.pth");
    // The list of keys: the pickle that begins with an empty list.
    let list = find(&legacy, b"\x80\x02]q\0(");
    let key = list + 6 + 5;
    let next = key + usize::from(legacy[key - 4]) + 2 + 5;
    let length = usize::from(legacy[key - 4]);
    let mut twice = legacy.clone();
    twice.copy_within(key..key + length, next);
    refused("a storage twice", twice, &["twice"]);
    let mut unknown = legacy.clone();
    unknown[key..key + length].fill(b'x');
    refused("a storage of no tensor", unknown, &["no whole numbers of storage xxx"]);
    let end = list + legacy[list..].iter().position(|&byte| byte == b'.').unwrap() + 1;
    for count in [0, 2, u64::MAX] {
        let mut changed = legacy.clone();
        changed[end..end + 8].copy_from_slice(&count.to_le_bytes());
        refused("another count", changed, &[]);
    }
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

/// A file of PyTorch's with this pickle of protocol 2 and one storage of eight bytes.
fn pickle(codes: &[u8]) -> Vec<u8> {
    zip(&[("a/data.pkl", &[b"\x80\x02", codes].concat()), ("a/data/0", &[0; 8])])
}

/// Pickle codes of a text.
fn text(text: &str) -> Vec<u8> {
    [&b"X"[..], &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

/// Codes of a storage with this key.
fn storage(key: &str) -> Vec<u8> {
    [&b"("[..], &text("storage"), b"ctorch\nFloatStorage\n", &text(key), &text("cpu"), b"K\x02tQ"].concat()
}

fn hostile_pickles() {
    // What a pickle can do to who unpickles it.
    let trace = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("a-pickle-ran");
    let command = text(&format!("touch {}", trace.display()));
    let run = [&b"cos\nsystem\n"[..], &command, b"\x85R."].concat();
    refused("os.system", pickle(&run), &["os.system", "could run code"]);
    let parameter = [&b"ctorch._utils\n_rebuild_parameter\ncos\nsystem\n"[..], b"\x85R."].concat();
    refused("a parameter of os.system", pickle(&parameter), &["damaged"]);
    assert!(!trace.exists());

    let named = |name: &str| [&b"}"[..], &text(name)].concat();
    for (what, codes, words) in [
        ("an unknown code", b"\xff.".to_vec(), "0xff"),
        ("a code of a later protocol", b"\x8c\x01a.".to_vec(), "0x8c"),
        ("another protocol", b"\x80\x05}.".to_vec(), "0x80"),
        ("no object at all", b".".to_vec(), "damaged"),
        ("no end", b"}".to_vec(), "damaged"),
        ("a global as the model", b"cos\nsystem\n.".to_vec(), "no state dict"),
        ("a global without an end", b"cos\nsys".to_vec(), "damaged"),
        ("an empty slot of the memo", b"h\x07.".to_vec(), "damaged"),
        ("the last slot of the memo", b"j\xff\xff\xff\xff.".to_vec(), "damaged"),
        ("a call of nothing", b"R.".to_vec(), "damaged"),
        ("a pair of nothing", b"}s.".to_vec(), "damaged"),
        ("pairs without a mark", b"}u.".to_vec(), "damaged"),
        ("a mark above the stack", b"}NN(st.".to_vec(), "damaged"),
        ("half a pair", b"}(Nu.".to_vec(), "damaged"),
        ("items for a dict", b"}N\x61.".to_vec(), "damaged"),
        ("a text of 4 GB", b"X\xff\xff\xff\xff.".to_vec(), "damaged"),
        ("a text that is none", b"X\x01\0\0\0\xff.".to_vec(), "damaged"),
        ("a number of 255 bytes", b"\x8a\xff.".to_vec(), "damaged"),
        ("a number as a tensor", [&named("w")[..], b"K\x01s."].concat(), "w, which is no tensor"),
        ("a dict in itself", [&b"}q\0"[..], &text("model"), b"h\0s."].concat(), "several"),
        ("a storage as a tensor", [&named("w")[..], &storage("0"), b"s."].concat(), "w, which is no tensor"),
    ] {
        refused(what, pickle(&codes), &[words]);
    }
    tensors_out_of_place();
    bombs();
}

/// A state dict with one tensor `w`, whose shape and strides are these codes.
fn tensor(key: &str, offset: &[u8], shape: &[u8], strides: &[u8]) -> Vec<u8> {
    let rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n(";
    let codes =
        [&b"}"[..], &text("w"), rebuild, &storage(key), offset, shape, strides, b"\x89Nt", b"R", b"s."];
    pickle(&codes.concat())
}

fn tensors_out_of_place() {
    let (nought, pair, ones) = (b"K\0", b"K\x02\x85", b"K\x01\x85");
    // Right in itself, but no network of this family.
    refused("a lone tensor", tensor("0", nought, pair, ones), &["lacks the tensor"]);
    refused("no storage", tensor("1", nought, pair, ones), &["lacks the numbers of the tensor w"]);
    refused("beyond its storage", tensor("0", b"K\x01", pair, ones), &["tensor w has shape [2]", "8 bytes"]);
    refused("before its storage", tensor("0", b"J\xff\xff\xff\xff", pair, ones), &["damaged"]);
    refused("a negative side", tensor("0", nought, b"J\xff\xff\xff\xff\x85", ones), &["damaged"]);
    refused("turned", tensor("0", nought, b"K\x02K\x02\x86", b"K\x01K\x02\x86"), &["rows after rows"]);
    let huge = b"\x8a\x08\0\0\0\0\0\0\0\x40";
    let shape = [&huge[..], huge, b"\x86"].concat();
    refused(
        "an absurd shape",
        tensor("0", nought, &shape, &[&huge[..], b"K\x01\x86"].concat()),
        &["tensor w"],
    );
    let many = [&b"("[..], &b"K\x01".repeat(9), b"t"].concat();
    refused("nine sides", tensor("0", nought, &many, &many), &["9 dimensions"]);
    refused("a long key", tensor(&"0".repeat(129), nought, pair, ones), &["damaged"]);
}

/// Small files that ask for large memory or deep recursion.
fn bombs() {
    const MOST: usize = 1 << 20;
    // Lists in lists, as deep as there is room.
    let deep = MOST / 2 - 2;
    refused(
        "lists in lists",
        pickle(&[&b"]".repeat(deep)[..], &b"a".repeat(deep - 1), b"."].concat()),
        &["no state dict"],
    );
    refused("marks", pickle(&b"(".repeat(MOST - 2)), &["damaged"]);
    refused("values", pickle(&b"N".repeat(MOST - 2)), &["damaged"]);
    refused("one byte too many", pickle(&b"N".repeat(MOST - 1)), &["more than"]);
    // A list of half the pickle, copied once for each of the other half's calls.
    let list = [&b"("[..], &b"N".repeat(MOST / 2), b"tq\x01"].concat();
    let call = b"ctorch._utils\n_rebuild_parameter\nh\x01\x85R";
    refused("copies of a list", pickle(&[&list[..], &call.repeat(10_000)].concat()), &["damaged"]);
    // The same with the name of a tensor, and with the key of a storage.
    let name = [&b"}"[..], &text(&"n".repeat(MOST / 2)), b"q\x01"].concat();
    let value = [&b"ctorch._utils\n_rebuild_tensor_v2\n("[..], &storage("0"), b"K\0))tRq\x02"].concat();
    let pairs = [&name[..], &value, b"s", &b"h\x01h\x02s".repeat(80_000), b"."].concat();
    refused("copies of a name", pickle(&pairs), &["damaged"]);
    let name = [&b"}"[..], &text("w"), b"q\x01"].concat();
    refused("a name twice", pickle(&[&name[..], &value, b"sh\x01h\x02s."].concat()), &["w twice"]);
    let key = [&storage(&"0".repeat(MOST / 2))[..], b"q\x02"].concat();
    refused("copies of a key", pickle(&key), &["damaged"]);
}
