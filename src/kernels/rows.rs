//! The rows of the matrix product's left side: what each output pixel sees, one row of K numbers.

use super::depthwise::{Windows, depthwise, side_by_side};
use super::lanes::Lanes;
use super::{Act, TAPS};

/// How a row is made from the input.
#[derive(Clone, Copy, Debug)]
pub enum Rows<'a> {
    /// The pixel itself: a 1×1 convolution.
    Points {
        /// Distance between pixels in both directions.
        stride: usize,
    },
    /// A 3×3 convolution per channel: a separable convolution. Outside of the picture is zero.
    Depthwise {
        /// `[3·3, C]`.
        kernel: &'a [f32],
        /// `[C]`.
        bias: &'a [f32],
        /// Distance between windows in both directions.
        stride: usize,
        /// Rows and columns of zeros before the first pixel.
        before: [usize; 2],
        /// What stands after it, before the matrix product.
        between: Act,
    },
    /// All numbers of a 3×3 window, `[3·3, C]`: a plain convolution. Outside of the picture is zero.
    Windows {
        /// Distance between windows in both directions.
        stride: usize,
        /// Rows and columns of zeros before the first pixel.
        before: [usize; 2],
    },
}

impl Rows<'_> {
    /// Numbers in a row for an input of `channels`.
    pub fn depth(&self, channels: usize) -> usize {
        match self {
            Self::Points { .. } | Self::Depthwise { .. } => channels,
            Self::Windows { .. } => TAPS * channels,
        }
    }
}

/// One picture of the batch and what is done to it before the row is made.
#[derive(Clone, Copy)]
pub(super) struct Picture<'a> {
    /// `[H, W, C]`.
    pub values: &'a [f32],
    pub shape: [usize; 3],
    pub lead: Act,
}

/// Writes the row of output pixel `[y, x]`.
///
/// # Safety
///
/// The processor has what `L` takes.
#[inline(always)]
pub(super) unsafe fn write<L: Lanes>(
    rows: &Rows<'_>,
    picture: Picture<'_>,
    [y, x]: [usize; 2],
    row: &mut [f32],
) {
    let [h, w, c] = picture.shape;
    match *rows {
        Rows::Points { stride } => {
            let from = &picture.values[(y * stride * w + x * stride) * c..][..c];
            // SAFETY: the caller's promise is this one.
            unsafe { lead::<L>(picture.lead, from, row) };
        }
        Rows::Windows { stride, before } => {
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
        Rows::Depthwise { kernel, bias, stride, before, between } => {
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
    picture: Picture<'_>,
    [y, x]: [usize; 2],
    to: &mut [f32],
) -> bool {
    let Rows::Depthwise { kernel, bias, stride: 1, before, between } = *rows else { return false };
    let [h, w, _] = picture.shape;
    // The columns that the windows see, from `x - before` on: those inside of the picture.
    let columns = before[1].saturating_sub(x)..(R + 2).min((w + before[1]).saturating_sub(x));
    let lines = [0, 1, 2].map(|line| (y + line).checked_sub(before[0]).filter(|&y| y < h));
    let windows = Windows { lines, first: (x + columns.start).saturating_sub(before[1]), columns };
    // SAFETY: the caller's promise is this one.
    unsafe {
        match picture.lead {
            Act::None => side_by_side::<L, R, false>(picture, kernel, bias, &windows, to),
            Act::Relu => side_by_side::<L, R, true>(picture, kernel, bias, &windows, to),
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

/// NaN stays.
#[inline(always)]
pub(super) fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}
