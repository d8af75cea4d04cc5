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
}

impl FromStr for Accelerator {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "cpu" => Ok(Self::Cpu),
            "webgpu" => Ok(Self::Webgpu),
            // People ask for it. Building it fetches a compiler of its own from the network.
            "cuda" => Err(Error::Option(
                "there is no device \"cuda\", since building it would take a compiler of its own; choose webgpu, which \
                 also runs on NVIDIA's cards, or cpu"
                    .into(),
            )),
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
        let message = "cuda".parse::<Accelerator>().unwrap_err().to_string();
        assert!(message.contains("cpu") && message.contains("webgpu"), "{message}");
    }
}
