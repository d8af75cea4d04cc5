//! The optimizer.

use cubecl::prelude::*;

/// A step of AdamW.
#[cube(launch_unchecked)]
pub fn adamw(
    parameter: &Tensor<f32>,
    gradient: &Tensor<f32>,
    first: &Tensor<f32>,
    second: &Tensor<f32>,
    new_parameter: &mut Tensor<f32>,
    new_first: &mut Tensor<f32>,
    new_second: &mut Tensor<f32>,
    beta_1: f32,
    beta_2: f32,
    rate: f32,
    scale: f32,
    epsilon: f32,
    keep: f32,
) {
    let at = ABSOLUTE_POS;
    if at >= new_parameter.len() {
        terminate!();
    }
    let g = gradient[at];
    let m = beta_1 * first[at] + (1.0f32 - beta_1) * g;
    let v = beta_2 * second[at] + (1.0f32 - beta_2) * g * g;
    new_first[at] = m;
    new_second[at] = v;
    new_parameter[at] = keep * parameter[at] - rate * m / (f32::sqrt(v * scale) + epsilon);
}
