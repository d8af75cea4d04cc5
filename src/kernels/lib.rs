//! The CPU kernels: one fused pass per convolution of the network, over plain slices.
//!
//! Nine tenths of Xception's arithmetic is in its pointwise convolutions, which are matrix products. A
//! [`Conv`] makes the rows of the left matrix a few pixels at a time (by a depthwise convolution, from the
//! windows of a plain one, or as they are), multiplies them with [`Weights`] that were packed once, and
//! adds bias, residual and ReLU while the sums are still in registers.
//!
//! Pictures lie here as `[B, H, W, C]`: channels are contiguous, so that everything vectorises over them.
//! The room `fused` makes Burn operations of this; nothing here knows tensors, models or files.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod block;
mod conv;
mod depthwise;
#[cfg(all(target_arch = "wasm32", feature = "relaxed-simd"))]
mod dots;
#[cfg(test)]
mod exact;
mod gemm;
pub(crate) mod isa;
mod lanes;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod lanes_wasm;
#[cfg(target_arch = "x86_64")]
mod lanes_x86;
mod pack;
#[cfg(feature = "train")]
pub mod panels;
#[cfg(all(feature = "train", target_arch = "x86_64"))]
mod panels_avx512;
mod pool;
mod quantise;
mod rows;
mod threads;
mod tiles;
mod warm;
#[cfg(feature = "train")]
mod wide;

pub use conv::{Conv, Residual, conv};
#[cfg(all(target_arch = "wasm32", feature = "relaxed-simd"))]
pub use dots::set_in_words;
pub use isa::name as isa;
pub use pack::{PackedQ8, STEP, Weights, pack, pack_q8, packed_len};
pub use pool::{MaxPool, max_pool, mean};
pub use rows::Rows;
pub use threads::{set_threads, threads};
#[cfg(all(target_family = "wasm", target_feature = "atomics"))]
pub use threads::{work, work_failed};
pub use warm::warm_up;
#[cfg(feature = "train")]
pub use wide::wide;

/// Output channels per panel of packed weights.
pub const PANEL: usize = if cfg!(target_arch = "x86_64") { 16 } else { 8 };

/// Channels per panel of [`panels`].
pub const PANEL_LANES: usize = 8;

/// Taps of a 3×3 kernel.
pub const TAPS: usize = 9;

/// What stands before or after a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Nothing.
    None,
    /// ReLU.
    Relu,
}
