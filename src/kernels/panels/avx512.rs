//! The kernels of [`super`] in 512-bit vectors, for x86-64 processors with AVX-512 (servers since 2017, AMD's
//! since 2022).
//!
//! Two panels share a vector where channels are multiplied, two neighbouring pixels where they are not.

use std::arch::x86_64::*;

use super::{OUTER_PIXELS, PANEL_LANES, Panels, TAPS};

/// Pairs of panels of one tile of a product, and its pixels, as many as are left: 24 sums at most, two vectors of weights
/// and one number, of 32 registers.
const PAIRS: usize = 2;
const ROWS: [usize; 5] = [12, 8, 4, 2, 1];
/// Pairs of panels of an outer product, each with all eight channels of a panel of inputs: as many sums.
const OUTER: usize = 3;
/// The lanes of the first of two pixels.
const FIRST: __mmask16 = 0x00ff;

/// Asks the processor.
pub fn has_avx512() -> bool {
    std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512dq")
        && std::arch::is_x86_feature_detected!("avx512vl")
}

/// Calls a tile of as many pixels as are left, and of one or two pairs of panels of which the last may be half: all known
/// when it is compiled, so that sums stay in registers.
macro_rules! tile {
    ($rows:expr, $panels:expr, $arguments:tt; $($row:literal)*) => {
        match ($rows, $panels) {
            $(
                ($row, 4) => product_tile::<$row, 2, false> $arguments,
                ($row, 3) => product_tile::<$row, 2, true> $arguments,
                ($row, 2) => product_tile::<$row, 1, false> $arguments,
                ($row, _) => product_tile::<$row, 1, true> $arguments,
            )*
            _ => unreachable!("a tile has one of ROWS"),
        }
    };
}

/// [`super::product`].
///
/// # Safety
///
/// The slices hold what [`super::product`] checks, and the processor has the features.
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
pub unsafe fn product(
    x: Panels<'_>,
    weights: &[f32],
    [pixels, depth, outputs]: [usize; 3],
    y: &mut [f32],
    y_stride: usize,
) {
    let panel = depth * PANEL_LANES * PANEL_LANES;
    for first in (0..outputs).step_by(2 * PAIRS) {
        let panels = (outputs - first).min(2 * PAIRS);
        let mut pixel = 0;
        while pixel < pixels {
            let rows = ROWS.into_iter().find(|&rows| rows <= pixels - pixel).unwrap_or(1);
            // SAFETY: rows and panels end where the slices do, which the caller has checked.
            unsafe {
                let from = x.values.as_ptr().add(pixel * PANEL_LANES);
                let to = y.as_mut_ptr().add(first * y_stride + pixel * PANEL_LANES);
                let weights = weights.as_ptr().add(first * panel);
                tile!(rows, panels, ([from, weights], [x.stride, panel], depth, to, y_stride); 12 8 4 2 1);
            }
            pixel += rows;
        }
    }
}

/// Two panels from `at` and from `stride` after it, or the first alone and zeros.
///
/// # Safety
///
/// Eight numbers can be read at each.
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
unsafe fn pair(at: *const f32, stride: usize, alone: bool) -> __m512 {
    // SAFETY: the caller's promise.
    unsafe {
        let first = _mm512_zextps256_ps512(_mm256_loadu_ps(at));
        if alone { first } else { _mm512_insertf32x8::<1>(first, _mm256_loadu_ps(at.add(stride))) }
    }
}

