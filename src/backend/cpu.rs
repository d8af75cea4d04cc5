//! The CPU, by burn-flex and our fused kernels.

use burn::tensor::Device;

use crate::kernels;

pub(super) fn device() -> Option<Device> {
    Some(Device::flex())
}

/// The instruction set that the kernels use.
pub(super) fn runtime() -> &'static str {
    kernels::isa()
}

pub(super) fn threads() -> usize {
    kernels::threads()
}
