//! The kernels. All numbers are f32; pictures are `[B, H, W, C]`, so that neighbouring units read neighbouring channels.
//!
//! Sums over pixels are taken in parts by many units, `[S, …]`, which [`sum::sum_parts`] then adds up: each in a fixed
//! order, so that a step is the same every time.

#![allow(
    clippy::collapsible_if,
    reason = "whether a constant holds is decided when a kernel is compiled, apart from the rest"
)]
#![allow(clippy::manual_div_ceil, reason = "kernels have no such method")]

pub mod adamw;
pub mod depthwise;
pub mod norm;
pub mod pool;
pub mod product;
pub mod sum;
pub mod windows;

pub use xception_kernels::TAPS;
