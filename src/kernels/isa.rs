//! Which implementation runs: the widest that the processor, or the WebAssembly build, is known to have.
//! The portable one is always an arm.

use std::mem::MaybeUninit;

use super::block::block as generic;
use super::conv::Conv;
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
use super::lanes::Portable;
#[cfg(target_arch = "x86_64")]
use super::pack::Weights;

/// What [`block`] runs, for reports and for the test that proves it.
pub fn name() -> &'static str {
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    return match (cfg!(feature = "relaxed-simd"), cfg!(target_feature = "atomics")) {
        (false, false) => "simd128",
        (false, true) => "simd128+threads",
        (true, false) => "relaxed-simd",
        (true, true) => "relaxed-simd+threads",
    };
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        return "avx2";
    }
    #[allow(unreachable_code, reason = "the WebAssembly builds have one arm")]
    "portable"
}

/// See [`generic`].
pub(super) fn block(conv: &Conv<'_>, first: usize, result: &mut [MaybeUninit<f32>]) {
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    return simd128(conv, first, result);
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the processor has both features.
        return unsafe { avx2(conv, first, result) };
    }
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    generic::<Portable, 2, { super::PANEL / 4 }>(conv, first, result);
}

#[cfg(target_arch = "x86_64")]
pub fn has_avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
}

/// Twelve sums of eight, two of weights and one of pixels: all but one of the 16 registers. In int8 a step
/// takes two of pixels, twice the weights, and room for what is between product and sum.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(conv: &Conv<'_>, first: usize, result: &mut [MaybeUninit<f32>]) {
    match conv.weights {
        Weights::F32(_) => generic::<super::lanes_x86::Avx2, 6, 2>(conv, first, result),
        Weights::Q8 { .. } => generic::<super::lanes_x86::Avx2, 4, 2>(conv, first, result),
    }
}

/// Eight sums of four. Larger tiles need fewer loads, but engines run out of registers: V8 has 15 on x86-64,
/// and the compiler before it loads all pixels of a step at once.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[cfg_attr(feature = "relaxed-simd", target_feature(enable = "relaxed-simd"))]
fn simd128(conv: &Conv<'_>, first: usize, result: &mut [MaybeUninit<f32>]) {
    generic::<super::lanes_wasm::Simd128, 4, 2>(conv, first, result);
}
