//! How bytes are multiplied fastest where WebAssembly has relaxed SIMD.
//!
//! `i32x4.relaxed_dot_i8x16_i7x16_add` sums up four products in each word. It is one instruction on Arm's processors
//! with SDOT and on Intel's and AMD's with AVX-VNNI; on others of x86 it takes three, and two of
//! `i16x8.relaxed_dot_i8x16_i7x16` that are widened together are faster. No module may ask which processor it runs on,
//! but the instruction tells: with bytes beyond the seven bits that are promised it gives what the processor's own does.

use std::arch::wasm32::*;
use std::hint::black_box;
use std::sync::atomic::{AtomicU8, Ordering};

const UNKNOWN: u8 = 0;
const WORDS: u8 = 1;
const HALVES: u8 = 2;

static WAY: AtomicU8 = AtomicU8::new(UNKNOWN);

/// Whether the instruction that sums up in words is the faster one here.
#[cfg_attr(feature = "relaxed-simd", target_feature(enable = "relaxed-simd"))]
pub(super) fn in_words() -> bool {
    let known = WAY.load(Ordering::Relaxed);
    if known != UNKNOWN {
        return known == WORDS;
    }
    // 127 times a byte of 255, which some take for -1; two such products do not fit into an i16 with a sign, in which
    // x86 without AVX-VNNI holds them, at its most.
    let (w, x) = black_box((i8x16_splat(127), u8x16_splat(255)));
    let sum = i32x4_extract_lane::<0>(i32x4_relaxed_dot_i8x16_i7x16_add(w, x, i32x4_splat(0)));
    set_in_words(sum != 2 * i32::from(i16::MAX));
    WAY.load(Ordering::Relaxed) == WORDS
}

/// Decides, to test and to measure what this processor would not choose.
pub fn set_in_words(words: bool) {
    WAY.store(if words { WORDS } else { HALVES }, Ordering::Relaxed);
}
