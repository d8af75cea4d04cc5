//! The end of a product, while its sums are in registers: residual, activation, and out.

use std::mem::MaybeUninit;

use super::conv::{Act, Conv, Residual};
use super::gemm::Tile;
use super::lanes::Lanes;
use super::pack::{PANEL, Weights};

/// Every tile of the block: `product` by tile and panel, with the panel's bias and what int8 needs besides,
/// then residual and activation, then out.
///
/// # Safety
///
/// The processor has what `L` takes.
#[inline(always)]
pub(super) unsafe fn tiles<L: Lanes, const R: usize, const V: usize>(
    conv: &Conv<'_>,
    first: usize,
    result: &mut [MaybeUninit<f32>],
    product: impl Fn(usize, usize, [L; V], [[L; V]; 2]) -> Tile<L, R, V>,
) {
    let outputs = conv.bias.len();
    let count = result.len() / outputs.max(1);
    let floor = match conv.act {
        Act::None => f32::NEG_INFINITY,
        Act::Relu => 0.0,
    };
    // SAFETY: the caller's promise is this one.
    let (floor, ones) = unsafe { (L::splat(floor), [L::splat(1.0); V]) };
    let residual = conv.residual.map(|residual| &residual.values[first * outputs..][..result.len()]);
    for (panel, bias) in conv.bias.chunks(PANEL).enumerate() {
        let width = bias.len();
        // SAFETY: the caller's promise is this one.
        let of = |numbers: &[f32]| unsafe { vectors::<L, V>(&numbers[panel * PANEL..][..width]) };
        let scales = match conv.weights {
            Weights::F32(_) => [ones; 2],
            Weights::Q8 { scales, sums, .. } => [of(scales), of(sums)],
        };
        // SAFETY: the caller's promise is this one.
        let bias = unsafe { vectors::<L, V>(bias) };
        let factor = match conv.residual {
            Some(Residual { scale: Some(scale), .. }) => of(scale),
            _ => ones,
        };
        for tile in 0..count.div_ceil(R) {
            let sums = product(tile, panel, bias, scales);
            let valid = R.min(count - tile * R);
            let at = tile * R * outputs + panel * PANEL;
            if width == PANEL && valid == R {
                for (r, sums) in sums.into_iter().enumerate() {
                    let at = at + r * outputs;
                    // SAFETY: the caller's promise; the tile's last panel ends where its last pixel does, which is
                    // inside of the result, and of the residual that is as long.
                    unsafe {
                        let residual = residual.map(|residual| residual.as_ptr().add(at));
                        finish(sums, residual, factor, floor, result.as_mut_ptr().add(at).cast());
                    }
                }
            } else {
                for (r, sums) in sums.into_iter().take(valid).enumerate() {
                    let at = at + r * outputs;
                    let mut last = [[0.0; PANEL]; 2];
                    if let Some(residual) = residual {
                        last[0][..width].copy_from_slice(&residual[at..][..width]);
                    }
                    // SAFETY: the caller's promise, and both are whole panels.
                    unsafe {
                        let residual = residual.is_some().then_some(last[0].as_ptr());
                        finish(sums, residual, factor, floor, last[1].as_mut_ptr());
                    }
                    for (out, &x) in result[at..][..width].iter_mut().zip(&last[1]) {
                        out.write(x);
                    }
                }
            }
        }
    }
}

/// Residual and activation of one pixel's sums.
///
/// # Safety
///
/// The processor has what `L` takes; `residual` is valid for reading a panel, `out` for writing one.
#[inline(always)]
unsafe fn finish<L: Lanes, const V: usize>(
    mut sums: [L; V],
    residual: Option<*const f32>,
    factor: [L; V],
    floor: L,
    out: *mut f32,
) {
    if let Some(residual) = residual {
        for v in 0..V {
            // SAFETY: the caller's promise, and V vectors of N are one panel.
            sums[v] = unsafe { L::load(residual.add(v * L::N)).mul_add(factor[v], sums[v]) };
        }
    }
    for (v, sum) in sums.into_iter().enumerate() {
        // SAFETY: the caller's promise, and V vectors of N are one panel.
        unsafe { sum.at_least(floor).store(out.add(v * L::N)) };
    }
}

/// Up to a panel of numbers as vectors; what is missing is zero.
///
/// # Safety
///
/// The processor has what `L` takes.
#[inline(always)]
unsafe fn vectors<L: Lanes, const V: usize>(numbers: &[f32]) -> [L; V] {
    let mut whole = [0.0; PANEL];
    whole[..numbers.len()].copy_from_slice(numbers);
    // SAFETY: the caller's promise, and V vectors of N are one panel.
    std::array::from_fn(|v| unsafe { L::load(whole.as_ptr().add(v * L::N)) })
}
