//! Safetensors as they are read: the project's own files, and timm's.

use std::collections::HashMap;
use std::rc::Rc;

use safetensors::tensor::{Dtype as StoredDtype, Metadata as Header};

use super::bytes::FileBytes;
use super::digest::Digest;
use super::metadata::{KEY, Metadata, VERSION};
use super::names::own;
use super::numbers::{read_f32, read_halves, widen_bf16, widen_f16};
use super::other::ALLOWED;
use super::quantize::{self, SCALE, dequantize};
use super::source::{Stored, TensorSource};
use super::{Assumed, ModelFile, timm, unique};
use crate::error::{Error, Result, short};

/// Bytes of the header's length, which comes first.
const LENGTH: usize = size_of::<u64>();

/// Longest header that is read, in bytes, of which a hundred thousand classes' names take most; more tensors than
/// ten of the largest network have, and more sides than any. A header is held several times over while it is read.
pub(super) const MAX_HEADER: usize = 8 << 20;
const MAX_TENSORS: usize = 10_000;
const MAX_SIDES: usize = 8;

/// A tensor's place in the file.
struct Entry {
    name: String,
    shape: Vec<usize>,
    dtype: StoredDtype,
    /// From the start of the file.
    range: std::ops::Range<usize>,
}

struct Source {
    bytes: Rc<dyn FileBytes>,
    /// In file order.
    entries: Vec<Entry>,
    /// Where in the list each name is.
    places: HashMap<String, usize>,
}

impl TensorSource for Source {
    fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let own = |entry: &&Entry| !self.is_scale(&entry.name);
        self.entries.iter().filter(own).map(|entry| (entry.name.clone(), entry.shape.clone())).collect()
    }

    fn is_quantized(&self, name: &str) -> bool {
        self.entry(name).is_some_and(|entry| entry.dtype == StoredDtype::I8)
    }

    fn check(&self, name: &str) -> Result<()> {
        let entry = self.found(name)?;
        match entry.dtype {
            StoredDtype::F32 | StoredDtype::F16 | StoredDtype::BF16 => Ok(()),
            StoredDtype::I8 => self.scale(entry).map(|_| ()),
            other => Err(Error::Weights(format!(
                "the tensor {name} holds {other:?} numbers; F32, F16, BF16 and scaled I8 are read: convert the file first"
            ))),
        }
    }

    fn stored(&self, name: &str) -> Result<Vec<Stored>> {
        self.check(name)?;
        let entry = self.found(name)?;
        let mut parts = vec![self.part("", entry)?];
        if entry.dtype == StoredDtype::I8 {
            parts.push(self.part(SCALE, self.scale(entry)?)?);
        }
        Ok(parts)
    }

    fn read(&self, name: &str) -> Result<Vec<f32>> {
        self.check(name)?;
        let entry = self.found(name)?;
        let (bytes, start, size) = (&*self.bytes, entry.range.start, entry.range.len());
        match entry.dtype {
            StoredDtype::F16 => read_halves(bytes, start, size / 2, widen_f16),
            StoredDtype::BF16 => read_halves(bytes, start, size / 2, widen_bf16),
            StoredDtype::I8 => Ok(dequantize(&self.levels(entry)?, &self.scales(entry)?, &entry.shape)),
            _ => read_f32(bytes, start, size / 4),
        }
    }
}

impl Source {
    fn new(bytes: Rc<dyn FileBytes>, entries: Vec<Entry>) -> Self {
        let places = entries.iter().enumerate().map(|(at, entry)| (entry.name.clone(), at)).collect();
        Self { bytes, entries, places }
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.get(*self.places.get(name)?)
    }

    fn found(&self, name: &str) -> Result<&Entry> {
        self.entry(name).ok_or_else(|| Error::Weights(format!("the file lacks the tensor {name}")))
    }

    fn part(&self, part: &'static str, entry: &Entry) -> Result<Stored> {
        Ok(Stored { part, dtype: entry.dtype, shape: entry.shape.clone(), bytes: self.levels(entry)? })
    }

    /// The bytes of a tensor: of a kernel in int8, its values.
    fn levels(&self, kernel: &Entry) -> Result<Vec<u8>> {
        let mut values = vec![0; kernel.range.len()];
        self.bytes.read(kernel.range.start, &mut values)?;
        Ok(values)
    }

    /// Where the scales of an int8 kernel are.
    fn scale(&self, kernel: &Entry) -> Result<&Entry> {
        let (name, channels) = (&kernel.name, quantize::channels(&kernel.shape));
        let scale = self.entry(&format!("{name}{SCALE}"));
        scale.filter(|scale| scale.dtype == StoredDtype::F32 && scale.shape == [channels]).ok_or_else(|| {
            Error::Weights(format!(
                "the tensor {name} of shape {:?} holds int8 numbers, but the file lacks {name}{SCALE} with one F32 number for each of its {channels} output channels",
                kernel.shape
            ))
        })
    }

    fn scales(&self, kernel: &Entry) -> Result<Vec<f32>> {
        let scale = self.scale(kernel)?;
        let scales = read_f32(&*self.bytes, scale.range.start, scale.range.len() / size_of::<f32>())?;
        match scales.iter().find(|&&scale| !(scale >= 0.0 && scale.is_finite())) {
            Some(bad) => Err(Error::Weights(format!(
                "the tensor {} holds {bad}; a scale must be finite and at least 0: the file is damaged",
                scale.name
            ))),
            None => Ok(scales),
        }
    }

