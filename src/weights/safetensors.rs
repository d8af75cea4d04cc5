//! Safetensors in and out: the project's own files, and timm's.

use std::collections::HashMap;

use half::{bf16, f16};
use safetensors::tensor::{Dtype as StoredDtype, SafeTensors, TensorView};
use sha2::{Digest, Sha256};

use super::metadata::{About, Dtype, KEY, Metadata, VERSION};
use super::names::{Layout, table};
use super::quantize::{self, SCALE, dequantize};
use super::source::{Quantized, TensorSource};
use super::strict::Named;
use super::{ModelFile, timm};
use crate::error::{Error, Result};
use crate::labels::Labels;
use crate::model::XceptionConfig;
use crate::preprocess::Preprocess;

/// A tensor's place in the file.
struct Entry {
    name: String,
    shape: Vec<usize>,
    dtype: StoredDtype,
    /// From the start of the file.
    range: std::ops::Range<usize>,
}

struct Source {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

impl TensorSource for Source {
    fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let own = |entry: &&Entry| !self.is_scale(&entry.name);
        self.entries.iter().filter(own).map(|entry| (entry.name.clone(), entry.shape.clone())).collect()
    }

    fn quantized(&self, name: &str) -> Option<Quantized<'_>> {
        let entry = self.entry(name).filter(|entry| entry.dtype == StoredDtype::I8)?;
        let scales = self.read(&format!("{name}{SCALE}")).ok()?;
        let values = &self.bytes[entry.range.clone()];
        (scales.len() == quantize::channels(&entry.shape)).then_some(Quantized {
            shape: &entry.shape,
            values,
            scales,
        })
    }

    fn read(&self, name: &str) -> Result<Vec<f32>> {
        let entry =
            self.entry(name).ok_or_else(|| Error::Weights(format!("the file lacks the tensor {name}")))?;
        let bytes = &self.bytes[entry.range.clone()];
        match entry.dtype {
            StoredDtype::F32 => {
                Ok(bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
            }
            StoredDtype::F16 => {
                Ok(bytes.as_chunks().0.iter().map(|&bytes| f16::from_le_bytes(bytes).to_f32()).collect())
            }
            StoredDtype::BF16 => {
                Ok(bytes.as_chunks().0.iter().map(|&bytes| bf16::from_le_bytes(bytes).to_f32()).collect())
            }
            StoredDtype::I8 => match self.quantized(name) {
                Some(Quantized { shape, values, scales }) => Ok(dequantize(values, &scales, shape)),
                None => Err(Error::Weights(format!(
                    "the tensor {name} of shape {:?} holds int8 numbers, but the file lacks {name}{SCALE} with one number for each of its {} output channels",
                    entry.shape,
                    quantize::channels(&entry.shape)
                ))),
            },
            other => Err(Error::Weights(format!(
                "the tensor {name} holds {other:?} numbers; F32, F16, BF16 and scaled I8 are read: convert the file first"
            ))),
        }
    }
}

impl Source {
    fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// Whether a tensor is a part of another.
    fn is_scale(&self, name: &str) -> bool {
        let kernel = name.strip_suffix(SCALE).and_then(|kernel| self.entry(kernel));
        kernel.is_some_and(|kernel| kernel.dtype == StoredDtype::I8)
    }
}

/// Own or timm's, by what the header says.
pub(super) fn parse(bytes: Vec<u8>) -> Result<ModelFile> {
    let (header, metadata) = SafeTensors::read_metadata(&bytes).map_err(|error| {
        Error::Format(format!(
            "the file is neither safetensors nor HDF5, or it is cut short ({error}); give a model as safetensors, .h5 or .weights.h5"
        ))
    })?;
    // The header's length field itself takes eight bytes.
    let data = header + size_of::<u64>();
    let own = metadata.metadata().as_ref().and_then(|map| map.get(KEY)).cloned();
    let mut entries: Vec<Entry> = metadata
        .tensors()
        .into_iter()
        .map(|(name, info)| Entry {
            name,
            shape: info.shape.clone(),
            dtype: info.dtype,
            range: data + info.data_offsets.0..data + info.data_offsets.1,
        })
        .collect();
    entries.sort_by_key(|entry| entry.range.start);
    match own {
        Some(json) => parse_own(&json, data, Source { bytes, entries }),
        None => {
            entries.retain(|entry| !timm::is_bookkeeping(&entry.name));
            let source = Box::new(Source { bytes, entries });
            timm::published("timm safetensors", source)
        }
    }
}

