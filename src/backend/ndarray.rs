//! burn-ndarray, the plain portable baseline.

use burn::tensor::Device;

pub(super) fn device() -> Option<Device> {
    // Deprecated since 0.22, but still shipped, and what users may ask for.
    #[allow(deprecated)]
    Some(Device::ndarray())
}
