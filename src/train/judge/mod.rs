//! What a model is worth, by pictures that it never learned from: inference alone.

pub mod compare;
pub mod confidence;
pub mod drawings;
pub mod own;
pub mod sheet;
mod tally;
