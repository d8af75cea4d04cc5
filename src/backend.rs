//! Which backend runs, and why: the choice is data, never a guess.

mod absent;
#[cfg(feature = "cpu")]
mod cpu;
#[cfg(feature = "ndarray")]
mod ndarray;
#[cfg(feature = "webgpu")]
mod webgpu;

#[cfg(not(feature = "cpu"))]
use absent as cpu;
#[cfg(not(feature = "ndarray"))]
use absent as ndarray;
#[cfg(not(feature = "webgpu"))]
use absent as webgpu;

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;

use crate::error::{Error, Result};

/// What can run the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendKind {
    /// burn-wgpu: WebGPU in the browser, Vulkan, Metal or DirectX 12 natively.
    Webgpu,
    /// burn-flex on the CPU.
    Cpu,
    /// burn-ndarray on the CPU, the plain portable baseline.
    Ndarray,
}

impl BackendKind {
    /// The name that callers and reports use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Webgpu => "webgpu",
            Self::Cpu => "cpu",
            Self::Ndarray => "ndarray",
        }
    }
}

impl fmt::Display for BackendKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a caller asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BackendRequest {
    /// A real GPU if there is one, else the CPU.
    #[default]
    Auto,
    /// This one; when it fails, the CPU with the reason.
    Named(BackendKind),
}

impl FromStr for BackendRequest {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Self::Auto),
            "webgpu" => Ok(Self::Named(BackendKind::Webgpu)),
            "cpu" => Ok(Self::Named(BackendKind::Cpu)),
            "ndarray" => Ok(Self::Named(BackendKind::Ndarray)),
            other => Err(Error::Option(format!(
                "there is no backend \"{other}\"; choose auto, webgpu, cpu or ndarray"
            ))),
        }
    }
}

/// A backend that is ready to run.
#[derive(Clone, Debug)]
pub struct Backend {
    /// Which of the three runs.
    pub kind: BackendKind,
    /// Why this one, in a sentence to show.
    pub reason: String,
    /// Name of the GPU, if one runs.
    pub adapter: Option<String>,
    /// Where tensors live.
    pub device: Device,
}

impl Backend {
    /// Brings up what was asked for. A GPU that cannot be used leads to the CPU with the reason.
    ///
    /// # Errors
    ///
    /// When the backend is not in this build, or none is.
    pub async fn choose(request: BackendRequest) -> Result<Self> {
        let gpu = match request {
            BackendRequest::Named(BackendKind::Webgpu) => Self::named(BackendKind::Webgpu).await,
            BackendRequest::Named(kind) => return Self::named(kind).await,
            BackendRequest::Auto => webgpu::open(Software::Refused).await,
        };
        match gpu {
            Err(Error::Backend(why)) => Self::fallback(&why),
            other => other,
        }
    }

    /// Brings up exactly this one.
    ///
    /// # Errors
    ///
    /// When it is not in this build, or there is no GPU.
    pub async fn named(kind: BackendKind) -> Result<Self> {
        match kind {
            BackendKind::Webgpu => webgpu::open(Software::Allowed).await,
            kind => on_cpu(kind, "asked for by name".into()),
        }
    }

    /// What computes on it: the instruction set that the kernels use, or the library.
    pub fn runtime(&self) -> &'static str {
        match self.kind {
            BackendKind::Webgpu => "webgpu",
            BackendKind::Ndarray => "ndarray",
            BackendKind::Cpu => cpu::runtime(),
        }
    }

    /// How many threads compute at most.
    pub fn threads(&self) -> usize {
        match self.kind {
            BackendKind::Cpu => cpu::threads(),
            _ => 1,
        }
    }

    /// Pixels and output channels that one unit of a product makes on this adapter.
    pub fn tile(&self) -> Option<[usize; 2]> {
        match self.kind {
            BackendKind::Webgpu => webgpu::tile(),
            _ => None,
        }
    }

    /// The CPU, because the GPU cannot be used.
    ///
    /// # Errors
    ///
    /// When this build holds no CPU backend, as one of ndarray alone.
    pub fn fallback(why: &str) -> Result<Self> {
        on_cpu(BackendKind::Cpu, format!("the GPU cannot be used: {why}"))
    }
}

/// Whether an adapter that is itself a CPU will do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Software {
    Allowed,
    Refused,
}

fn on_cpu(kind: BackendKind, reason: String) -> Result<Backend> {
    let device = if kind == BackendKind::Ndarray { ndarray::device() } else { cpu::device() };
    Ok(Backend { kind, reason, adapter: None, device: device.ok_or_else(|| missing(kind))? })
}

/// What to say of a backend that this build lacks.
pub(crate) fn missing(kind: BackendKind) -> Error {
    Error::Backend(format!(
        "the backend {kind} is not in this build; `cargo run --release --features {kind} …` makes one that has it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let message = "gpu".parse::<BackendRequest>().unwrap_err().to_string();
        assert_eq!(message, "there is no backend \"gpu\"; choose auto, webgpu, cpu or ndarray");
    }

    #[test]
    fn what_this_build_lacks_is_named_with_how_to_get_it() {
        let message = missing(BackendKind::Webgpu).to_string();
        assert!(message.contains("`cargo run --release --features webgpu …`"), "{message}");
    }
}
