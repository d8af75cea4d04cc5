//! The GPU, by Burn's wgpu.

use burn::tensor::Device;
use burn_wgpu::wgpu::DeviceType;

use super::{Backend, BackendKind, Software};
use crate::error::{Error, Result};
use crate::later::Later;

/// Brings up a GPU, once for all.
pub(super) fn open(software: Software) -> Later<'static, Backend> {
    Box::pin(opened(software))
}

async fn opened(software: Software) -> Result<Backend> {
    // A runtime can be brought up once per process: later calls share it.
    static READY: std::sync::Mutex<Option<(Device, String, bool)>> = std::sync::Mutex::new(None);
    let ready = READY.lock().ok().and_then(|ready| ready.clone());
    let (device, adapter, is_software) = match ready {
        Some(ready) => ready,
        None => {
            #[cfg(not(target_family = "wasm"))]
            if software == Software::Refused {
                refuse_software().await?;
            }
            let (device, setup) = Device::wgpu_options()
                .graphics_api(GRAPHICS_API)
                .init_with_setup_async()
                .await
                .map_err(|error| Error::Backend(error.to_string()))?;
            let info = setup.adapter.get_info();
            let ready = (device, info.name.clone(), info.device_type == DeviceType::Cpu);
            crate::fused::set_software(ready.2);
            if let Ok(mut slot) = READY.lock() {
                *slot = Some(ready.clone());
            }
            ready
        }
    };
    if is_software && software == Software::Refused {
        return Err(only_software(&adapter));
    }
    let reason = match software {
        Software::Allowed => "asked for by name",
        Software::Refused => "a GPU is there",
    };
    Ok(Backend { kind: BackendKind::Webgpu, reason: reason.into(), adapter: Some(adapter), device })
}

/// Pixels and output channels that one unit of a product makes on the adapter.
pub(super) fn tile() -> Option<[usize; 2]> {
    Some(crate::fused::tile_of_adapter())
}

/// The system's own graphics interface. Probing others, OpenGL above all, prints noise and finds no
/// adapter that this one lacks.
const GRAPHICS_API: burn_wgpu::WgpuBackend = if cfg!(target_family = "wasm") {
    burn_wgpu::WgpuBackend::Auto
} else if cfg!(target_vendor = "apple") {
    burn_wgpu::WgpuBackend::Metal
} else if cfg!(windows) {
    burn_wgpu::WgpuBackend::Dx12
} else {
    burn_wgpu::WgpuBackend::Vulkan
};

/// Fails before a software adapter is brought up: that alone would start its compiler and threads.
#[cfg(not(target_family = "wasm"))]
async fn refuse_software() -> Result<()> {
    use burn_wgpu::wgpu::{Backends, Instance, InstanceDescriptor};

    let backends = Backends::VULKAN | Backends::METAL | Backends::DX12;
    let instance =
        Instance::new(InstanceDescriptor { backends, ..InstanceDescriptor::new_without_display_handle() });
    let adapters = instance.enumerate_adapters(backends).await;
    let infos: Vec<_> = adapters.iter().map(|adapter| adapter.get_info()).collect();
    match infos.first() {
        None => Err(Error::Backend("there is no adapter".into())),
        Some(first) if infos.iter().all(|info| info.device_type == DeviceType::Cpu) => {
            Err(only_software(&first.name))
        }
        Some(_) => Ok(()),
    }
}

fn only_software(adapter: &str) -> Error {
    Error::Backend(format!("the only adapter, {adapter}, is itself a CPU"))
}
