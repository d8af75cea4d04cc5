//! 256-bit vectors of x86-64 processors with AVX2 and FMA (2013 and later).

use std::arch::x86_64::*;

use super::lanes::Lanes;

/// Eight numbers. Values of this type are only made in functions with `#[target_feature(enable = "avx2,fma")]`,
/// which [`super::isa`] calls after asking the processor.
#[derive(Clone, Copy)]
pub struct Avx2(__m256);

impl Lanes for Avx2 {
    const N: usize = 8;
    type Ints = __m256i;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        // SAFETY: the processor has AVX2 (see the type).
        Self(unsafe { _mm256_set1_ps(x) })
    }

    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: the caller's promise, and the processor has AVX2 (see the type).
        Self(unsafe { _mm256_loadu_ps(p) })
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: the caller's promise, and the processor has AVX2 (see the type).
        unsafe { _mm256_storeu_ps(p, self.0) }
    }

    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        // SAFETY: the processor has FMA (see the type).
        Self(unsafe { _mm256_fmadd_ps(self.0, b.0, c.0) })
    }

    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        // SAFETY: the processor has AVX2 (see the type).
        Self(unsafe { _mm256_mul_ps(self.0, b.0) })
    }

    #[inline(always)]
    fn at_least(self, floor: Self) -> Self {
        // With a NaN on either side the instruction gives its second operand.
        // SAFETY: the processor has AVX2 (see the type).
        Self(unsafe { _mm256_max_ps(floor.0, self.0) })
    }

    #[inline(always)]
    fn zeros() -> __m256i {
        // SAFETY: the processor has AVX2 (see the type).
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    unsafe fn pair(p: *const i16) -> __m256i {
        // SAFETY: the caller's promise, and the processor has AVX2 (see the type).
        unsafe { _mm256_set1_epi32(p.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn pairs(p: *const i8) -> __m256i {
        // SAFETY: the caller's promise, and the processor has AVX2 (see the type).
        unsafe { _mm256_cvtepi8_epi16(_mm_loadu_si128(p.cast())) }
    }

    #[inline(always)]
    fn dot(a: __m256i, b: __m256i, sum: __m256i) -> __m256i {
        // SAFETY: the processor has AVX2 (see the type).
        unsafe { _mm256_add_epi32(_mm256_madd_epi16(a, b), sum) }
    }

    #[inline(always)]
    fn from_ints(ints: __m256i) -> Self {
        // SAFETY: the processor has AVX2 (see the type).
        Self(unsafe { _mm256_cvtepi32_ps(ints) })
    }

    #[inline(always)]
    unsafe fn narrow(a: Self, b: Self, p: *mut i16) {
        // SAFETY: the caller's promise, and the processor has AVX2 (see the type).
        unsafe {
            let packed = _mm256_packs_epi32(_mm256_cvtps_epi32(a.0), _mm256_cvtps_epi32(b.0));
            // Packing works within halves: put the quarters back in order.
            _mm256_storeu_si256(p.cast(), _mm256_permute4x64_epi64::<0b11_01_10_00>(packed));
        }
    }
}
