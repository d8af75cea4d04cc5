//! The project's own format as it is written: safetensors with one JSON document of metadata.

use std::collections::HashMap;

use half::f16;
use safetensors::tensor::{Dtype as StoredDtype, TensorView};
use sha2::{Digest as _, Sha256};

use super::digest::hex;
use super::metadata::{About, Dtype, KEY, Metadata, VERSION};
use super::quantize::{self, SCALE};
use super::safetensors::{MAX_HEADER, read_header};
use super::strict::Named;
use crate::calibration::Calibration;
use crate::error::{Error, Result};
use crate::labels::Labels;
use crate::model::XceptionConfig;
use crate::preprocess::Preprocess;

/// The bytes of these values in half precision.
fn halves(name: &str, values: &[f32]) -> Result<Vec<u8>> {
    match values.iter().find(|&&value| !f16::from_f32(value).is_finite()) {
        Some(value) => Err(Error::Weights(format!(
            "the tensor {name} holds {value}, which is beyond the largest number of f16 ({}); keep the model in f32",
            f16::MAX
        ))),
        None => Ok(values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect()),
    }
}

/// A tensor as it is stored, or a part of one.
pub(super) struct Encoded {
    pub name: String,
    pub dtype: StoredDtype,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

/// The own format: each tensor by its [`TensorId`](crate::model::TensorId) as text, and one JSON document of metadata.
pub(super) fn write(
    tensors: impl Iterator<Item = Result<Named>>,
    config: &XceptionConfig,
    preprocess: &Preprocess,
    labels: &Labels,
    about: &About,
    calibration: &Calibration,
    dtype: Dtype,
) -> Result<Vec<u8>> {
    let mut encoded = Vec::new();
    for tensor in tensors {
        encoded.extend(encode(tensor?, dtype)?);
    }
    assemble(encoded, config, preprocess, labels, about, calibration)
}

/// A tensor in this number format.
pub(super) fn encode((id, shape, values): Named, dtype: Dtype) -> Result<Vec<Encoded>> {
    let name = id.to_string();
    let mut encoded = Vec::new();
    let wide = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let (stored, bytes) = match dtype {
        Dtype::Q8 if quantize::applies(id, &shape) => {
            let (levels, scales) = quantize::quantize(&values, &shape);
            let (shape, bytes) = (vec![scales.len()], wide(&scales));
            encoded.push(Encoded { name: format!("{name}{SCALE}"), dtype: StoredDtype::F32, shape, bytes });
            (StoredDtype::I8, levels)
        }
        Dtype::F16 | Dtype::Q8 if shape.len() > 1 => (StoredDtype::F16, halves(&name, &values)?),
        _ => (StoredDtype::F32, wide(&values)),
    };
    encoded.push(Encoded { name, dtype: stored, shape, bytes });
    Ok(encoded)
}

/// The file of these tensors.
pub(super) fn assemble(
    mut encoded: Vec<Encoded>,
    config: &XceptionConfig,
    preprocess: &Preprocess,
    labels: &Labels,
    about: &About,
    calibration: &Calibration,
) -> Result<Vec<u8>> {
    // safetensors lays tensors out by alignment, widest first, then by name; the digest follows it.
    encoded.sort_by(|a, b| b.dtype.cmp(&a.dtype).then_with(|| a.name.cmp(&b.name)));
    let mut digest = Sha256::new();
    encoded.iter().for_each(|Encoded { bytes, .. }| digest.update(bytes));
    let metadata = Metadata {
        version: VERSION,
        config: config.clone(),
        preprocess: preprocess.clone(),
        labels: labels.clone(),
        about: about.clone(),
        calibration: *calibration,
        sha256: hex(&digest.finalize()),
    };
    let json = serde_json::to_string(&metadata)
        .map_err(|error| Error::Format(format!("cannot write the metadata: {error}")))?;
    let views = encoded
        .iter()
        .map(|Encoded { name, dtype, shape, bytes }| {
            let view = TensorView::new(*dtype, shape.clone(), bytes)
                .map_err(|error| Error::Weights(format!("cannot write the tensor {name}: {error}")))?;
            Ok((name.as_str(), view))
        })
        .collect::<Result<Vec<_>>>()?;
    let whole = ::safetensors::tensor::serialize(views, Some(HashMap::from([(KEY.to_string(), json)])))
        .map_err(|error| Error::Format(format!("cannot write the model file: {error}")))?;
    match read_header(&whole) {
        Ok(_) => Ok(whole),
        Err(_) => Err(Error::Format(format!(
            "the model file's names and labels take more than {MAX_HEADER} bytes; give shorter labels"
        ))),
    }
}
