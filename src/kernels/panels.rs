//! The trainer's products and depthwise convolutions, forwards and backwards, over panels of eight channels.
//!
//! A picture with C channels lies here as `[C / 8, M, 8]`, M being its pixels, or those of several pictures: each
//! panel holds eight channels of every pixel. Whatever a product sums over or writes, its operands are then read
//! from start to end, and a depthwise convolution keeps its nine vectors of weights in registers. Channels are
//! filled up with zeros to whole panels.

use super::lanes::{Lanes, Portable};
#[cfg(target_arch = "x86_64")]
use super::lanes_x86::Avx2;
#[cfg(target_arch = "x86_64")]
use super::panels_avx512;
use super::{PANEL_LANES, TAPS};

/// Pixels by vectors of output channels that one tile of a product holds in registers: twelve sums, two vectors and
/// one number, all but one of AVX2's sixteen registers.
const TILE: [usize; 2] = [6, 2];
/// Input channels by vectors of output channels of an outer product: as many sums, in a shape that divides a panel.
const OUTER: [usize; 2] = [2, 6];
/// Pixels of an outer product between two visits to its sums in memory: six vectors of each are 24 KiB.
pub(super) const OUTER_PIXELS: usize = 128;

/// Panels one after the other: panel `p` begins at `p · stride`.
#[derive(Clone, Copy)]
pub struct Panels<'a> {
    /// The numbers from the first pixel of the first panel on.
    pub values: &'a [f32],
    /// Numbers from one panel to the next.
    pub stride: usize,
}

impl Panels<'_> {
    fn check(&self, panels: usize, pixels: usize) {
        assert!(panels == 0 || self.values.len() >= (panels - 1) * self.stride + pixels * PANEL_LANES);
    }
}

