//! PyTorch's `.pth` and `pytorch_model.bin`: a pickle that says which tensor lies where, and the numbers. Since
//! PyTorch 1.6 these are entries of a zip archive; before, they stood one after another.

use std::collections::HashMap;
use std::ops::Range;

use half::{bf16, f16};

use super::ModelFile;
use super::pickle::{self, Found, Legacy, Tensor};
use super::source::TensorSource;
use super::{timm, zip};
use crate::error::{Error, Result, short};

fn damaged(why: impl std::fmt::Display) -> Error {
    Error::Format(format!(
        "the PyTorch file {why}; it is damaged or cut short: give it whole, or as safetensors"
    ))
}

/// Kinds of storage whose numbers are read.
const FLOAT: &str = "torch.FloatStorage";
const HALF: &str = "torch.HalfStorage";
const BFLOAT: &str = "torch.BFloat16Storage";
const DOUBLE: &str = "torch.DoubleStorage";

/// The entry of a zip archive that says which tensor lies where; others lie beside it.
const PICKLE: &str = "data.pkl";

struct Entry {
    name: String,
    shape: Vec<usize>,
    kind: String,
    range: Range<usize>,
    strides: Option<Vec<usize>>,
}

struct Source {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

impl TensorSource for Source {
    fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        self.entries.iter().map(|entry| (entry.name.clone(), entry.shape.clone())).collect()
    }

    fn check(&self, name: &str) -> Result<()> {
        match self.found(name)?.kind.as_str() {
            FLOAT | HALF | BFLOAT | DOUBLE => Ok(()),
            other => Err(Error::Weights(format!(
                "the tensor {name} lies in a {}; Float, Half, BFloat16 and Double are read: convert the file first",
                short(other)
            ))),
        }
    }

    fn read(&self, name: &str) -> Result<Vec<f32>> {
        self.check(name)?;
        let entry = self.found(name)?;
        let bytes = &self.bytes[entry.range.clone()];
        let values: Vec<f32> = match entry.kind.as_str() {
            HALF => bytes.as_chunks().0.iter().map(|&b| f16::from_le_bytes(b).to_f32()).collect(),
            BFLOAT => bytes.as_chunks().0.iter().map(|&b| bf16::from_le_bytes(b).to_f32()).collect(),
            DOUBLE => bytes.as_chunks().0.iter().map(|&b| f64::from_le_bytes(b) as f32).collect(),
            _ => bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect(),
        };
        Ok(match &entry.strides {
            Some(strides) => rows_after_rows(&values, &entry.shape, strides),
            None => values,
        })
    }
}

impl Source {
    fn found(&self, name: &str) -> Result<&Entry> {
        let entry = self.entries.iter().find(|entry| entry.name == name);
        entry.ok_or_else(|| Error::Weights(format!("the file lacks the tensor {name}")))
    }
}

/// Numbers that lie in another order of dimensions, as `channels_last` lays them, in that of the shape.
fn rows_after_rows(values: &[f32], shape: &[usize], strides: &[usize]) -> Vec<f32> {
    let mut ordered = Vec::with_capacity(values.len());
    // Where in each dimension the next number is, and where in the file.
    let (mut index, mut at) = (vec![0; shape.len()], 0);
    for _ in values {
        ordered.push(values[at]);
        for dimension in (0..shape.len()).rev() {
            index[dimension] += 1;
            at += strides[dimension];
            if index[dimension] < shape[dimension] {
                break;
            }
            at -= strides[dimension] * shape[dimension];
            index[dimension] = 0;
        }
    }
    ordered
}

/// Bytes per number.
fn width(kind: &str) -> usize {
    match kind {
        HALF | BFLOAT | "torch.ShortStorage" => 2,
        "torch.LongStorage" | DOUBLE => 8,
        "torch.ByteStorage" | "torch.CharStorage" | "torch.BoolStorage" => 1,
        _ => 4,
    }
}

/// Where each storage's numbers lie in the file.
type Storages = HashMap<String, Range<usize>>;

