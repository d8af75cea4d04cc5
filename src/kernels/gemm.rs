//! The matrix product: one tile of `R` pixels by `V` vectors of output channels, held in registers.
//!
//! Pixels come as panels `[K, R]` (f32) or `[K / 2, R, 2]` (int8, widened to i16), weights as
//! [`super::pack`] made them, so both are read from start to end.

use super::lanes::Lanes;

/// The sums of one tile.
pub(super) type Tile<L, const R: usize, const V: usize> = [[L; V]; R];

/// `bias + pixels · weights`.
///
/// # Safety
///
/// `pixels` is valid for `depth · R` numbers, `weights` for `depth · V · L::N`.
#[inline(always)]
pub(super) unsafe fn tile_f32<L: Lanes, const R: usize, const V: usize>(
    depth: usize,
    mut pixels: *const f32,
    mut weights: *const f32,
    bias: [L; V],
) -> Tile<L, R, V> {
    let mut sums = [bias; R];
    for _ in 0..depth {
        // SAFETY: each of the `depth` turns reads the next R and V · N numbers of the promised ones.
        unsafe {
            let mut w = bias;
            for (v, w) in w.iter_mut().enumerate() {
                *w = L::load(weights.add(v * L::N));
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let x = L::splat(*pixels.add(r));
                for (sum, &w) in sums.iter_mut().zip(&w) {
                    *sum = x.mul_add(w, *sum);
                }
            }
            pixels = pixels.add(R);
            weights = weights.add(V * L::N);
        }
    }
    sums
}

/// `pixels · weights` in whole numbers, as f32.
///
/// # Safety
///
/// `pixels` is valid for `pairs · 2 R` numbers, `weights` for `pairs · 2 V · L::N`.
#[inline(always)]
pub(super) unsafe fn tile_q8<L: Lanes, const R: usize, const V: usize>(
    pairs: usize,
    mut pixels: *const i16,
    mut weights: *const i8,
) -> Tile<L, R, V> {
    let mut sums = [[L::zeros(); V]; R];
    for _ in 0..pairs {
        // SAFETY: each of the turns reads the next 2 R and 2 V · N numbers of the promised ones.
        unsafe {
            let mut w = [L::zeros(); V];
            for (v, w) in w.iter_mut().enumerate() {
                *w = L::pairs(weights.add(2 * v * L::N));
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let x = L::pair(pixels.add(2 * r));
                for (sum, &w) in sums.iter_mut().zip(&w) {
                    *sum = L::dot(x, w, *sum);
                }
            }
            pixels = pixels.add(2 * R);
            weights = weights.add(2 * V * L::N);
        }
    }
    sums.map(|sums| sums.map(L::from_ints))
}
