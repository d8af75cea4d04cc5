//! Depthwise 3×3 convolutions of one panel, and the gradients of their weights.

use super::{Lanes, PANEL_LANES, TAPS};

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
