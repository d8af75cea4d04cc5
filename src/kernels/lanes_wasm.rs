//! WebAssembly's 128-bit vectors; with the feature `relaxed-simd`, its fused multiply-add.

use std::arch::wasm32::*;

use super::lanes::Lanes;

/// Four numbers.
#[derive(Clone, Copy)]
pub struct Simd128(v128);

impl Lanes for Simd128 {
    const N: usize = 4;
    type Ints = v128;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        Self(f32x4_splat(x))
    }

    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: the caller's promise is this one.
        Self(unsafe { v128_load(p.cast()) })
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: the caller's promise is this one.
        unsafe { v128_store(p.cast(), self.0) }
    }

    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        #[cfg(feature = "relaxed-simd")]
        return Self(f32x4_relaxed_madd(self.0, b.0, c.0));
        #[cfg(not(feature = "relaxed-simd"))]
        return Self(f32x4_add(f32x4_mul(self.0, b.0), c.0));
    }

    #[inline(always)]
    fn add(self, b: Self) -> Self {
        Self(f32x4_add(self.0, b.0))
    }

    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        Self(f32x4_mul(self.0, b.0))
    }

    #[inline(always)]
    fn at_least(self, floor: Self) -> Self {
        // `pmax(a, b)` is `a < b ? b : a`: one instruction on x86, and NaN in `a` stays.
        Self(f32x4_pmax(self.0, floor.0))
    }

    #[inline(always)]
    fn zeros() -> v128 {
        i32x4_splat(0)
    }

    #[inline(always)]
    unsafe fn pair(p: *const i16) -> v128 {
        // SAFETY: the caller's promise is this one.
        unsafe { v128_load32_splat(p.cast()) }
    }

    #[inline(always)]
    unsafe fn pairs(p: *const i8) -> v128 {
        // SAFETY: the caller's promise is this one.
        unsafe { i16x8_load_extend_i8x8(p) }
    }

    #[inline(always)]
    fn dot(a: v128, b: v128, sum: v128) -> v128 {
        i32x4_add(i32x4_dot_i16x8(a, b), sum)
    }

    #[inline(always)]
    fn from_ints(ints: v128) -> Self {
        Self(f32x4_convert_i32x4(ints))
    }
}
