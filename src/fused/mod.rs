//! The network for inference: the same layers, each one fused operation.
//!
//! [`Fused`] is packed tensor by tensor and computes the function of [`crate::model::Xception`], which is never
//! built for it. Its operations are a Burn backend extension ([`ops`]): burn-flex runs them by
//! [`crate::kernels`] (`flex`), a GPU by kernels of its own (`cube`), and every other backend by plain tensor
//! operations (`reference`), which is also what the kernels are tested against.

#[cfg(feature = "webgpu")]
mod cube;
pub(crate) mod dense;
mod flex;
mod input;
mod layers;
mod network;
#[cfg(not(feature = "webgpu"))]
mod no_gpu;
pub mod ops;
mod packer;
mod reference;

#[cfg(feature = "webgpu")]
pub use cube::{TILES, Tile, set_software, set_tile, tile_of_adapter};
pub use layers::Precision;
pub use network::Fused;

#[cfg(feature = "webgpu")]
use cube as gpu;
#[cfg(not(feature = "webgpu"))]
use no_gpu as gpu;

pub(crate) use gpu::on_gpu;
