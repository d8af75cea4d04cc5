//! PyTorch's `.pth` and `pytorch_model.bin`: a zip archive of stored entries, with a pickle that says which
//! tensor lies where.

use std::collections::HashMap;
use std::ops::Range;

use crc::{CRC_32_ISO_HDLC, Crc, Table};
use half::{bf16, f16};

use super::ModelFile;
use super::pickle::{self, Tensor};
use super::source::TensorSource;
use super::timm;
use crate::error::{Error, Result};

/// Sizes and signatures of zip's records.
const LOCAL: usize = 30;
const CENTRAL: usize = 46;
const END: usize = 22;
const CENTRAL_MAGIC: &[u8] = b"PK\x01\x02";
const END_MAGIC: &[u8] = b"PK\x05\x06";
/// A comment may follow the end record.
const MAX_COMMENT: usize = u16::MAX as usize;

fn damaged(why: impl std::fmt::Display) -> Error {
    Error::Format(format!(
        "the zip archive {why}; it is damaged, cut short or no PyTorch file: give it whole, or as safetensors"
    ))
}

struct Entry {
    name: String,
    shape: Vec<usize>,
    kind: String,
    range: Range<usize>,
}

struct Source {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

impl TensorSource for Source {
    fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        self.entries.iter().map(|entry| (entry.name.clone(), entry.shape.clone())).collect()
    }

    fn read(&self, name: &str) -> Result<Vec<f32>> {
        let entry = self.entries.iter().find(|entry| entry.name == name);
        let entry = entry.ok_or_else(|| Error::Weights(format!("the file lacks the tensor {name}")))?;
        let bytes = &self.bytes[entry.range.clone()];
        Ok(match entry.kind.as_str() {
            "torch.FloatStorage" => bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect(),
            "torch.HalfStorage" => {
                bytes.as_chunks().0.iter().map(|&b| f16::from_le_bytes(b).to_f32()).collect()
            }
            "torch.BFloat16Storage" => {
                bytes.as_chunks().0.iter().map(|&b| bf16::from_le_bytes(b).to_f32()).collect()
            }
            other => {
                return Err(Error::Weights(format!(
                    "the tensor {name} lies in a {other}; Float, Half and BFloat16 are read: convert the file first"
                )));
            }
        })
    }
}

/// Bytes per number.
fn width(kind: &str) -> usize {
    match kind {
        "torch.HalfStorage" | "torch.BFloat16Storage" | "torch.ShortStorage" => 2,
        "torch.LongStorage" | "torch.DoubleStorage" => 8,
        "torch.ByteStorage" | "torch.CharStorage" | "torch.BoolStorage" => 1,
        _ => 4,
    }
}

/// Recognises a state dict of timm's.
pub(super) fn parse(bytes: Vec<u8>) -> Result<ModelFile> {
    let files = directory(&bytes)?;
    let Some((root, pickle)) =
        files.iter().find_map(|(name, range)| Some((name.strip_suffix("data.pkl")?, range.clone())))
    else {
        return Err(Error::Format(
            "the file is a zip archive without PyTorch's data.pkl; give a PyTorch file (.pth), safetensors, or save a Keras model with save_weights".into(),
        ));
    };
    if files.get(&format!("{root}byteorder")).is_some_and(|range| bytes[range.clone()] != *b"little") {
        return Err(damaged("holds numbers in another byte order than little endian"));
    }
    let mut entries = Vec::new();
    let mut total = 0usize;
    for (name, tensor) in pickle::state_dict(&bytes[pickle])? {
        if timm::is_bookkeeping(&name) {
            continue;
        }
        let storage = files.get(&format!("{root}data/{}", tensor.storage.key));
        let storage = storage.ok_or_else(|| damaged(format!("lacks the numbers of the tensor {name}")))?;
        let range = place(&tensor, storage).ok_or_else(|| {
            Error::Weights(format!(
                "the tensor {name} has shape {:?}, but the file holds only {} bytes for it",
                tensor.shape,
                storage.len()
            ))
        })?;
        total = total.saturating_add(range.len());
        entries.push(Entry { name, shape: tensor.shape, kind: tensor.storage.kind, range });
    }
    // Tensors that share their numbers would let a small file ask for a large network.
    if total > bytes.len() {
        return Err(damaged(format!("holds tensors of {total} bytes in {}", bytes.len())));
    }
    timm::published("PyTorch state dict", Box::new(Source { bytes, entries }))
}

/// Where the numbers of a tensor lie in the file.
fn place(tensor: &Tensor, storage: &Range<usize>) -> Option<Range<usize>> {
    let width = width(&tensor.storage.kind);
    let count = tensor.shape.iter().try_fold(width, |product, &side| product.checked_mul(side))?;
    let start = storage.start.checked_add(tensor.offset.checked_mul(width)?)?;
    let end = start.checked_add(count)?;
    (end <= storage.end).then_some(start..end)
}

/// Name and place of every entry, none of them compressed, each with the numbers that it was saved with.
fn directory(bytes: &[u8]) -> Result<HashMap<String, Range<usize>>> {
    let cut = || damaged("has no whole directory");
    let short = |at: usize| Some(usize::from(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?)));
    let long = |at: usize| usize::try_from(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?)).ok();
    let from = bytes.len().saturating_sub(END + MAX_COMMENT);
    let end =
        bytes[from..].windows(END).rposition(|window| window.starts_with(END_MAGIC)).ok_or_else(cut)? + from;
    let (count, mut at) = (short(end + 10).ok_or_else(cut)?, long(end + 16).ok_or_else(cut)?);
    // Made when needed: in the module that browsers download, the table would take 16 kB.
    let crc = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);
    let (mut files, mut total) = (HashMap::new(), 0usize);
    for _ in 0..count {
        let header = bytes.get(at..).filter(|rest| rest.starts_with(CENTRAL_MAGIC)).ok_or_else(cut)?;
        let field = |offset: usize| short(at + offset).ok_or_else(cut);
        let (method, name, extra, comment) = (field(10)?, field(28)?, field(30)?, field(32)?);
        let long_field = |offset: usize| long(at + offset).ok_or_else(cut);
        let (checksum, size, local) = (long_field(16)?, long_field(24)?, long_field(42)?);
        let name_bytes = header.get(CENTRAL..CENTRAL + name).ok_or_else(cut)?;
        let name_text = String::from_utf8_lossy(name_bytes).into_owned();
        if method != 0 {
            return Err(damaged(format!("holds {name_text} compressed, which PyTorch never does")));
        }
        let skip = |offset: usize| local.checked_add(offset).and_then(short);
        let (Some(local_name), Some(local_extra)) = (skip(26), skip(28)) else { return Err(cut()) };
        let start = local + LOCAL + local_name + local_extra;
        let range = start.checked_add(size).filter(|&end| end <= bytes.len()).map(|end| start..end);
        let range = range.ok_or_else(cut)?;
        // Entries that lie on each other would let a small file ask for much work.
        total = total.saturating_add(size);
        if total > bytes.len() {
            return Err(damaged(format!("holds entries of {total} bytes in {}", bytes.len())));
        }
        // PyTorch can be told to leave checksums out: then they are 0.
        if checksum != 0 && crc.checksum(&bytes[range.clone()]) as usize != checksum {
            return Err(damaged(format!("holds {name_text} with other bytes than were saved")));
        }
        if files.insert(name_text.clone(), range).is_some() {
            return Err(damaged(format!("holds {name_text} twice")));
        }
        at += CENTRAL + name + extra + comment;
    }
    Ok(files)
}
