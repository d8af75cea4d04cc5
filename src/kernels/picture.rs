//! A picture as the convolutions see it.

use super::conv::Act;

/// One picture of the batch and what is done to it before the row is made.
#[derive(Clone, Copy)]
pub(super) struct Picture<'a> {
    /// `[H, W, C]`.
    pub values: &'a [f32],
    pub shape: [usize; 3],
    pub lead: Act,
}

/// NaN stays.
#[inline(always)]
pub(super) fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}