    /// Whether a tensor is a part of another.
    fn is_scale(&self, name: &str) -> bool {
        let kernel = name.strip_suffix(SCALE).and_then(|kernel| self.entry(kernel));
        kernel.is_some_and(|kernel| kernel.dtype == StoredDtype::I8)
    }
}

/// Own or timm's, by what the header says.
pub(super) fn parse(bytes: Box<dyn FileBytes>) -> Result<ModelFile> {
    let (header, data) = read_header(&*bytes)?;
    // The library has made sure that tensors follow each other without gaps.
    let (described, there) = (header.data_len(), bytes.size() - data);
    if described != there {
        return Err(unreadable(format!("the header describes {described} bytes of tensors, {there} follow")));
    }
    check_counts(&header)?;
    // What PyTorch's own `save_file` is told to say.
    let of_torch =
        header.metadata().as_ref().is_some_and(|map| map.get("format").is_some_and(|by| by == "pt"));
    let writer = of_torch.then(|| "PyTorch".to_owned());
    let configuration = configuration(&header)?;
    let own_json = header.metadata().as_ref().and_then(|map| map.get(KEY)).cloned();
    let entry = |name: String| {
        let info = header.info(&name)?;
        let range = data + info.data_offsets.0..data + info.data_offsets.1;
        Some(Entry { shape: info.shape.clone(), dtype: info.dtype, range, name })
    };
    let entries: Vec<Entry> = header.offset_keys().into_iter().filter_map(entry).collect();
    let source = Source::new(bytes.into(), entries);
    match own_json {
        Some(json) => parse_own(&json, data, source),
        None => {
            let said = timm::Said { writer, configuration };
            timm::published("timm safetensors", said, Box::new(source))
        }
    }
}

/// What timm says of the network's input, where the file itself has it.
fn configuration(header: &Header) -> Result<Option<serde_json::Value>> {
    let said = header.metadata().as_ref().and_then(|map| map.get(timm::CONFIGURATION));
    said.map(|json| {
        serde_json::from_str(json)
            .map_err(|error| unreadable(format!("its {} is no JSON: {error}", timm::CONFIGURATION)))
    })
    .transpose()
}

/// Refuses more than any network here has, of which all that follows would take time and memory.
fn check_counts(header: &Header) -> Result<()> {
    let names = header.offset_keys();
    let long = |name: &String| header.info(name).is_some_and(|info| info.shape.len() > MAX_SIDES);
    match names.iter().find(|name| long(name)) {
        Some(name) => Err(Error::Weights(format!(
            "the tensor {} has more than {MAX_SIDES} dimensions; give the weights of an Xception",
            short(name)
        ))),
        None if names.len() > MAX_TENSORS => Err(Error::Weights(format!(
            "the file holds {} tensors, more than {MAX_TENSORS}; give the weights of an Xception",
            names.len()
        ))),
        None => Ok(()),
    }
}

/// The header, and where it ends.
pub(super) fn read_header(bytes: &dyn FileBytes) -> Result<(Header, usize)> {
    let mut length = [0; LENGTH];
    if bytes.size() < LENGTH {
        return Err(unreadable(format!("it has {} bytes", bytes.size())));
    }
    bytes.read(0, &mut length)?;
    let length = u64::from_le_bytes(length);
    let room = MAX_HEADER.min(bytes.size() - LENGTH);
    let Some(length) = usize::try_from(length).ok().filter(|&length| length <= room) else {
        return Err(unreadable(format!("its header would have {length} bytes of at most {room}")));
    };
    let mut json = vec![0; length];
    bytes.read(LENGTH, &mut json)?;
    let header = serde_json::from_slice(&json).map_err(unreadable)?;
    unique::check(&json)?;
    Ok((header, LENGTH + length))
}

fn unreadable(why: impl std::fmt::Display) -> Error {
    Error::Format(format!(
        "the file is none that is read here, or it is cut short ({}); {ALLOWED} (face-api's networks, numbers beside a manifest, are not read)",
        short(why)
    ))
}

fn parse_own(json: &str, data: usize, source: Source) -> Result<ModelFile> {
    let damaged = |what: String| {
        Error::Format(format!(
            "the model file's metadata {what}; make the file again with `xception convert`"
        ))
    };
    let metadata: Metadata =
        serde_json::from_str(json).map_err(|error| damaged(format!("cannot be read ({})", short(error))))?;
    if metadata.version != VERSION {
        return Err(damaged(format!("has version {}, this build reads version {VERSION}", metadata.version)));
    }
    let digest = Digest::new(source.bytes.clone(), data, metadata.sha256);
    let rows = own(&metadata.config)?;
    Ok(ModelFile {
        config: metadata.config,
        preprocess: metadata.preprocess,
        labels: metadata.labels,
        about: metadata.about,
        calibration: metadata.calibration,
        format: "xception-web safetensors",
        writer: None,
        assumed: Assumed::default(),
        headless: false,
        unused: Vec::new(),
        digest: Some(digest),
        source: Box::new(source),
        rows,
    })
}
