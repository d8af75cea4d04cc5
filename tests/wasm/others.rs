//! What is not a convolution: pool, mean and packing.

use crate::Case;
use crate::naive::{self, weight_f32, weight_q8};
use crate::noise::noise;
use xception_kernels::{MaxPool, Windows, max_pool, mean, pack, pack_q8, warm_up};

/// One sum of two f32.
const POOL_TOLERANCE: f64 = 1e-7;
/// A sum of some hundred numbers.
const MEAN_TOLERANCE: f64 = 2e-6;
/// A weight lies half a step from its own, and the division by that step may round up.
const HALF_STEP: f64 = 0.5 + 1e-5;

/// Shapes as in [`MaxPool`].
#[derive(Debug)]
pub struct PoolCase {
    pub shape: [usize; 4],
    pub windows: Windows,
    /// Put into the middle of the input.
    pub poison: Option<f32>,
}

impl Case for PoolCase {
    fn name(&self) -> String {
        format!("max pool{}: {self:?}", if self.poison.is_some() { " not finite" } else { "" })
    }

    fn tolerance(&self) -> f64 {
        POOL_TOLERANCE
    }

    fn difference(&self) -> f64 {
        let Self { shape, windows, poison } = *self;
        let output = windows.output;
        let mut input = noise(shape.iter().product(), 1);
        let middle = input.len() / 2;
        input[middle] = poison.unwrap_or(input[middle]);
        let bridge = noise(shape[0] * output[0] * output[1] * shape[3], 2);
        let pool = MaxPool { input: &input, shape, windows, bridge: &bridge };
        naive::difference(&max_pool(&pool), &naive::max_pool(&pool))
    }
}

/// `[B, H, W, C]`.
#[derive(Debug)]
pub struct MeanCase {
    pub shape: [usize; 4],
    /// Put into the middle of the input.
    pub poison: Option<f32>,
}

impl Case for MeanCase {
    fn name(&self) -> String {
        format!("mean{}: {self:?}", if self.poison.is_some() { " not finite" } else { "" })
    }

    fn tolerance(&self) -> f64 {
        MEAN_TOLERANCE
    }

    fn difference(&self) -> f64 {
        let mut input = noise(self.shape.iter().product(), 1);
        let middle = input.len() / 2;
        input[middle] = self.poison.unwrap_or(input[middle]);
        naive::difference(&mean(&input, self.shape), &naive::mean(&input, self.shape))
    }
}

/// `[outputs, depth]`, looked up where it should lie.
#[derive(Debug)]
pub struct PackCase {
    pub q8: bool,
    pub outputs: usize,
    pub depth: usize,
}

impl Case for PackCase {
    fn name(&self) -> String {
        format!("packing: {self:?}")
    }

    fn tolerance(&self) -> f64 {
        if self.q8 { HALF_STEP } else { 0.0 }
    }

    /// In int8, in steps.
    fn difference(&self) -> f64 {
        let Self { q8, outputs, depth } = *self;
        let kernel = noise(outputs * depth, 1);
        if !q8 {
            let packed = pack(&kernel, outputs, depth);
            let weight = |at: usize| weight_f32(&packed, depth, at / depth, at % depth);
            let found: Vec<f32> = (0..outputs * depth).map(weight).collect();
            let expected: Vec<f64> = kernel.iter().map(|&x| x.into()).collect();
            return naive::difference(&found, &expected);
        }
        let packed = pack_q8(&kernel, outputs, depth);
        let steps = kernel.iter().enumerate().map(|(at, &x)| {
            let (output, k) = (at / depth, at % depth);
            let exact = f64::from(x) / f64::from(packed.scales[output]);
            (exact - weight_q8(&packed.values, depth, output, k) as f64).abs()
        });
        steps.fold(0.0, f64::max)
    }
}

/// What the page does first: it must only not fail.
pub struct WarmUp;

impl Case for WarmUp {
    fn name(&self) -> String {
        "warm-up: without failing".into()
    }

    fn tolerance(&self) -> f64 {
        0.0
    }

    fn difference(&self) -> f64 {
        warm_up();
        0.0
    }
}
