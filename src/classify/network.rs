//! The ways to compute a network, of which a build holds one or both.

use burn::tensor::Device;
#[cfg(feature = "plain")]
use burn::tensor::{Tensor, TensorData};

use super::PrecisionRequest;
use crate::backend::{Backend, BackendKind, missing};
use crate::error::{Error, Result};
#[cfg(feature = "cpu")]
use crate::fused::{Fused, Precision, on_gpu};
use crate::model::Output;
#[cfg(feature = "plain")]
use crate::model::Xception;
use crate::weights::ModelFile;

/// A network ready for inference.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "one per classifier")]
pub(super) enum Network {
    /// Plain Burn modules: on the baseline. All other builds are small for want of them.
    #[cfg(feature = "plain")]
    Plain(Xception),
    /// The same function in fused kernels: on the CPU and on the GPU.
    #[cfg(feature = "cpu")]
    Fused(Fused),
}

impl Network {
    /// The network of a file on this backend, and the name of the precision in which it computes.
    #[cfg_attr(not(feature = "cpu"), allow(unused_variables, reason = "only fused kernels have several"))]
    pub fn of(
        file: &ModelFile,
        backend: &Backend,
        request: PrecisionRequest,
    ) -> Result<(Self, &'static str)> {
        match backend.kind {
            #[cfg(feature = "ndarray")]
            BackendKind::Ndarray => Ok((Self::plain(file, &backend.device)?, "f32")),
            #[cfg(feature = "cpu")]
            BackendKind::Cpu | BackendKind::Webgpu => {
                let q8 = match request {
                    PrecisionRequest::Auto => file.is_quantized(),
                    PrecisionRequest::F32 => false,
                    // A GPU multiplies in single precision all the same, and is held to that.
                    PrecisionRequest::Q8 => file.is_quantized() || backend.kind == BackendKind::Cpu,
                };
                let (precision, name) = if q8 { (Precision::Q8, "q8") } else { (Precision::F32, "f32") };
                Ok((Self::fused(file, precision, &backend.device)?, name))
            }
            #[allow(unreachable_patterns, reason = "a build may hold every backend")]
            other => Err(missing(other)),
        }
    }

    #[cfg(feature = "cpu")]
    pub fn fused(file: &ModelFile, precision: Precision, device: &Device) -> Result<Self> {
        Fused::new(&file.config, &|id| file.read(id), precision, device).map(Self::Fused)
    }

    #[cfg(feature = "plain")]
    fn plain(file: &ModelFile, device: &Device) -> Result<Self> {
        file.build(device).map(Self::Plain)
    }

    /// What an answer that is no number may come from.
    #[cfg_attr(not(feature = "cpu"), allow(unused_variables, reason = "only fused kernels run on several"))]
    fn doubt(&self, device: &Device) -> &'static str {
        match self {
            #[cfg(feature = "cpu")]
            Self::Fused(_) if !on_gpu(device) => {
                "its weights lead to numbers beyond f32: the file is damaged or its training diverged"
            }
            #[allow(unreachable_patterns, reason = "a build may have no other")]
            _ => "its weights or this backend cannot be trusted: try the backend cpu",
        }
    }

    /// What is asked of pictures of this shape, with its own; an answer that is no number is an error.
    pub async fn answer(
        &self,
        output: Output,
        pictures: Vec<f32>,
        shape: [usize; 4],
        device: &Device,
    ) -> Result<(Vec<f32>, [usize; 4])> {
        let (numbers, shape) = match self {
            #[cfg(feature = "plain")]
            Self::Plain(network) => {
                let pictures = Tensor::from_data(TensorData::new(pictures, shape), device);
                let answer = network.answer(output, pictures);
                let shape = answer.dims();
                // Synchronous reads panic on WebGPU in a browser: always the asynchronous one.
                let numbers = answer.into_data_async().await.map_err(|error| {
                    Error::Backend(format!("the backend failed while running the network: {error}"))
                })?;
                let numbers = numbers.try_into_vec_as::<f32>().map_err(|error| {
                    Error::Backend(format!("the backend gave back no numbers: {error:?}"))
                })?;
                (numbers, shape)
            }
            #[cfg(feature = "cpu")]
            Self::Fused(network) => network.answer(output, pictures, shape, device).await?,
        };
        match numbers.iter().find(|number| !number.is_finite()) {
            Some(bad) => Err(Error::Backend(format!("the network answered {bad}; {}", self.doubt(device)))),
            None => Ok((numbers, shape)),
        }
    }
}
