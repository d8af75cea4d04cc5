//! What the operations of the fused network are given.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, ExtensionType};

use crate::kernels::Act;
use crate::model::Window;

/// What a convolution is besides its tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// What each output pixel sees, and how far from the next.
    pub window: Window,
    /// What stands before it.
    pub lead: Act,
    /// What stands after it, and after the residual.
    pub act: Act,
}

/// How a row of the product is made of what an output pixel sees; see [`crate::kernels::Rows`].
#[derive(Clone, Debug, ExtensionType)]
pub enum RowsInput<B: Backend> {
    /// The pixel: a 1×1 convolution.
    Points,
    /// Its 3×3 window, all channels: a plain convolution with kernels `[C', 3·3·C]`.
    Windows,
    /// Its 3×3 window, channel by channel: a separable convolution.
    Depthwise {
        /// `[3·3, C]`.
        kernel: FloatTensor<B>,
        /// `[C]`.
        bias: FloatTensor<B>,
        /// What stands between depthwise and pointwise.
        between: Act,
    },
}

/// A packed kernel; see [`crate::kernels::Weights`].
#[derive(Clone, Debug, ExtensionType)]
pub enum WeightsInput<B: Backend> {
    /// `[panels · K · PANEL]`.
    F32 {
        /// The panels.
        values: FloatTensor<B>,
    },
    /// The same in int8.
    Q8 {
        /// The panels; on a GPU, in words of four.
        values: IntTensor<B>,
        /// `[C']`: what a step is worth.
        scales: FloatTensor<B>,
        /// `[C']`: the sums of the weights.
        sums: FloatTensor<B>,
    },
}

/// What a convolution adds to its sums.
#[derive(Clone, Debug, ExtensionType)]
pub enum ResidualInput<B: Backend> {
    /// The sums alone.
    None,
    /// These numbers.
    Sum {
        /// `[B, C', H', W']`.
        values: FloatTensor<B>,
    },
    /// The same, scaled per channel.
    Scaled {
        /// `[B, C', H', W']`.
        values: FloatTensor<B>,
        /// `[C']`.
        scale: FloatTensor<B>,
    },
}

/// A convolution with all that is done in the same pass.
#[derive(Clone, Debug, ExtensionType)]
pub struct ConvInput<B: Backend> {
    /// `[B, C, H, W]`.
    pub x: FloatTensor<B>,
    /// What of that the product multiplies.
    #[extension_type]
    pub rows: RowsInput<B>,
    /// Packed `[C', K]`.
    #[extension_type]
    pub weights: WeightsInput<B>,
    /// `[C']`.
    pub bias: FloatTensor<B>,
    /// What is added to the sums, before the last activation.
    #[extension_type]
    pub residual: ResidualInput<B>,
    /// Window and activations.
    pub geometry: Geometry,
}
