//! Burn operations of the fused network.
//!
//! Tensors keep Burn's shape `[B, C, H, W]`. On Flex and on a GPU they lie in memory as `[B, H, W, C]`, which a
//! permutation of strides tells; operations of Burn's own between these would still be right, only slower.

#![allow(
    deprecated,
    reason = "burn-ndarray is deprecated but still shipped: the plain baseline, which runs the default bodies"
)]

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};

pub use super::input::{ConvInput, Geometry, ResidualInput, RowsInput, WeightsInput};
use super::reference;

/// The operations. The default bodies are the plain reference.
#[backend_extension(Flex, Cube: cfg(feature = "webgpu"), NdArray: cfg(feature = "ndarray"))]
pub trait FusedOps: Backend {
    /// `[B, C, H, W]` to `[B, C', H', W']`.
    fn fused_conv(#[extension_type] input: ConvInput<Self>) -> FloatTensor<Self> {
        reference::conv::<Self>(input)
    }

    /// The same, with the 3×3 max-pool with stride 2 of `pooled` `[B, C', H, W]` added: the end of a block that halves
    /// the picture.
    fn conv_pool(
        #[extension_type] input: ConvInput<Self>,
        pooled: FloatTensor<Self>,
        before: [usize; 2],
    ) -> FloatTensor<Self> {
        Self::pool_sum(pooled, Self::fused_conv(input), before)
    }

    /// 3×3 max-pool with stride 2, `before` rows and columns of padding ahead, plus `bridge`
    /// `[B, C, H', W']`.
    fn pool_sum(x: FloatTensor<Self>, bridge: FloatTensor<Self>, before: [usize; 2]) -> FloatTensor<Self> {
        reference::pool_sum::<Self>(x, bridge, before)
    }

    /// The mean over pixels: `[B, C, H, W]` to `[B, C, 1, 1]`.
    fn mean_pixels(x: FloatTensor<Self>) -> FloatTensor<Self> {
        reference::mean_pixels::<Self>(x)
    }
}

#[cfg(feature = "ndarray")]
impl FusedOps for burn::backend::NdArray {}
