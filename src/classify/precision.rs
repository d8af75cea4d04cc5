//! In what a network is computed, where the backend leaves a choice.

use std::str::FromStr;

use crate::error::{Error, Result};

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PrecisionRequest {
    /// As the file keeps its weights: no answer changes unasked.
    #[default]
    Auto,
    /// Single precision.
    F32,
    /// Int8, into which the weights are brought where the file keeps them otherwise. Only the CPU's fused kernels
    /// multiply it; every other backend goes on in single precision.
    Q8,
}

impl FromStr for PrecisionRequest {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Self::Auto),
            "f32" => Ok(Self::F32),
            "q8" => Ok(Self::Q8),
            _ => Err(Error::Option(format!("there is no precision \"{name}\"; choose auto, f32 or q8"))),
        }
    }
}