/// Runs a kernel with the widest lanes that this processor has.
macro_rules! dispatch {
    ($kernel:ident, $wider:ident, $($argument:expr),*) => {{
        #[cfg(target_arch = "x86_64")]
        if panels_avx512::has_avx512() && widest() {
            // SAFETY: the processor has both features; the kernel's own demands were checked by the caller.
            return unsafe { panels_avx512::$wider($($argument),*) };
        }
        #[cfg(target_arch = "x86_64")]
        if super::isa::has_avx2() {
            #[target_feature(enable = "avx2,fma")]
            fn avx2(run: impl FnOnce()) {
                run();
            }
            // SAFETY: the processor has both features; the kernel's own demands were checked by the caller.
            return unsafe { avx2(#[inline(always)] || $kernel::<Avx2, 1>($($argument),*)) };
        }
        // SAFETY: the kernel's own demands were checked by the caller.
        unsafe { $kernel::<Portable, 2>($($argument),*) }
    }};
}

/// Always, but for tests of what other processors run.
#[cfg(not(test))]
#[cfg(target_arch = "x86_64")]
fn widest() -> bool {
    true
}

#[cfg(test)]
#[cfg(target_arch = "x86_64")]
fn widest() -> bool {
    tests::WIDEST.get()
}

/// `y = x · w`, for `pixels` pixels of `depth` panels and weights `[outputs, depth · 8, 8]`.
///
/// # Panics
///
/// When a slice is too short.
pub fn product(
    x: Panels<'_>,
    weights: &[f32],
    [pixels, depth, outputs]: [usize; 3],
    y: &mut [f32],
    y_stride: usize,
) {
    x.check(depth, pixels);
    Panels { values: y, stride: y_stride }.check(outputs, pixels);
    assert!(weights.len() >= outputs * depth * PANEL_LANES * PANEL_LANES && y_stride >= pixels * PANEL_LANES);
    dispatch!(product_of, product, x, weights, [pixels, depth, outputs], y, y_stride)
}

/// `dw += xᵀ · g`, with `dw` as `[depth · 8, outputs · 8]`.
///
/// # Panics
///
/// When a slice is too short.
pub fn outer(x: Panels<'_>, g: Panels<'_>, [pixels, depth, outputs]: [usize; 3], dw: &mut [f32]) {
    x.check(depth, pixels);
    g.check(outputs, pixels);
    assert!(dw.len() >= depth * outputs * PANEL_LANES * PANEL_LANES);
    dispatch!(outer_of, outer, x, g, [pixels, depth, outputs], dw)
}

/// A 3×3 convolution of one panel's channels with stride 1: `padded` is `[H + 2, W + 2, 8]`, `taps` `[9, 8]`, `y`
/// `[H, W, 8]`.
///
/// # Panics
///
/// When a slice is too short.
pub fn depthwise(padded: &[f32], taps: &[f32], [h, w]: [usize; 2], y: &mut [f32]) {
    check_image(padded, [h, w], taps.len(), y.len());
    dispatch!(depthwise_of, depthwise, padded, taps, [h, w], y)
}

/// Adds to `taps` what [`depthwise`]'s weights get of the gradient `g`, `[H, W, 8]`.
///
/// # Panics
///
/// When a slice is too short.
pub fn depthwise_taps(padded: &[f32], g: &[f32], [h, w]: [usize; 2], taps: &mut [f32]) {
    check_image(padded, [h, w], taps.len(), g.len());
    dispatch!(depthwise_taps_of, depthwise_taps, padded, g, [h, w], taps)
}

fn check_image(padded: &[f32], [h, w]: [usize; 2], taps: usize, image: usize) {
    assert!(padded.len() >= (h + 2) * (w + 2) * PANEL_LANES && image >= h * w * PANEL_LANES);
    assert!(taps >= TAPS * PANEL_LANES, "nine taps of eight channels");
}

/// Calls a tile with as many rows and vectors as are left, both known when it is compiled.
macro_rules! tiles {
    ($tile:ident, $lanes:ident, $parts:ident, $rows:expr, $vectors:expr, $arguments:tt) => {
        match ($rows, $vectors) {
            (6, 2) => $tile::<$lanes, $parts, 6, 2> $arguments,
            (6, _) => $tile::<$lanes, $parts, 6, 1> $arguments,
            (5, 2) => $tile::<$lanes, $parts, 5, 2> $arguments,
            (5, _) => $tile::<$lanes, $parts, 5, 1> $arguments,
            (4, 2) => $tile::<$lanes, $parts, 4, 2> $arguments,
            (4, _) => $tile::<$lanes, $parts, 4, 1> $arguments,
            (3, 2) => $tile::<$lanes, $parts, 3, 2> $arguments,
            (3, _) => $tile::<$lanes, $parts, 3, 1> $arguments,
            (2, 2) => $tile::<$lanes, $parts, 2, 2> $arguments,
            (2, _) => $tile::<$lanes, $parts, 2, 1> $arguments,
            (_, 2) => $tile::<$lanes, $parts, 1, 2> $arguments,
            (_, _) => $tile::<$lanes, $parts, 1, 1> $arguments,
        }
    };
}

/// # Safety
///
/// The slices hold what [`product`] checks, and the processor has the features of `L`.
#[inline(always)]
unsafe fn product_of<L: Lanes, const P: usize>(
    x: Panels<'_>,
    weights: &[f32],
    [pixels, depth, outputs]: [usize; 3],
    y: &mut [f32],
    y_stride: usize,
) {
    let panel = depth * PANEL_LANES * PANEL_LANES;
    for first in (0..outputs).step_by(TILE[1]) {
        let vectors = (outputs - first).min(TILE[1]);
        for pixel in (0..pixels).step_by(TILE[0]) {
            let rows = (pixels - pixel).min(TILE[0]);
            // SAFETY: rows and vectors end where the slices do, which the caller has checked.
            unsafe {
                let from = x.values.as_ptr().add(pixel * PANEL_LANES);
                let to = y.as_mut_ptr().add(first * y_stride + pixel * PANEL_LANES);
                let weights = weights.as_ptr().add(first * panel);
                tiles!(
                    product_tile,
                    L,
                    P,
                    rows,
                    vectors,
                    ([from, weights], [x.stride, panel], depth, to, y_stride)
                );
            }
        }
    }
}

/// `R` pixels by `V` panels of output channels.
///
/// # Safety
///
/// All that the strides lead to is inside the slices.
#[inline(always)]
unsafe fn product_tile<L: Lanes, const P: usize, const R: usize, const V: usize>(
    [x, w]: [*const f32; 2],
    [x_stride, w_stride]: [usize; 2],
    depth: usize,
    y: *mut f32,
    y_stride: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [[[L::splat(0.0); P]; V]; R];
        for k in 0..depth {
            let (x, w) = (x.add(k * x_stride), w.add(k * PANEL_LANES * PANEL_LANES));
            for kk in 0..PANEL_LANES {
                let mut vectors = [[L::splat(0.0); P]; V];
                for (v, vector) in vectors.iter_mut().enumerate() {
                    for (p, part) in vector.iter_mut().enumerate() {
                        *part = L::load(w.add(v * w_stride + kk * PANEL_LANES + p * L::N));
                    }
                }
                for (r, sums) in sums.iter_mut().enumerate() {
                    let x = L::splat(*x.add(r * PANEL_LANES + kk));
                    for (sums, vector) in sums.iter_mut().zip(&vectors) {
                        for (sum, &w) in sums.iter_mut().zip(vector) {
                            *sum = x.mul_add(w, *sum);
                        }
                    }
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (v, sums) in sums.iter().enumerate() {
                for (p, sum) in sums.iter().enumerate() {
                    sum.store(y.add(v * y_stride + r * PANEL_LANES + p * L::N));
                }
            }
        }
    }
}

/// # Safety
///
/// The slices hold what [`outer`] checks, and the processor has the features of `L`.
#[inline(always)]
unsafe fn outer_of<L: Lanes, const P: usize>(
    x: Panels<'_>,
    g: Panels<'_>,
    [pixels, depth, outputs]: [usize; 3],
    dw: &mut [f32],
) {
    let width = outputs * PANEL_LANES;
    // All rows go over the same few pixels before the next ones come: these stay in the first cache.
    for pixel in (0..pixels).step_by(OUTER_PIXELS) {
        let some = (pixels - pixel).min(OUTER_PIXELS);
        for first in (0..outputs).step_by(OUTER[1]) {
            let vectors = (outputs - first).min(OUTER[1]);
            for row in (0..depth * PANEL_LANES).step_by(OUTER[0]) {
                // SAFETY: rows, vectors and pixels end where the slices do, which the caller has checked.
                unsafe {
                    let at = row / PANEL_LANES * x.stride + pixel * PANEL_LANES + row % PANEL_LANES;
                    let x = x.values.as_ptr().add(at);
                    let from = g.values.as_ptr().add(first * g.stride + pixel * PANEL_LANES);
                    let to = dw.as_mut_ptr().add(row * width + first * PANEL_LANES);
                    match vectors {
                        6 => outer_tile::<L, P, 2, 6>([x, from], g.stride, some, to, width),
                        5 => outer_tile::<L, P, 2, 5>([x, from], g.stride, some, to, width),
                        4 => outer_tile::<L, P, 2, 4>([x, from], g.stride, some, to, width),
                        3 => outer_tile::<L, P, 2, 3>([x, from], g.stride, some, to, width),
                        2 => outer_tile::<L, P, 2, 2>([x, from], g.stride, some, to, width),
                        _ => outer_tile::<L, P, 2, 1>([x, from], g.stride, some, to, width),
                    }
                }
            }
        }
    }
}

/// `R` input channels by `V` panels of output channels, summed over pixels.
///
/// # Safety
///
/// All that the strides lead to is inside the slices.
#[inline(always)]
unsafe fn outer_tile<L: Lanes, const P: usize, const R: usize, const V: usize>(
    [x, g]: [*const f32; 2],
    g_stride: usize,
    pixels: usize,
    dw: *mut f32,
    width: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [[[L::splat(0.0); P]; V]; R];
        for pixel in 0..pixels {
            let (x, g) = (x.add(pixel * PANEL_LANES), g.add(pixel * PANEL_LANES));
            let mut factors = [L::splat(0.0); R];
            for (r, factor) in factors.iter_mut().enumerate() {
                *factor = L::splat(*x.add(r));
            }
            for v in 0..V {
                for p in 0..P {
                    let g = L::load(g.add(v * g_stride + p * L::N));
                    for (sums, &x) in sums.iter_mut().zip(&factors) {
                        sums[v][p] = x.mul_add(g, sums[v][p]);
                    }
                }
            }
        }
        let one = L::splat(1.0);
        for (r, sums) in sums.iter().enumerate() {
            for (v, sums) in sums.iter().enumerate() {
                for (p, sum) in sums.iter().enumerate() {
                    let at = dw.add(r * width + v * PANEL_LANES + p * L::N);
                    sum.mul_add(one, L::load(at)).store(at);
                }
            }
        }
    }
}

/// # Safety
///
/// The slices hold what [`depthwise`] checks, and the processor has the features of `L`.
#[inline(always)]
unsafe fn depthwise_of<L: Lanes, const P: usize>(
    padded: &[f32],
    taps: &[f32],
    [h, w]: [usize; 2],
    y: &mut [f32],
) {
    let line = (w + 2) * PANEL_LANES;
    // SAFETY: the caller has checked that all windows lie in the slices.
    unsafe {
        for p in 0..P {
            let mut k = [L::splat(0.0); TAPS];
            for (t, k) in k.iter_mut().enumerate() {
                *k = L::load(taps.as_ptr().add(t * PANEL_LANES + p * L::N));
            }
            for i in 0..h {
                let from = padded.as_ptr().add(i * line + p * L::N);
                let to = y.as_mut_ptr().add(i * w * PANEL_LANES + p * L::N);
                for j in 0..w {
                    let from = from.add(j * PANEL_LANES);
                    let mut sum = L::load(from).mul(k[0]);
                    for (t, &k) in k.iter().enumerate().skip(1) {
                        sum = L::load(from.add(t / 3 * line + t % 3 * PANEL_LANES)).mul_add(k, sum);
                    }
                    sum.store(to.add(j * PANEL_LANES));
                }
            }
        }
    }
}

/// # Safety
///
/// The slices hold what [`depthwise_taps`] checks, and the processor has the features of `L`.
#[inline(always)]
unsafe fn depthwise_taps_of<L: Lanes, const P: usize>(
    padded: &[f32],
    g: &[f32],
    [h, w]: [usize; 2],
    taps: &mut [f32],
) {
    let line = (w + 2) * PANEL_LANES;
    // SAFETY: the caller has checked that all windows lie in the slices.
    unsafe {
        for p in 0..P {
            let mut k = [L::splat(0.0); TAPS];
            for (t, k) in k.iter_mut().enumerate() {
                *k = L::load(taps.as_ptr().add(t * PANEL_LANES + p * L::N));
            }
            for i in 0..h {
                let from = padded.as_ptr().add(i * line + p * L::N);
                let g = g.as_ptr().add(i * w * PANEL_LANES + p * L::N);
                for j in 0..w {
                    let (from, g) = (from.add(j * PANEL_LANES), L::load(g.add(j * PANEL_LANES)));
                    for (t, k) in k.iter_mut().enumerate() {
                        *k = L::load(from.add(t / 3 * line + t % 3 * PANEL_LANES)).mul_add(g, *k);
                    }
                }
            }
            for (t, k) in k.iter().enumerate() {
                k.store(taps.as_mut_ptr().add(t * PANEL_LANES + p * L::N));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        pub static WIDEST: std::cell::Cell<bool> = const { std::cell::Cell::new(true) };
    }

    /// In the widest vectors that there are, and in those of older processors.
    fn in_all_widths(test: impl Fn()) {
        for widest in [true, false] {
            WIDEST.set(widest);
            test();
        }
    }

    /// Sums of some hundred products in another order.
    const TOLERANCE: f32 = 1e-4;

    /// Numbers between -1 and 1 that repeat late.
    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.5 - 1.0).collect()
    }

    fn close(found: &[f32], expected: &[f32]) {
        assert_eq!(found.len(), expected.len());
        for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
            assert!((found - expected).abs() < TOLERANCE, "{at}: {found} for {expected}");
        }
    }

    const SHAPES: [[usize; 3]; 5] = [[1, 1, 1], [7, 2, 3], [13, 3, 5], [30, 1, 2], [300, 2, 7]];

    #[test]
    fn a_product_is_that_of_the_matrices() {
        in_all_widths(product_of_matrices);
    }

    fn product_of_matrices() {
        for [pixels, depth, outputs] in SHAPES {
            let stride = pixels * 8 + 16;
            let (x, w) = (numbers(depth * stride, 1), numbers(outputs * depth * 64, 2));
            let mut y = vec![f32::NAN; outputs * stride];
            product(Panels { values: &x, stride }, &w, [pixels, depth, outputs], &mut y, stride);
            let mut expected = vec![f32::NAN; y.len()];
            for (o, pixel, lane) in
                (0..outputs * pixels * 8).map(|i| (i / (pixels * 8), i / 8 % pixels, i % 8))
            {
                let term =
                    |k: usize| x[k / 8 * stride + pixel * 8 + k % 8] * w[o * depth * 64 + k * 8 + lane];
                expected[o * stride + pixel * 8 + lane] = (0..depth * 8).map(term).sum();
            }
            for (found, expected) in y.chunks(stride).zip(expected.chunks(stride)) {
                close(&found[..pixels * 8], &expected[..pixels * 8]);
                assert!(found[pixels * 8..].iter().all(|v| v.is_nan()), "nothing else is written");
            }
        }
    }

    #[test]
    fn an_outer_product_is_added_to_what_was_there() {
        in_all_widths(outer_product_added);
    }

    fn outer_product_added() {
        for [pixels, depth, outputs] in SHAPES {
            let stride = pixels * 8 + 8;
            let (x, g) = (numbers(depth * stride, 1), numbers(outputs * stride, 2));
            let mut dw = numbers(depth * outputs * 64, 3);
            let expected: Vec<f32> = (0..dw.len())
                .map(|i| {
                    let (k, o) = (i / (outputs * 8), i % (outputs * 8));
                    let at = |panels: &[f32], c: usize, m: usize| panels[c / 8 * stride + m * 8 + c % 8];
                    dw[i] + (0..pixels).map(|m| at(&x, k, m) * at(&g, o, m)).sum::<f32>()
                })
                .collect();
            let of = |values| Panels { values, stride };
            outer(of(&x), of(&g), [pixels, depth, outputs], &mut dw);
            close(&dw, &expected);
        }
    }

    #[test]
    fn depthwise_sums_over_each_window_and_its_taps_over_all_windows() {
        in_all_widths(depthwise_and_taps);
    }

    fn depthwise_and_taps() {
        for [h, w] in [[1, 1], [5, 3], [4, 9]] {
            let (padded, taps) = (numbers((h + 2) * (w + 2) * 8, 1), numbers(72, 2));
            let tap = |i: usize, j: usize, t: usize, lane: usize| {
                padded[((i + t / 3) * (w + 2) + j + t % 3) * 8 + lane]
            };
            let places: Vec<_> = (0..h * w * 8).map(|at| (at / 8 / w, at / 8 % w, at % 8)).collect();
            let mut y = vec![f32::NAN; h * w * 8];
            depthwise(&padded, &taps, [h, w], &mut y);
            let sum = |&(i, j, lane): &(usize, usize, usize)| {
                (0..9).map(|t| tap(i, j, t, lane) * taps[t * 8 + lane]).sum::<f32>()
            };
            close(&y, &places.iter().map(sum).collect::<Vec<_>>());

            let (g, mut found) = (numbers(h * w * 8, 4), numbers(72, 5));
            let mut expected = found.clone();
            for (at, &(i, j, lane)) in places.iter().enumerate() {
                (0..9).for_each(|t| expected[t * 8 + lane] += tap(i, j, t, lane) * g[at]);
            }
            depthwise_taps(&padded, &g, [h, w], &mut found);
            close(&found, &expected);
        }
    }
}
