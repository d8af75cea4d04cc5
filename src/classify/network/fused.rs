//! Fused kernels, on the CPU and on a GPU.

use burn::tensor::Device;

use super::{DOUBT, PrecisionRequest};
use crate::backend::{Backend, BackendKind};
use crate::error::Result;
use crate::fused::{Fused, Precision, on_gpu};
use crate::model::{Output, Planes};
use crate::weights::ModelFile;

/// The network, and in what it computes.
#[derive(Debug)]
pub struct Network {
    fused: Fused,
    precision: Precision,
}

impl Network {
    pub fn new(file: &ModelFile, backend: &Backend, request: PrecisionRequest) -> Result<Self> {
        let q8 = match request {
            PrecisionRequest::Auto => file.is_quantized(),
            PrecisionRequest::F32 => false,
            // A GPU multiplies in single precision all the same, and is held to that.
            PrecisionRequest::Q8 => file.is_quantized() || backend.kind == BackendKind::Cpu,
        };
        Self::in_precision(file, if q8 { Precision::Q8 } else { Precision::F32 }, &backend.device)
    }

    pub fn in_precision(file: &ModelFile, precision: Precision, device: &Device) -> Result<Self> {
        Fused::new(&file.config, &|id| file.read(id), precision, device)
            .map(|fused| Self::of(fused, precision))
    }

    /// A network that was packed in this precision.
    pub fn of(fused: Fused, precision: Precision) -> Self {
        Self { fused, precision }
    }

    pub fn precision(&self) -> &'static str {
        match self.precision {
            Precision::F32 => "f32",
            Precision::Q8 => "q8",
        }
    }

    pub async fn answer(&self, output: Output, pictures: Planes) -> Result<Planes> {
        self.fused.answer(output, pictures).await
    }

    pub fn doubt(&self) -> &'static str {
        if on_gpu(self.fused.device()) {
            DOUBT
        } else {
            "its weights lead to numbers beyond f32: the file is damaged or its training diverged"
        }
    }
}
