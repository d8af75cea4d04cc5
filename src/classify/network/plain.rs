//! Plain Burn modules.

use burn::tensor::{Device, Tensor, TensorData};

use super::{DOUBT, PrecisionRequest};
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::later::Later;
use crate::model::{Output, Planes, Xception};
use crate::weights::ModelFile;

/// The network, and where it lives.
#[derive(Debug)]
pub struct Network(Xception, Device);

impl Network {
    /// In single precision, whatever is asked for.
    pub fn new(file: &ModelFile, backend: &Backend, _: PrecisionRequest) -> Result<Self> {
        Ok(Self(file.build(&backend.device)?, backend.device.clone()))
    }

    pub fn precision(&self) -> &'static str {
        "f32"
    }

    pub fn answer(&self, output: Output, pictures: Planes) -> Later<'_, Planes> {
        Box::pin(self.numbers(output, pictures))
    }

    async fn numbers(&self, output: Output, pictures: Planes) -> Result<Planes> {
        let Self(network, device) = self;
        let pictures = Tensor::from_data(TensorData::new(pictures.values, pictures.shape), device);
        let answer = network.answer(output, pictures);
        let shape = answer.dims();
        // Synchronous reads panic on WebGPU in a browser: always the asynchronous one.
        let numbers = answer.into_data_async().await.map_err(|error| {
            Error::Backend(format!("the backend failed while running the network: {error}"))
        })?;
        let values = numbers
            .try_into_vec_as::<f32>()
            .map_err(|error| Error::Backend(format!("the backend gave back no numbers: {error:?}")))?;
        Ok(Planes { values, shape })
    }

    pub fn doubt(&self) -> &'static str {
        DOUBT
    }
}
