//! Compiles a loop twice: for any processor, and for those with AVX2, chosen when it runs.

/// Runs `f`, whose body must be inlined, with the widest vectors that this processor is known to have.
#[inline(always)]
pub fn wide<R>(f: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if super::isa::has_avx2() {
        // SAFETY: the processor has both.
        return unsafe { avx2(f) };
    }
    f()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<R>(f: impl FnOnce() -> R) -> R {
    f()
}
