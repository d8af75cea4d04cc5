//! A convolution with made-up numbers.

use crate::Case;
use crate::naive;
use crate::noise::noise;
use xception_kernels::{Act, Conv, Residual, Rows, Weights, Windows, conv, pack, pack_q8};

/// Sums of up to a few hundred products in another order, or rounded once instead of twice, relative to the
/// largest result; more when they cancel. In int8 the loops round to the same whole numbers, whose sums are exact.
const TOLERANCE: f64 = 1e-5;
/// But a depthwise sum that is rounded once instead of twice may fall into the next of 127 steps, and of a few
/// summands one counts for much.
const Q8_NEXT_STEP: f64 = 2e-2;

/// How rows are made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// 1×1.
    Points,
    /// A plain 3×3 convolution.
    Windows,
    /// A depthwise 3×3 one, before 1×1.
    Depthwise,
}

/// What the numbers are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fill {
    /// Noise, but for this number at a place.
    Noise(Option<(Place, f32)>),
    /// All pixels the same: int8 steps of size zero.
    Flat,
    /// Pixels at the ends of their range, weights as large as they get, with these signs in turn: the int8
    /// products that come closest to an overflow.
    Extreme([i8; 4]),
}

/// Where a number that is not finite is put.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// The first channel of the first pixel.
    First,
    /// The last channel of the last pixel.
    Last,
    /// In the middle of the kernel.
    Kernel,
    /// In the middle of the depthwise kernel.
    Depthwise,
    /// The last channel's.
    Bias,
    /// The first number.
    Residual,
}

/// All of a case; shapes as in [`Conv`].
#[derive(Clone, Copy, Debug)]
pub struct ConvCase {
    pub kind: Kind,
    pub q8: bool,
    pub shape: [usize; 4],
    pub outputs: usize,
    pub windows: Windows,
    /// Before the rows, between depthwise and product, at the end.
    pub acts: [Act; 3],
    /// None, a sum, or a sum with factors.
    pub residual: Option<bool>,
    pub fill: Fill,
}

impl ConvCase {
    /// Noise, or the number that is to show, at its place.
    fn numbers(&self, place: &[(Place, usize)], len: usize, seed: u32) -> Vec<f32> {
        let mut numbers = noise(len, seed);
        if let Fill::Noise(Some((at, number))) = self.fill {
            place.iter().filter(|place| place.0 == at).for_each(|place| numbers[place.1] = number);
        }
        numbers
    }
}

impl Case for ConvCase {
    fn name(&self) -> String {
        let format = if self.q8 { "int8" } else { "f32" };
        let what = match self.fill {
            Fill::Noise(None) => "",
            Fill::Noise(_) => " not finite",
            Fill::Flat => " flat",
            Fill::Extreme(_) => " extreme",
        };
        format!("{format} {:?}{what}: {self:?}", self.kind)
    }

    fn tolerance(&self) -> f64 {
        match (self.q8, self.kind) {
            (true, Kind::Depthwise) if cfg!(feature = "relaxed-simd") => Q8_NEXT_STEP,
            _ => TOLERANCE,
        }
    }

    fn difference(&self) -> f64 {
        let Self { shape, outputs, windows, .. } = *self;
        let output = windows.output;
        let [b, h, w, c] = shape;
        let depth = if self.kind == Kind::Windows { 9 * c } else { c };
        let len = b * h * w * c;
        let mut input = self.numbers(&[(Place::First, 0), (Place::Last, len - 1)], len, 1);
        let mut kernel = self.numbers(&[(Place::Kernel, outputs * depth / 2)], outputs * depth, 2);
        match self.fill {
            Fill::Noise(_) => {}
            Fill::Flat => input.fill(0.75),
            Fill::Extreme(signs) => {
                input.iter_mut().for_each(|x| *x = if *x < -0.8 { 0.0 } else { 1.0 });
                kernel.iter_mut().enumerate().for_each(|(k, x)| *x = signs[k % depth % 4].into());
            }
        }
        let taps = self.numbers(&[(Place::Depthwise, 9 * c / 2)], 9 * c, 3);
        let taps_bias = noise(c, 4);
        let bias = self.numbers(&[(Place::Bias, outputs - 1)], outputs, 5);
        let values = self.numbers(&[(Place::Residual, 0)], b * output[0] * output[1] * outputs, 6);
        let factors = noise(outputs, 7);
        let rows = match self.kind {
            Kind::Points => Rows::Points,
            Kind::Windows => Rows::Windows,
            Kind::Depthwise => Rows::Depthwise { kernel: &taps, bias: &taps_bias, between: self.acts[1] },
        };
        let (packed, packed_q8) = (pack(&kernel, outputs, depth), pack_q8(&kernel, outputs, depth));
        let q8 = Weights::Q8 { values: &packed_q8.values, scales: &packed_q8.scales, sums: &packed_q8.sums };
        let residual = |scaled: bool| Residual { values: &values, scale: scaled.then_some(&factors) };
        let case = Conv {
            input: &input,
            shape,
            lead: self.acts[0],
            windows,
            rows,
            weights: if self.q8 { q8 } else { Weights::F32(&packed) },
            bias: &bias,
            residual: self.residual.map(residual),
            act: self.acts[2],
        };
        let expected = naive::conv(&case, &kernel);
        // Both ways to multiply bytes, of which this processor would choose one.
        #[cfg(feature = "relaxed-simd")]
        if self.q8 {
            let by = |words: bool| {
                xception_kernels::set_in_words(words);
                naive::difference(&conv(&case), &expected)
            };
            return by(false).max(by(true));
        }
        naive::difference(&conv(&case), &expected)
    }
}
