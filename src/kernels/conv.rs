//! A fused convolution: what it is, and how its output is shared out.

use super::pack::{STEP, Weights, packed_len};
use super::rows::Rows;
use super::threads::parallel;
use super::{Act, isa};

/// Pixels per block: their rows stay in the second-level cache while all weights pass by.
const BLOCK: usize = 48;
/// The smallest block: whole tiles of every instruction set, 4 and 6 pixels on x86-64, 2 and 4 elsewhere, and
/// enough of them to be worth reading all weights.
const GRAIN: usize = if cfg!(target_arch = "x86_64") { 12 } else { 8 };

/// What is added to the result before the last activation.
#[derive(Clone, Copy, Debug)]
pub struct Residual<'a> {
    /// `[B, H', W', C']`.
    pub values: &'a [f32],
    /// A factor per channel.
    pub scale: Option<&'a [f32]>,
}

/// All that a convolution is.
#[derive(Clone, Copy, Debug)]
pub struct Conv<'a> {
    /// `[B, H, W, C]`.
    pub input: &'a [f32],
    /// B, H, W, C.
    pub shape: [usize; 4],
    /// What stands before it.
    pub lead: Act,
    /// What each output pixel sees.
    pub rows: Rows<'a>,
    /// H', W'.
    pub output: [usize; 2],
    /// `[C', K]`, packed.
    pub weights: Weights<'a>,
    /// `[C']`.
    pub bias: &'a [f32],
    /// What is added.
    pub residual: Option<Residual<'a>>,
    /// What stands after it, and after the residual.
    pub act: Act,
}

impl Conv<'_> {
    /// Fails loudly on shapes that do not belong together: the kernels below read without asking.
    fn check(&self) {
        let [b, h, w, c] = self.shape;
        let (depth, outputs) = (self.rows.depth(c), self.bias.len());
        assert_eq!(self.input.len(), b * h * w * c, "the input's numbers are B·H·W·C");
        match self.weights {
            Weights::F32(values) => assert_eq!(values.len(), packed_len(outputs, depth), "packed weights"),
            Weights::Q8 { values, scales, sums } => {
                assert_eq!(values.len(), packed_len(outputs, depth.next_multiple_of(STEP)), "packed weights");
                assert_eq!([scales.len(), sums.len()], [outputs; 2], "one number per output channel");
            }
        }
        if let Rows::Depthwise { kernel, bias, .. } = self.rows {
            assert_eq!(kernel.len(), super::TAPS * c, "nine taps per channel");
            assert_eq!(bias.len(), c, "one bias per channel");
        }
        if let Rows::Points { stride } = self.rows {
            let reach = |size: usize, output: usize| output == 0 || (output - 1) * stride < size;
            assert!(reach(h, self.output[0]) && reach(w, self.output[1]), "every output pixel has an input");
        }
        let len = b * self.output[0] * self.output[1] * outputs;
        if let Some(Residual { values, scale }) = self.residual {
            assert_eq!(values.len(), len, "a residual is as large as the output");
            assert!(scale.is_none_or(|scale| scale.len() == outputs), "one factor per channel");
        }
    }
}

/// Runs it; the result is `[B, H', W', C']`.
pub fn conv(conv: &Conv<'_>) -> Vec<f32> {
    conv.check();
    let pixels = conv.shape[0] * conv.output[0] * conv.output[1];
    let outputs = conv.bias.len();
    // SAFETY: a block writes all outputs of its pixels.
    unsafe {
        parallel(pixels, outputs, GRAIN..BLOCK, |first, result: &mut [_]| isa::block(conv, first, result))
    }
}
