//! Sums of parts.

use cubecl::prelude::*;

/// Adds up `span` of `count` parts of `length` numbers each.
#[cube(launch_unchecked)]
pub fn sum_parts(parts: &Tensor<f32>, sums: &mut Tensor<f32>, count: usize, length: usize, span: usize) {
    let at = ABSOLUTE_POS;
    if at >= sums.len() {
        terminate!();
    }
    let group = at / length;
    let mut sum = 0.0f32;
    let end = min(group * span + span, count);
    for part in group * span..end {
        sum += parts[part * length + at % length];
    }
    sums[at] = sum;
}
