//! Which implementation runs: the widest that the processor, or the WebAssembly build, is known to have.
//! The portable one is always an arm.

use std::mem::MaybeUninit;

use super::block::block as generic;
use super::conv::Conv;
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
use super::lanes::Portable;
#[cfg(target_arch = "x86_64")]
use super::pack::Weights;

/// An implementation of the kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// Of any processor.
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    Portable,
    /// Of x86-64 processors with AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Of WebAssembly that was built with SIMD.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128,
}

impl Isa {
    /// What runs, and what is reported.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if has_avx2() {
            return Self::Avx2;
        }
        #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
        return Self::Portable;
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        return Self::Simd128;
    }

    /// What reports call it.
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
            Self::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Self::Simd128 => match (cfg!(feature = "relaxed-simd"), cfg!(target_feature = "atomics")) {
                (false, false) => "simd128",
                (false, true) => "simd128+threads",
                (true, false) => "relaxed-simd",
                (true, true) => "relaxed-simd+threads",
            },
        }
    }
}

/// The name of the instruction set that the kernels run on here, as detected once.
pub fn name() -> &'static str {
    Isa::detect().name()
}

/// See [`generic`].
pub(super) fn block(conv: &Conv<'_>, first: usize, result: &mut [MaybeUninit<f32>]) {
    match Isa::detect() {
        // SAFETY: any processor has what `Portable` takes.
        #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
        Isa::Portable => unsafe { generic::<Portable, 2, { super::pack::PANEL / 4 }>(conv, first, result) },
        // SAFETY: the processor has both features.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { avx2(conv, first, result) },
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        Isa::Simd128 => simd128(conv, first, result),
    }
}

/// Asks the processor.
#[cfg(target_arch = "x86_64")]
pub fn has_avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
}

/// Twelve sums of eight, two of weights and one of pixels: all but one of the 16 registers. In int8 a step
/// takes two of pixels, twice the weights, and room for what is between product and sum.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(conv: &Conv<'_>, first: usize, result: &mut [MaybeUninit<f32>]) {
    // SAFETY: who may call this function has both features.
    unsafe {
        match conv.weights {
            Weights::F32(_) => generic::<super::lanes_x86::Avx2, 6, 2>(conv, first, result),
            Weights::Q8 { .. } => generic::<super::lanes_x86::Avx2, 4, 2>(conv, first, result),
        }
    }
}

/// Eight sums of four. Larger tiles need fewer loads, but engines run out of registers: V8 has 15 on x86-64,
/// and the compiler before it loads all pixels of a step at once.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[cfg_attr(feature = "relaxed-simd", target_feature(enable = "relaxed-simd"))]
fn simd128(conv: &Conv<'_>, first: usize, result: &mut [MaybeUninit<f32>]) {
    use super::lanes_wasm::Simd128;
    // SAFETY: an engine without these instructions does not compile the module that holds them.
    unsafe {
        #[cfg(feature = "relaxed-simd")]
        if matches!(conv.weights, super::pack::Weights::Q8 { .. }) && super::dots::in_words() {
            return generic::<Simd128<true>, 4, 2>(conv, first, result);
        }
        generic::<Simd128<false>, 4, 2>(conv, first, result);
    }
}
