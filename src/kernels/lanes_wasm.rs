//! WebAssembly's 128-bit vectors; with the feature `relaxed-simd`, its fused multiply-add.

use std::arch::wasm32::*;

use super::lanes::{Lanes, ROUNDER, weave_from};

/// Four numbers. In builds with relaxed SIMD their bytes are multiplied and summed up by one instruction (`WORDS`) or
/// by several, which [`super::dots`] chooses between.
#[derive(Clone, Copy)]
pub struct Simd128<const WORDS: bool>(v128);

impl<const WORDS: bool> Lanes for Simd128<WORDS> {
    const N: usize = 4;
    type Ints = v128;
    const WORDS: bool = WORDS;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
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
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        #[cfg(feature = "relaxed-simd")]
        return Self(f32x4_relaxed_madd(self.0, b.0, c.0));
        #[cfg(not(feature = "relaxed-simd"))]
        return Self(f32x4_add(f32x4_mul(self.0, b.0), c.0));
    }

    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        Self(f32x4_mul(self.0, b.0))
    }

    #[inline(always)]
    unsafe fn at_least(self, floor: Self) -> Self {
        // NOTE: where there is relaxed SIMD, LLVM 22 makes `relaxed_max` of `pmax`, and that loses NaN on x86.
        // A mask of whole lanes leaves nothing to the processor.
        #[cfg(feature = "relaxed-simd")]
        return Self(i32x4_relaxed_laneselect(floor.0, self.0, f32x4_lt(self.0, floor.0)));
        // `pmax(a, b)` is `a < b ? b : a`: one instruction on x86, and NaN in `a` stays.
        #[cfg(not(feature = "relaxed-simd"))]
        return Self(f32x4_pmax(self.0, floor.0));
    }

    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        Self(f32x4_sub(self.0, b.0))
    }

    #[inline(always)]
    unsafe fn zeros() -> v128 {
        i32x4_splat(0)
    }

    #[inline(always)]
    unsafe fn quad(p: *const u8) -> v128 {
        // SAFETY: the caller's promise is this one.
        unsafe { v128_load32_splat(p.cast()) }
    }

    #[inline(always)]
    unsafe fn quads(p: *const i8) -> v128 {
        // SAFETY: the caller's promise is this one.
        unsafe { v128_load(p.cast()) }
    }

    #[cfg(feature = "relaxed-simd")]
    #[inline(always)]
    unsafe fn dot(x: [v128; 2], w: [v128; 2], sum: v128) -> v128 {
        let products = |i: usize| i16x8_relaxed_dot_i8x16_i7x16(w[i], x[i]);
        i32x4_add(sum, i32x4_extadd_pairwise_i16x8(i16x8_add(products(0), products(1))))
    }

    #[cfg(feature = "relaxed-simd")]
    #[inline(always)]
    unsafe fn dot_words(x: v128, w: v128, sum: v128) -> v128 {
        i32x4_relaxed_dot_i8x16_i7x16_add(w, x, sum)
    }

    /// Even and odd bytes on their own, as i16.
    #[cfg(not(feature = "relaxed-simd"))]
    #[inline(always)]
    unsafe fn dot(x: [v128; 2], w: [v128; 2], sum: v128) -> v128 {
        let product = |x: v128, w: v128| {
            let even = i32x4_dot_i16x8(i16x8_shr(i16x8_shl(w, 8), 8), v128_and(x, i16x8_splat(0xff)));
            i32x4_add(even, i32x4_dot_i16x8(i16x8_shr(w, 8), u16x8_shr(x, 8)))
        };
        i32x4_add(sum, i32x4_add(product(x[0], w[0]), product(x[1], w[1])))
    }

    #[inline(always)]
    unsafe fn from_ints(ints: v128) -> Self {
        Self(f32x4_convert_i32x4(ints))
    }

    #[inline(always)]
    unsafe fn narrow(numbers: [Self; 4], p: *mut u8) {
        let (rounder, mask) = (f32x4_splat(ROUNDER), i32x4_splat(127));
        let [a, b, c, d] = numbers.map(|x| v128_and(f32x4_add(x.0, rounder), mask));
        let bytes = u8x16_narrow_i16x8(i16x8_narrow_i32x4(a, b), i16x8_narrow_i32x4(c, d));
        // SAFETY: the caller's promise is this one.
        unsafe { v128_store(p.cast(), bytes) }
    }

    #[inline(always)]
    unsafe fn weave<const R: usize>(rows: *const u32, depth: usize, panel: *mut u32) {
        let squares = if R == 4 { depth / 4 } else { 0 };
        for k in (0..4 * squares).step_by(4) {
            // SAFETY: `k + 4` is at most the depth, so the four rows and the four columns are inside.
            unsafe {
                let [a, b, c, d] = std::array::from_fn(|r| v128_load(rows.add(r * depth + k).cast()));
                let (ab, cd) = (i32x4_shuffle::<0, 4, 1, 5>(a, b), i32x4_shuffle::<0, 4, 1, 5>(c, d));
                let (ab2, cd2) = (i32x4_shuffle::<2, 6, 3, 7>(a, b), i32x4_shuffle::<2, 6, 3, 7>(c, d));
                let columns = [
                    i64x2_shuffle::<0, 2>(ab, cd),
                    i64x2_shuffle::<1, 3>(ab, cd),
                    i64x2_shuffle::<0, 2>(ab2, cd2),
                    i64x2_shuffle::<1, 3>(ab2, cd2),
                ];
                for (i, column) in columns.into_iter().enumerate() {
                    v128_store(panel.add((k + i) * R).cast(), column);
                }
            }
        }
        // SAFETY: the caller's promise is this one.
        unsafe { weave_from::<R>(4 * squares, rows, depth, panel) }
    }
}