/// Recognises a network of timm's in a zip archive.
pub(super) fn parse(bytes: Vec<u8>) -> Result<ModelFile> {
    let files = zip::directory(&bytes)?;
    let mut roots: Vec<&str> = files.keys().filter_map(|name| name.strip_suffix(PICKLE)).collect();
    roots.retain(|root| root.is_empty() || root.ends_with('/'));
    roots.sort_unstable();
    let root = match roots[..] {
        [root] => root,
        [] => {
            return Err(Error::Format(
                "the file is a zip archive without PyTorch's data.pkl and without Keras's config.json; give a PyTorch file (.pth), a Keras model (.keras) or safetensors".into(),
            ));
        }
        [first, second, ..] => {
            return Err(Error::Format(format!(
                "the zip archive holds {} models ({}{PICKLE}, {}{PICKLE} …), and which of them is meant is not said; give a file of one model",
                roots.len(),
                short(first),
                short(second)
            )));
        }
    };
    let pickle = files[&format!("{root}{PICKLE}")].clone();
    if files.get(&format!("{root}byteorder")).is_some_and(|range| bytes[range.clone()] != *b"little") {
        return Err(damaged("holds numbers in another byte order than little endian"));
    }
    let found = pickle::weights(&bytes[pickle])?;
    let folder = format!("{root}data/");
    let storages = files
        .iter()
        .filter_map(|(name, range)| Some((name.strip_prefix(&folder)?.to_owned(), range.clone())))
        .collect();
    published(bytes, found, &storages)
}

/// The same in a file from before PyTorch 1.6, which begins with [`pickle::LEGACY_MAGIC`].
pub(super) fn parse_legacy(bytes: Vec<u8>) -> Result<ModelFile> {
    let Legacy { found, kinds, keys, end } = pickle::legacy(&bytes)?;
    let (mut storages, mut at) = (Storages::new(), end);
    for key in keys {
        // A count of numbers, and the numbers.
        let count =
            bytes.get(at..).and_then(|rest| rest.first_chunk()).map(|&count| u64::from_le_bytes(count));
        let size = count.and_then(|count| usize::try_from(count).ok()?.checked_mul(width(kinds.get(&key)?)));
        let start = at + size_of::<u64>();
        let end = size.and_then(|size| start.checked_add(size)).filter(|&end| end <= bytes.len());
        at = end.ok_or_else(|| damaged(format!("has no whole numbers of storage {key}")))?;
        if storages.insert(key.clone(), start..at).is_some() {
            return Err(damaged(format!("holds storage {key} twice")));
        }
    }
    published(bytes, found, &storages)
}

fn published(bytes: Vec<u8>, found: Found, storages: &Storages) -> Result<ModelFile> {
    let mut entries = Vec::new();
    let mut total = 0usize;
    for (name, tensor) in found.tensors {
        let storage = storages.get(&tensor.storage.key);
        let storage = storage.ok_or_else(|| damaged(format!("lacks the numbers of the tensor {name}")))?;
        let range = place(&tensor, storage).ok_or_else(|| {
            Error::Weights(format!(
                "the tensor {name} has shape {:?}, but the file holds only {} bytes for it",
                tensor.shape,
                storage.len()
            ))
        })?;
        total = total.saturating_add(range.len());
        let Tensor { storage, shape, strides, .. } = tensor;
        entries.push(Entry { name, shape, kind: storage.kind, range, strides });
    }
    // Tensors that share their numbers would let a small file ask for a large network.
    if total > bytes.len() {
        return Err(damaged(format!("holds tensors of {total} bytes in {}", bytes.len())));
    }
    let said = timm::Said { writer: found.writer, configuration: found.configuration };
    timm::published(found.format, said, Box::new(Source { bytes, entries }))
}

/// Where the numbers of a tensor lie in the file.
fn place(tensor: &Tensor, storage: &Range<usize>) -> Option<Range<usize>> {
    let width = width(&tensor.storage.kind);
    let count = tensor.shape.iter().try_fold(width, |product, &side| product.checked_mul(side))?;
    let start = storage.start.checked_add(tensor.offset.checked_mul(width)?)?;
    let end = start.checked_add(count)?;
    (end <= storage.end).then_some(start..end)
}