fn parse_own(json: &str, data: usize, source: Source) -> Result<ModelFile> {
    let damaged = |what: String| {
        Error::Format(format!(
            "the model file's metadata {what}; make the file again with `xception convert`"
        ))
    };
    let metadata: Metadata =
        serde_json::from_str(json).map_err(|error| damaged(format!("cannot be read ({error})")))?;
    if metadata.version != VERSION {
        return Err(damaged(format!("has version {}, this build reads version {VERSION}", metadata.version)));
    }
    if hex(&Sha256::digest(&source.bytes[data..])) != metadata.sha256 {
        return Err(Error::Format(
            "the model file's tensors do not match its SHA-256: it is damaged; fetch or make it again".into(),
        ));
    }
    let rows = table(&metadata.config, |canonical| (canonical.into(), Layout::Same))?;
    Ok(ModelFile {
        config: metadata.config,
        preprocess: metadata.preprocess,
        labels: metadata.labels,
        about: metadata.about,
        format: "xception-web safetensors",
        assumed: false,
        source: Box::new(source),
        rows,
    })
}

/// The own format: canonical names in the order given, one JSON document of metadata.
pub(super) fn write(
    tensors: impl Iterator<Item = Result<Named>>,
    config: &XceptionConfig,
    preprocess: &Preprocess,
    labels: &Labels,
    about: &About,
    dtype: Dtype,
) -> Result<Vec<u8>> {
    let mut encoded: Vec<(String, StoredDtype, Vec<usize>, Vec<u8>)> = Vec::new();
    for tensor in tensors {
        let (name, shape, values) = tensor?;
        let wide = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let (stored, bytes) = match dtype {
            Dtype::Q8 if quantize::applies(&name, &shape) => {
                let (levels, scales) = quantize::quantize(&values, &shape);
                encoded.push((format!("{name}{SCALE}"), StoredDtype::F32, vec![scales.len()], wide(&scales)));
                (StoredDtype::I8, levels)
            }
            Dtype::F16 | Dtype::Q8 if shape.len() > 1 => (
                StoredDtype::F16,
                values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect(),
            ),
            _ => (StoredDtype::F32, wide(&values)),
        };
        encoded.push((name, stored, shape, bytes));
    }
    // safetensors lays tensors out by alignment, widest first, then by name; the digest follows it.
    encoded.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let mut digest = Sha256::new();
    encoded.iter().for_each(|(.., bytes)| digest.update(bytes));
    let metadata = Metadata {
        version: VERSION,
        config: config.clone(),
        preprocess: preprocess.clone(),
        labels: labels.clone(),
        about: about.clone(),
        sha256: hex(&digest.finalize()),
    };
    let json = serde_json::to_string(&metadata)
        .map_err(|error| Error::Format(format!("cannot write the metadata: {error}")))?;
    let views = encoded
        .iter()
        .map(|(name, stored, shape, bytes)| {
            let view = TensorView::new(*stored, shape.clone(), bytes)
                .map_err(|error| Error::Weights(format!("cannot write the tensor {name}: {error}")))?;
            Ok((name.as_str(), view))
        })
        .collect::<Result<Vec<_>>>()?;
    safetensors::tensor::serialize(views, Some(HashMap::from([(KEY.to_string(), json)])))
        .map_err(|error| Error::Format(format!("cannot write the model file: {error}")))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
