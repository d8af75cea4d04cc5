//! Numbers out of a GPU's memory.

use burn::backend::DispatchDevice;
use burn::tensor::{Device, Tensor};

use crate::error::{Error, Result};

/// Whether tensors of `device` lie in a GPU's memory.
pub(crate) fn on_gpu(device: &Device) -> bool {
    matches!(device.as_dispatch(), DispatchDevice::Cube(_))
}

/// `[B, C, H, W]` in that order. Synchronous reads panic on WebGPU in a browser.
pub(in crate::fused) async fn numbers(x: Tensor<4>) -> Result<Vec<f32>> {
    let [b, c, h, w] = x.dims();
    let rows = as_they_lie(x).await?;
    let places = h * w;
    if places == 1 {
        return Ok(rows);
    }
    let at = |place: usize| (place / (c * places) * places + place % places) * c + place / places % c;
    Ok((0..b * c * places).map(|place| rows[at(place)]).collect())
}

/// `[B, H, W, C]`: in any other order, even of sides of one, they would be copied first.
async fn as_they_lie(x: Tensor<4>) -> Result<Vec<f32>> {
    let data =
        x.permute([0, 2, 3, 1]).into_data_async().await.map_err(|error| {
            Error::Backend(format!("the backend failed while running the network: {error}"))
        })?;
    data.try_into_vec_as::<f32>()
        .map_err(|error| Error::Backend(format!("the backend gave back no logits: {error:?}")))
}