/// `R` pixels by `V` pairs of panels, of which the last is `HALF`.
///
/// # Safety
///
/// All that the strides lead to is inside the slices.
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
unsafe fn product_tile<const R: usize, const V: usize, const HALF: bool>(
    [x, w]: [*const f32; 2],
    [x_stride, w_stride]: [usize; 2],
    depth: usize,
    y: *mut f32,
    y_stride: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [[_mm512_setzero_ps(); V]; R];
        for k in 0..depth {
            let (x, w) = (x.add(k * x_stride), w.add(k * PANEL_LANES * PANEL_LANES));
            for kk in 0..PANEL_LANES {
                let mut vectors = [_mm512_setzero_ps(); V];
                for (v, vector) in vectors.iter_mut().enumerate() {
                    let at = w.add(2 * v * w_stride + kk * PANEL_LANES);
                    *vector = pair(at, w_stride, HALF && v + 1 == V);
                }
                for (r, sums) in sums.iter_mut().enumerate() {
                    let x = _mm512_set1_ps(*x.add(r * PANEL_LANES + kk));
                    for (sum, &w) in sums.iter_mut().zip(&vectors) {
                        *sum = _mm512_fmadd_ps(x, w, *sum);
                    }
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (v, &sum) in sums.iter().enumerate() {
                let to = y.add(2 * v * y_stride + r * PANEL_LANES);
                _mm256_storeu_ps(to, _mm512_castps512_ps256(sum));
                if !(HALF && v + 1 == V) {
                    _mm256_storeu_ps(to.add(y_stride), _mm512_extractf32x8_ps::<1>(sum));
                }
            }
        }
    }
}

/// [`super::outer`].
///
/// # Safety
///
/// The slices hold what [`super::outer`] checks, and the processor has the features.
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
pub unsafe fn outer(x: Panels<'_>, g: Panels<'_>, [pixels, depth, outputs]: [usize; 3], dw: &mut [f32]) {
    let width = outputs * PANEL_LANES;
    for pixel in (0..pixels).step_by(OUTER_PIXELS) {
        let some = (pixels - pixel).min(OUTER_PIXELS);
        for first in (0..outputs).step_by(2 * OUTER) {
            let panels = (outputs - first).min(2 * OUTER);
            for inputs in 0..depth {
                // SAFETY: panels and pixels end where the slices do, which the caller has checked.
                unsafe {
                    let x = x.values.as_ptr().add(inputs * x.stride + pixel * PANEL_LANES);
                    let g_from = g.values.as_ptr().add(first * g.stride + pixel * PANEL_LANES);
                    let to = dw.as_mut_ptr().add(inputs * PANEL_LANES * width + first * PANEL_LANES);
                    match panels {
                        6 => outer_tile::<3, false>([x, g_from], g.stride, some, to, width),
                        5 => outer_tile::<3, true>([x, g_from], g.stride, some, to, width),
                        4 => outer_tile::<2, false>([x, g_from], g.stride, some, to, width),
                        3 => outer_tile::<2, true>([x, g_from], g.stride, some, to, width),
                        2 => outer_tile::<1, false>([x, g_from], g.stride, some, to, width),
                        _ => outer_tile::<1, true>([x, g_from], g.stride, some, to, width),
                    }
                }
            }
        }
    }
}

/// A panel of input channels by `V` pairs of panels of output channels, of which the last is `HALF`.
///
/// # Safety
///
/// All that the strides lead to is inside the slices.
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
unsafe fn outer_tile<const V: usize, const HALF: bool>(
    [x, g]: [*const f32; 2],
    g_stride: usize,
    pixels: usize,
    dw: *mut f32,
    width: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [[_mm512_setzero_ps(); V]; PANEL_LANES];
        for pixel in 0..pixels {
            let (x, g) = (x.add(pixel * PANEL_LANES), g.add(pixel * PANEL_LANES));
            let mut vectors = [_mm512_setzero_ps(); V];
            for (v, vector) in vectors.iter_mut().enumerate() {
                *vector = pair(g.add(2 * v * g_stride), g_stride, HALF && v + 1 == V);
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let x = _mm512_set1_ps(*x.add(r));
                for (sum, &g) in sums.iter_mut().zip(&vectors) {
                    *sum = _mm512_fmadd_ps(x, g, *sum);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (v, &sum) in sums.iter().enumerate() {
                let at = dw.add(r * width + 2 * v * PANEL_LANES);
                if !(HALF && v + 1 == V) {
                    _mm512_storeu_ps(at, _mm512_add_ps(_mm512_loadu_ps(at), sum));
                } else {
                    _mm256_storeu_ps(at, _mm256_add_ps(_mm256_loadu_ps(at), _mm512_castps512_ps256(sum)));
                }
            }
        }
    }
}

/// [`super::depthwise`].
///
/// # Safety
///
/// The slices hold what [`super::depthwise`] checks, and the processor has the features.
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
pub unsafe fn depthwise(padded: &[f32], taps: &[f32], [h, w]: [usize; 2], y: &mut [f32]) {
    let line = (w + 2) * PANEL_LANES;
    // SAFETY: the caller has checked that all windows lie in the slices; of the last of an odd number of pixels only
    // its own lanes are read and written.
    unsafe {
        let mut k = [_mm512_setzero_ps(); TAPS];
        for (t, k) in k.iter_mut().enumerate() {
            *k = _mm512_broadcast_f32x8(_mm256_loadu_ps(taps.as_ptr().add(t * PANEL_LANES)));
        }
        for i in 0..h {
            let (from, to) = (padded.as_ptr().add(i * line), y.as_mut_ptr().add(i * w * PANEL_LANES));
            for j in (0..w).step_by(2) {
                let lanes = if j + 1 < w { !0 } else { FIRST };
                let from = from.add(j * PANEL_LANES);
                let mut sum = _mm512_setzero_ps();
                for (t, &k) in k.iter().enumerate() {
                    let at = from.add(t / 3 * line + t % 3 * PANEL_LANES);
                    sum = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(lanes, at), k, sum);
                }
                _mm512_mask_storeu_ps(to.add(j * PANEL_LANES), lanes, sum);
            }
        }
    }
}

/// [`super::depthwise_taps`].
///
/// # Safety
///
/// The slices hold what [`super::depthwise_taps`] checks, and the processor has the features.
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
pub unsafe fn depthwise_taps(padded: &[f32], g: &[f32], [h, w]: [usize; 2], taps: &mut [f32]) {
    let line = (w + 2) * PANEL_LANES;
    // SAFETY: as in [`depthwise`].
    unsafe {
        let mut k = [_mm512_setzero_ps(); TAPS];
        for i in 0..h {
            let (from, g) = (padded.as_ptr().add(i * line), g.as_ptr().add(i * w * PANEL_LANES));
            for j in (0..w).step_by(2) {
                let lanes = if j + 1 < w { !0 } else { FIRST };
                let from = from.add(j * PANEL_LANES);
                let g = _mm512_maskz_loadu_ps(lanes, g.add(j * PANEL_LANES));
                for (t, k) in k.iter_mut().enumerate() {
                    let at = from.add(t / 3 * line + t % 3 * PANEL_LANES);
                    *k = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(lanes, at), g, *k);
                }
            }
        }
        for (t, &k) in k.iter().enumerate() {
            let at = taps.as_mut_ptr().add(t * PANEL_LANES);
            let both = _mm256_add_ps(_mm512_castps512_ps256(k), _mm512_extractf32x8_ps::<1>(k));
            _mm256_storeu_ps(at, _mm256_add_ps(_mm256_loadu_ps(at), both));
        }
    }
}
