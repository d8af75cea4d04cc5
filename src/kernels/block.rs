//! A block of output pixels: their rows, and then every tile of the product.

use std::mem::MaybeUninit;

use super::conv::Conv;
use super::gemm::{tile_f32, tile_q8};
use super::lanes::Lanes;
use super::pack::{PANEL, STEP, Weights};
use super::picture::Picture;
use super::quantise::{Step, quantise};
use super::rows::{write, write_side_by_side};
use super::tiles::tiles;

/// Computes the output pixels from `first` on that `result` has room for.
///
/// # Safety
///
/// The processor has what `L` takes.
#[inline(always)]
pub(super) unsafe fn block<L: Lanes, const R: usize, const V: usize>(
    conv: &Conv<'_>,
    first: usize,
    result: &mut [MaybeUninit<f32>],
) {
    let (outputs, depth) = (conv.bias.len(), conv.rows.depth(conv.shape[3]));
    let count = result.len() / outputs.max(1);
    match conv.weights {
        Weights::F32(weights) => {
            let mut pixels = vec![0.0; count.next_multiple_of(R) * depth];
            let mut rows = vec![0.0; R * depth];
            for (tile, panel) in pixels.chunks_exact_mut(R * depth).enumerate() {
                // SAFETY: the caller's promise; a number is one word, and both hold R rows of this depth.
                unsafe {
                    fill_rows::<L, R>(conv, first + tile * R, count - tile * R, &mut rows);
                    L::weave::<R>(rows.as_ptr().cast(), depth, panel.as_mut_ptr().cast());
                }
            }
            let product = |tile: usize, panel: usize, bias: [L; V], _: [[L; V]; 2]| {
                let (pixels, weights) = (&pixels[tile * R * depth..], &weights[panel * PANEL * depth..]);
                // SAFETY: the caller's promise, and both were cut into whole panels of this depth.
                unsafe { tile_f32::<L, R, V>(depth, pixels.as_ptr(), weights.as_ptr(), bias) }
            };
            // SAFETY: the caller's promise is this one.
            unsafe { tiles::<L, R, V>(conv, first, result, product) };
        }
        Weights::Q8 { values, .. } => {
            let whole_depth = depth.next_multiple_of(STEP);
            let mut pixels = vec![0u8; count.next_multiple_of(R) * whole_depth];
            let mut steps = vec![Step::default(); count.next_multiple_of(R)];
            let mut rows = vec![0.0; R * depth];
            let mut whole = vec![0u8; R * whole_depth];
            for (tile, panel) in pixels.chunks_exact_mut(R * whole_depth).enumerate() {
                // SAFETY: the caller's promise is this one.
                let valid = unsafe { fill_rows::<L, R>(conv, first + tile * R, count - tile * R, &mut rows) };
                for r in 0..valid {
                    let (row, whole) = (&rows[r * depth..][..depth], &mut whole[r * whole_depth..][..depth]);
                    // SAFETY: the caller's promise is this one.
                    steps[tile * R + r] = unsafe { quantise::<L>(row, whole) };
                }
                // SAFETY: the caller's promise; four bytes are one word, and both hold R rows of a quarter of
                // this depth.
                unsafe { L::weave::<R>(whole.as_ptr().cast(), whole_depth / 4, panel.as_mut_ptr().cast()) };
            }
            let product = |tile: usize, panel: usize, bias: [L; V], [scale, sum]: [[L; V]; 2]| {
                let pixels = &pixels[tile * R * whole_depth..];
                let weights = &values[panel * PANEL * whole_depth..];
                // SAFETY: the caller's promise, and both were cut into whole panels of this depth.
                unsafe {
                    let mut sums = tile_q8::<L, R, V>(whole_depth / STEP, pixels.as_ptr(), weights.as_ptr());
                    for (r, sums) in sums.iter_mut().enumerate() {
                        let Step { size, zero } = steps[tile * R + r];
                        let (size, zero) = (L::splat(size), L::splat(zero));
                        for v in 0..V {
                            let bias = zero.mul_add(sum[v], bias[v]);
                            sums[v] = sums[v].mul(size).mul_add(scale[v], bias);
                        }
                    }
                    sums
                }
            };
            // SAFETY: the caller's promise is this one.
            unsafe { tiles::<L, R, V>(conv, first, result, product) };
        }
    }
}

/// Makes the rows of up to R pixels from `first` on, `left` of which exist; says how many.
///
/// # Safety
///
/// The processor has what `L` takes.
#[inline(always)]
unsafe fn fill_rows<L: Lanes, const R: usize>(
    conv: &Conv<'_>,
    first: usize,
    left: usize,
    rows: &mut [f32],
) -> usize {
    let [_, h, w, c] = conv.shape;
    let [out_h, out_w] = conv.windows.output;
    let valid = left.min(R);
    let picture = |image: usize| {
        let values = &conv.input[image * h * w * c..][..h * w * c];
        Picture { values, shape: [h, w, c], lead: conv.lead }
    };
    let (image, at) = (first / (out_h * out_w), first % (out_h * out_w));
    let [y, x] = [at / out_w, at % out_w];
    if valid == R && x + R <= out_w {
        // SAFETY: the caller's promise is this one.
        if unsafe { write_side_by_side::<L, R>(&conv.rows, conv.windows, picture(image), [y, x], rows) } {
            return R;
        }
    }
    for (r, row) in rows.chunks_exact_mut(rows.len() / R).take(valid).enumerate() {
        let (image, at) = ((first + r) / (out_h * out_w), (first + r) % (out_h * out_w));
        // SAFETY: the caller's promise is this one.
        unsafe { write::<L>(&conv.rows, conv.windows, picture(image), [at / out_w, at % out_w], row) };
    }
    valid
}
