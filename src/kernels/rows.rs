//! The rows of the matrix product's left side: what each output pixel sees, one row of K numbers.

use super::conv::{Act, Rows, TAPS, Windows};
use super::depthwise::{Band, depthwise, side_by_side};
use super::lanes::Lanes;
use super::picture::{Picture, relu};

/// Writes the row of output pixel `[y, x]`.
///
/// # Safety
///
/// The processor has what `L` takes.
#[inline(always)]
pub(super) unsafe fn write<L: Lanes>(
    rows: &Rows<'_>,
    windows: Windows,
    picture: Picture<'_>,
    [y, x]: [usize; 2],
    row: &mut [f32],
) {
    let [h, w, c] = picture.shape;
    let Windows { stride, before, .. } = windows;
    match *rows {
        Rows::Points => {
            let from = &picture.values[(y * stride * w + x * stride) * c..][..c];
            // SAFETY: the caller's promise is this one.
            unsafe { lead::<L>(picture.lead, from, row) };
        }
        Rows::Windows => {
            let at = |tap: usize| inside([y, x], tap, stride, before, [h, w]);
            for (line, row) in row.chunks_exact_mut(3 * c).enumerate() {
                match [at(3 * line), at(3 * line + 2)] {
                    // Three pixels side by side lie side by side.
                    [Some(from), Some(_)] => {
                        // SAFETY: the caller's promise is this one.
                        unsafe { lead::<L>(picture.lead, &picture.values[from * c..][..3 * c], row) };
                    }
                    _ => {
                        for (tap, row) in row.chunks_exact_mut(c).enumerate() {
                            match at(3 * line + tap) {
                                // SAFETY: the caller's promise is this one.
                                Some(at) => unsafe {
                                    lead::<L>(picture.lead, &picture.values[at * c..][..c], row);
                                },
                                None => row.fill(0.0),
                            }
                        }
                    }
                }
            }
        }
        Rows::Depthwise { kernel, bias, between } => {
            let mut taps = [(0, 0); TAPS];
            let mut count = 0;
            for tap in 0..TAPS {
                if let Some(at) = inside([y, x], tap, stride, before, [h, w]) {
                    taps[count] = (at * c, tap * c);
                    count += 1;
                }
            }
            let (values, inside) = (picture.values, &taps[..count]);
            // SAFETY: the caller's promise is this one.
            unsafe {
                match (picture.lead, count) {
                    (Act::None, TAPS) => depthwise::<L, false>(values, kernel, bias, &taps, row),
                    (Act::Relu, TAPS) => depthwise::<L, true>(values, kernel, bias, &taps, row),
                    (Act::None, _) => depthwise::<L, false>(values, kernel, bias, inside, row),
                    (Act::Relu, _) => depthwise::<L, true>(values, kernel, bias, inside, row),
                }
            }
            if between == Act::Relu {
                row.iter_mut().for_each(|x| *x = relu(*x));
            }
        }
    }
}

/// Writes the rows of output pixels `[y, x]` to `[y, x + R - 1]`, where they are cheaper together.
///
/// # Safety
///
/// The processor has what `L` takes.
#[inline(always)]
pub(super) unsafe fn write_side_by_side<L: Lanes, const R: usize>(
    rows: &Rows<'_>,
    windows: Windows,
    picture: Picture<'_>,
    [y, x]: [usize; 2],
    to: &mut [f32],
) -> bool {
    let Rows::Depthwise { kernel, bias, between } = *rows else { return false };
    let Windows { stride: 1, before, .. } = windows else { return false };
    let [h, w, _] = picture.shape;
    // The columns that the windows see, from `x - before` on: those inside of the picture.
    let columns = before[1].saturating_sub(x)..(R + 2).min((w + before[1]).saturating_sub(x));
    let lines = [0, 1, 2].map(|line| (y + line).checked_sub(before[0]).filter(|&y| y < h));
    let band = Band { lines, first: (x + columns.start).saturating_sub(before[1]), columns };
    // SAFETY: the caller's promise is this one.
    unsafe {
        match picture.lead {
            Act::None => side_by_side::<L, R, false>(picture, kernel, bias, &band, to),
            Act::Relu => side_by_side::<L, R, true>(picture, kernel, bias, &band, to),
        }
    }
    if between == Act::Relu {
        to.iter_mut().for_each(|x| *x = relu(*x));
    }
    true
}

/// The pixel under `tap` of the window of output pixel `[y, x]`, unless it is outside.
#[inline(always)]
fn inside(
    [y, x]: [usize; 2],
    tap: usize,
    stride: usize,
    before: [usize; 2],
    [h, w]: [usize; 2],
) -> Option<usize> {
    let y = (y * stride + tap / 3).checked_sub(before[0]).filter(|&y| y < h)?;
    let x = (x * stride + tap % 3).checked_sub(before[1]).filter(|&x| x < w)?;
    Some(y * w + x)
}

/// Copies by vectors: a call to `memcpy` costs more than most of these rows.
///
/// # Safety
///
/// The processor has what `L` takes.
#[inline(always)]
unsafe fn lead<L: Lanes>(act: Act, from: &[f32], to: &mut [f32]) {
    let floor = match act {
        Act::None => f32::NEG_INFINITY,
        Act::Relu => 0.0,
    };
    // SAFETY: the caller's promise is this one.
    let floor = unsafe { L::splat(floor) };
    let (from_vectors, to_vectors) = (from.chunks_exact(L::N), to.chunks_exact_mut(L::N));
    let whole = from.len() - from_vectors.remainder().len();
    for (from, to) in from_vectors.zip(to_vectors) {
        // SAFETY: the caller's promise, and a chunk is one vector.
        unsafe { L::load(from.as_ptr()).at_least(floor).store(to.as_mut_ptr()) };
    }
    for (to, &from) in to[whole..].iter_mut().zip(&from[whole..]) {
        *to = if act == Act::Relu { relu(from) } else { from };
    }
}
