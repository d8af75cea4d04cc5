//! The network for inference: the same layers, each one fused operation.
//!
//! [`Fused`] is packed tensor by tensor and computes the function of [`crate::model::Xception`], which is never
//! built for it. Its operations are a Burn backend extension ([`ops`]): burn-flex runs them by
//! [`crate::kernels`], a GPU by kernels of its own (`cube`), and every other backend by plain tensor
//! operations (`reference`), which is also what the kernels are tested against.

#[cfg(feature = "webgpu")]
mod cube;
pub(crate) mod dense;
mod input;
mod layers;
mod network;
pub mod ops;
mod packer;
mod reference;

#[cfg(feature = "webgpu")]
pub use cube::{TILES, Tile, set_software, set_tile, tile_of_adapter};
pub use layers::Precision;
pub(crate) use layers::on_gpu;
pub use network::Fused;
