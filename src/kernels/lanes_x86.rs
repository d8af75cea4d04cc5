//! 256-bit vectors of x86-64 processors with AVX2 and FMA (2013 and later).

use std::arch::x86_64::*;

use super::lanes::{Lanes, ROUNDER};

/// Eight numbers. They stay in registers in functions with `#[target_feature(enable = "avx2,fma")]` only, into which
/// these methods are inlined.
#[derive(Clone, Copy)]
pub struct Avx2(__m256);

impl Lanes for Avx2 {
    const N: usize = 8;
    type Ints = __m256i;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: the processor has AVX2 (see [`Lanes`]).
        Self(unsafe { _mm256_set1_ps(x) })
    }

    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: the caller's promise, and the processor has AVX2 (see [`Lanes`]).
        Self(unsafe { _mm256_loadu_ps(p) })
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: the caller's promise, and the processor has AVX2 (see [`Lanes`]).
        unsafe { _mm256_storeu_ps(p, self.0) }
    }

    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        // SAFETY: the processor has FMA (see [`Lanes`]).
        Self(unsafe { _mm256_fmadd_ps(self.0, b.0, c.0) })
    }

    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        // SAFETY: the processor has AVX2 (see [`Lanes`]).
        Self(unsafe { _mm256_mul_ps(self.0, b.0) })
    }

    #[inline(always)]
    unsafe fn at_least(self, floor: Self) -> Self {
        // With a NaN on either side the instruction gives its second operand.
        // SAFETY: the processor has AVX2 (see [`Lanes`]).
        Self(unsafe { _mm256_max_ps(floor.0, self.0) })
    }

    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        // SAFETY: the processor has AVX2 (see [`Lanes`]).
        Self(unsafe { _mm256_sub_ps(self.0, b.0) })
    }

    #[inline(always)]
    unsafe fn zeros() -> __m256i {
        // SAFETY: the processor has AVX2 (see [`Lanes`]).
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    unsafe fn quad(p: *const u8) -> __m256i {
        // SAFETY: the caller's promise, and the processor has AVX2 (see [`Lanes`]).
        unsafe { _mm256_set1_epi32(p.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn quads(p: *const i8) -> __m256i {
        // SAFETY: the caller's promise, and the processor has AVX2 (see [`Lanes`]).
        unsafe { _mm256_loadu_si256(p.cast()) }
    }

    #[inline(always)]
    unsafe fn dot(x: [__m256i; 2], w: [__m256i; 2], sum: __m256i) -> __m256i {
        // SAFETY: the processor has AVX2 (see [`Lanes`]).
        unsafe {
            let products =
                _mm256_add_epi16(_mm256_maddubs_epi16(x[0], w[0]), _mm256_maddubs_epi16(x[1], w[1]));
            _mm256_add_epi32(sum, _mm256_madd_epi16(products, _mm256_set1_epi16(1)))
        }
    }

    #[inline(always)]
    unsafe fn from_ints(ints: __m256i) -> Self {
        // SAFETY: the processor has AVX2 (see [`Lanes`]).
        Self(unsafe { _mm256_cvtepi32_ps(ints) })
    }

    #[inline(always)]
    unsafe fn narrow(numbers: [Self; 4], p: *mut u8) {
        // SAFETY: the caller's promise, and the processor has AVX2 (see [`Lanes`]).
        unsafe {
            let (rounder, mask) = (_mm256_set1_ps(ROUNDER), _mm256_set1_epi32(127));
            let [a, b, c, d] =
                numbers.map(|x| _mm256_and_si256(_mm256_castps_si256(_mm256_add_ps(x.0, rounder)), mask));
            let bytes = _mm256_packus_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
            // Packing works within halves: put the words back in order.
            let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
            _mm256_storeu_si256(p.cast(), _mm256_permutevar8x32_epi32(bytes, order));
        }
    }
}
