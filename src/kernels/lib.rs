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
mod picture;
mod pool;
mod quantise;
mod rows;
mod run;
mod threads;
mod tiles;
mod warm;
#[cfg(feature = "train")]
mod wide;

pub use conv::{Act, Conv, Residual, Rows, TAPS, Windows};
#[cfg(all(target_arch = "wasm32", feature = "relaxed-simd"))]
pub use dots::set_in_words;
pub use isa::name as isa;
pub use pack::{PANEL, PackedQ8, STEP, Weights, pack, pack_q8, packed_len};
#[cfg(feature = "train")]
pub use panels::PANEL_LANES;
pub use pool::{MaxPool, max_pool, mean};
pub use run::conv;
pub use threads::{set_threads, threads};
#[cfg(all(target_family = "wasm", target_feature = "atomics"))]
pub use threads::{work, work_failed};
pub use warm::warm_up;
#[cfg(feature = "train")]
pub use wide::wide;
