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

/// Reads a file as a loader would; true when it became a network.
fn load(bytes: Vec<u8>) -> bool {
    let size = bytes.len();
    let before = HELD.load(Relaxed);
    PEAK.store(before, Relaxed);
    let loaded = ModelFile::parse(bytes).and_then(|file| file.build(&Device::flex())).is_ok();
    let grown = PEAK.load(Relaxed).saturating_sub(before);
    assert!(grown <= size + BOUND, "{grown} bytes were held for a file of {size}");
    loaded
}

fn files() -> Vec<(&'static str, Vec<u8>)> {
    let names = [
        "mini_timm.safetensors",
        "mini_keras_legacy.h5",
        "mini_keras.weights.h5",
        "mini_aligned.safetensors",
        "mini_aligned_p.pth",
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
        assert!(load(whole.clone()), "{name} itself");
        let step = (whole.len() / PLACES).max(1);
        for at in (0..whole.len()).step_by(step).chain(0..64).chain(whole.len() - 64..whole.len()) {
            assert!(!load(whole[..at].to_vec()), "{name} cut to {at} bytes is accepted");
            for change in [0x01, 0x80, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] ^= change;
                load(damaged);
            }
            // A length or an offset of four bytes becomes as large as it can.
            let mut damaged = whole.clone();
            damaged[at..].iter_mut().take(4).for_each(|byte| *byte = 0xff);
            load(damaged);
        }
    }
    for (shape, count) in [("[4294967296,4294967296]", 8), ("[18446744073709551615]", 8), ("[-1]", 8)] {
        let header =
            format!(r#"{{"conv1.weight":{{"dtype":"F32","shape":{shape},"data_offsets":[0,{count}]}}}}"#);
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.bytes().chain([0; 8]));
        assert!(!load(bytes), "{shape}");
    }
}
