//! Matrix products: of pixels and weights, and of two sides' pixels.

use super::{Lanes, OUTER_PIXELS, PANEL_LANES, Panels};

/// Pixels by vectors of output channels that one tile of a product holds in registers: twelve sums, two vectors and
/// one number, all but one of AVX2's sixteen registers.
const TILE: [usize; 2] = [6, 2];
/// Input channels by vectors of output channels of an outer product: as many sums, in a shape that divides a panel.
const OUTER: [usize; 2] = [2, 6];

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
