//! Where a run computes.

use std::str::FromStr;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use xception_web::backend::{Backend, BackendKind};
use xception_web::error::{Error, Result};

/// What `--device` names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Accelerator {
    /// Burn's Flex with this crate's own training operations.
    #[default]
    Cpu,
    /// Burn's wgpu: Vulkan, Metal or DirectX 12.
    Webgpu,
    /// Burn's CUDA, which is known by name only: building it fetches a compiler of its own from the network.
    Cuda,
}

impl FromStr for Accelerator {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "cpu" => Ok(Self::Cpu),
            "webgpu" => Ok(Self::Webgpu),
            "cuda" => Ok(Self::Cuda),
            other => Err(Error::Option(format!("there is no device {other:?}; choose cpu or webgpu"))),
        }
    }
}

impl Accelerator {
    /// The device, ready for gradients.
    ///
    /// # Errors
    ///
    /// When it is not in this build, or not in this machine.
    pub fn open(self) -> Result<Device> {
        match self {
            Self::Cpu => Ok(Device::flex().autodiff()),
            Self::Webgpu => {
                let backend = pollster::block_on(Backend::named(BackendKind::Webgpu))?;
                Ok(backend.device.autodiff())
            }
            Self::Cuda => Err(Error::Backend(
                "cuda is not in this binary, since building it would take a compiler of its own; use --device \
                 cpu, or webgpu, which also runs on NVIDIA's cards"
                    .into(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_device_lists_the_known_ones() {
        let message = "tpu".parse::<Accelerator>().unwrap_err().to_string();
        assert_eq!(message, "there is no device \"tpu\"; choose cpu or webgpu");
    }

    #[test]
    fn cuda_is_refused_with_what_to_use() {
        let message = Accelerator::Cuda.open().unwrap_err().to_string();
        assert!(message.contains("cpu") && message.contains("webgpu"), "{message}");
    }
}
