//! The ways to compute a network, each in a file of its own; a build holds one or both.

mod absent;
#[cfg(feature = "cpu")]
pub(super) mod fused;
#[cfg(feature = "plain")]
mod plain;

#[cfg(not(feature = "cpu"))]
use absent as fused;
#[cfg(not(feature = "plain"))]
use absent as plain;

use super::PrecisionRequest;
use crate::backend::{Backend, BackendKind};
use crate::error::{Error, Result};
use crate::model::{Output, Planes};
use crate::weights::ModelFile;

/// A network ready for inference.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "one per classifier")]
pub(super) enum Network {
    /// Plain Burn modules: on the baseline. All other builds are small for want of them.
    Plain(plain::Network),
    /// The same function in fused kernels: on the CPU and on the GPU.
    Fused(fused::Network),
}

impl Network {
    /// The network of a file on this backend.
    pub fn of(file: &ModelFile, backend: &Backend, request: PrecisionRequest) -> Result<Self> {
        match backend.kind {
            BackendKind::Ndarray => plain::Network::new(file, backend, request).map(Self::Plain),
            BackendKind::Cpu | BackendKind::Webgpu => {
                fused::Network::new(file, backend, request).map(Self::Fused)
            }
        }
    }

    /// In what it computes: `f32` or `q8`.
    pub fn precision(&self) -> &'static str {
        match self {
            Self::Plain(network) => network.precision(),
            Self::Fused(network) => network.precision(),
        }
    }

    /// What is asked of pictures; an answer that is no number is an error.
    pub async fn answer(&self, output: Output, pictures: Planes) -> Result<Planes> {
        let (answer, doubt) = match self {
            Self::Plain(network) => (network.answer(output, pictures).await?, network.doubt()),
            Self::Fused(network) => (network.answer(output, pictures).await?, network.doubt()),
        };
        match answer.values.iter().find(|number| !number.is_finite()) {
            Some(bad) => Err(Error::Backend(format!("the network answered {bad}; {doubt}"))),
            None => Ok(answer),
        }
    }
}

/// What an answer that is no number may come from where the arithmetic is not our own.
const DOUBT: &str = "its weights or this backend cannot be trusted: try the backend cpu";
