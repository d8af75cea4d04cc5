//! The matrix product: one tile of `R` pixels by `V` vectors of output channels, held in registers.
//!
//! Pixels come as panels `[K, R]` (f32) or `[K / 4, R, 4]` (7 bits), weights as [`super::pack`] made them, so
//! both are read from start to end.

use super::lanes::Lanes;
use super::pack::STEP;

/// The sums of one tile.
pub(super) type Tile<L, const R: usize, const V: usize> = [[L; V]; R];

/// `bias + pixels · weights`.
///
/// # Safety
///
/// The processor has what `L` takes; `pixels` is valid for `depth · R` numbers, `weights` for `depth · V · L::N`.
#[inline(always)]
pub(super) unsafe fn tile_f32<L: Lanes, const R: usize, const V: usize>(
    depth: usize,
    mut pixels: *const f32,
    mut weights: *const f32,
    bias: [L; V],
) -> Tile<L, R, V> {
    let mut sums = [bias; R];
    // NOTE: one step per turn. Unrolled, the compiler loads the pixels of all steps first, engines run out of
    // registers, and the product takes half as long again.
    for _ in 0..depth {
        // SAFETY: the caller's promise; each of the `depth` turns reads the next R and V · N numbers of the promised ones.
        unsafe {
            let w: [L; V] = std::array::from_fn(|v| L::load(weights.add(v * L::N)));
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
/// The processor has what `L` takes; `pixels` is valid for `steps · STEP · R` numbers, `weights` for
/// `steps · STEP · V · L::N`.
#[inline(always)]
pub(super) unsafe fn tile_q8<L: Lanes, const R: usize, const V: usize>(
    steps: usize,
    mut pixels: *const u8,
    mut weights: *const i8,
) -> Tile<L, R, V> {
    // SAFETY: the caller's promise is this one.
    let zeros = unsafe { L::zeros() };
    let mut sums = [[zeros; V]; R];
    // Half a step at a time takes half the registers, of which engines have too few; that there are two to a step is
    // hidden from the compiler, which would put both into one turn again.
    let halves = if L::WORDS { std::hint::black_box(2 * steps) } else { 0 };
    for _ in 0..halves {
        // SAFETY: the caller's promise; each of the turns reads the next four times R and V · N numbers of the promised
        // ones.
        unsafe {
            let w: [_; V] = std::array::from_fn(|v| L::quads(weights.add(4 * v * L::N)));
            for (r, sums) in sums.iter_mut().enumerate() {
                let x = L::quad(pixels.add(4 * r));
                for (sum, &w) in sums.iter_mut().zip(&w) {
                    *sum = L::dot_words(x, w, *sum);
                }
            }
            pixels = pixels.add(4 * R);
            weights = weights.add(4 * V * L::N);
        }
    }
    for _ in 0..if L::WORDS { 0 } else { steps } {
        // SAFETY: the caller's promise; each of the turns reads the next STEP times R and V · N numbers of the promised ones.
        unsafe {
            let mut w = [[zeros; 2]; V];
            for (v, w) in w.iter_mut().enumerate() {
                *w = [L::quads(weights.add(4 * v * L::N)), L::quads(weights.add(4 * (V + v) * L::N))];
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let x = [L::quad(pixels.add(4 * r)), L::quad(pixels.add(4 * (R + r)))];
                for (sum, &w) in sums.iter_mut().zip(&w) {
                    *sum = L::dot(x, w, *sum);
                }
            }
            pixels = pixels.add(STEP * R);
            weights = weights.add(STEP * V * L::N);
        }
    }
    // SAFETY: the caller's promise is this one.
    sums.map(|sums| sums.map(|sum| unsafe { L::from_ints(sum) }))
}
