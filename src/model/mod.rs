//! The network, from the paper's figure to Burn modules. Start at [`config`]: it is the paper.
//!
//! Knows tensors, not files: checkpoints are read in `weights`, pictures in `preprocess`.
//! Shapes are written with the letters B (batch), C (channels), H (height), W (width).

pub mod block;
pub mod config;
pub mod conv_norm;
mod cost;
pub mod place;
pub mod plan;
mod planes;
mod presets;
pub mod separable;
mod window;
pub mod xception;

pub use config::{Dialect, XceptionConfig};
pub use place::{Part, Place, TensorId};
pub use plan::Plan;
pub use planes::Planes;
pub use window::Window;
pub use xception::{Output, Xception};
