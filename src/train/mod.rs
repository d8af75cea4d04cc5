//! The trainer: drawings of things from icon sets, a seeded stream of augmented pictures, and the
//! loop that fits the network to them. Native only.

pub mod augment;
pub mod background;
pub mod canvas;
pub mod classes;
pub mod dataset;
pub mod forward;
pub mod icons;
pub mod ops;
pub mod random;
pub mod render;
pub mod style;
