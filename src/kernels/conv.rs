//! What a fused convolution is, and what must be true of it.

use super::pack::{STEP, Weights, packed_len};

/// Taps of a 3×3 kernel.
pub const TAPS: usize = 9;

/// What stands before or after a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Numbers as they are.
    None,
    /// ReLU; NaN stays.
    Relu,
}

/// Which windows of a picture are seen, one for each output pixel; of a 1×1 convolution, single pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Distance between them in both directions.
    pub stride: usize,
    /// Rows and columns of padding before the first pixel.
    pub before: [usize; 2],
    /// H', W': how many there are. What the last ones lack of the picture is padding, too.
    pub output: [usize; 2],
}

/// How a row of the matrix product's left side is made of a window.
#[derive(Clone, Copy, Debug)]
pub enum Rows<'a> {
    /// The pixel itself: a 1×1 convolution.
    Points,
    /// A 3×3 convolution per channel: a separable convolution. Outside of the picture is zero.
    Depthwise {
        /// `[3·3, C]`.
        kernel: &'a [f32],
        /// `[C]`.
        bias: &'a [f32],
        /// What stands after it, before the matrix product.
        between: Act,
    },
    /// All numbers of a 3×3 window, `[3·3, C]`: a plain convolution. Outside of the picture is zero.
    Windows,
}

impl Rows<'_> {
    /// Numbers in a row for an input of `channels`.
    pub fn depth(&self, channels: usize) -> usize {
        match self {
            Self::Points | Self::Depthwise { .. } => channels,
            Self::Windows => TAPS * channels,
        }
    }
}

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
    pub windows: Windows,
    /// What is made of that.
    pub rows: Rows<'a>,
    /// `[C', K]`, packed.
    pub weights: Weights<'a>,
    /// `[C']`.
    pub bias: &'a [f32],
    /// What is added to the sums, if anything.
    pub residual: Option<Residual<'a>>,
    /// What stands after it, and after the residual.
    pub act: Act,
}

impl Conv<'_> {
    /// Fails loudly on shapes that do not belong together: the kernels read without asking.
    pub(super) fn check(&self) {
        let [b, h, w, c] = self.shape;
        let Windows { stride, before, output } = self.windows;
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
            assert_eq!(kernel.len(), TAPS * c, "nine taps per channel");
            assert_eq!(bias.len(), c, "one bias per channel");
        }
        if let Rows::Points = self.rows {
            assert_eq!(before, [0; 2], "no window of one pixel is padded");
            let reach = |size: usize, output: usize| output == 0 || (output - 1) * stride < size;
            assert!(reach(h, output[0]) && reach(w, output[1]), "every output pixel has an input");
        }
        let len = b * output[0] * output[1] * outputs;
        if let Some(Residual { values, scale }) = self.residual {
            assert_eq!(values.len(), len, "a residual is as large as the output");
            assert!(scale.is_none_or(|scale| scale.len() == outputs), "one factor per channel");
        }
    }
}
