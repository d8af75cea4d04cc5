//! The network for inference on the CPU: the same layers, each one fused operation.
//!
//! [`Fused`] is packed tensor by tensor and computes the function of [`crate::model::Xception`], which is never
//! built for it. Its operations are a Burn backend extension ([`ops`]): burn-flex runs them by
//! [`crate::kernels`], and every other backend by plain tensor operations ([`reference`](mod@reference)), which
//! is also what the kernels are tested against.

pub(crate) mod dense;
mod network;
pub mod ops;
mod packer;
mod reference;

pub use network::{Fused, Precision};
