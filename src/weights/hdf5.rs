//! Keras's weights in HDF5: the legacy `.h5` (published and saved by users) and Keras 3's `.weights.h5`.
//!
//! This reader is larger than all the rest that a browser downloads, so there it is a module of its own, fetched
//! for such files only.

use std::collections::HashSet;

use hdf5_pure::{AttrValue, File, FormatError, Group};

use super::FileBytes;
use super::keras::{Contents, Layer, Saved};
use crate::error::{Error, Result};

/// Most bytes that a compressed file may unpack to beyond its own size: one full network at f32.
const MAX_UNPACKED: usize = 128 << 20;

/// Where Keras 3 keeps its layers: today, and in the first releases of `.weights.h5`.
const KERAS3_ROOTS: [&str; 2] = ["layers", "_layer_checkpoint_dependencies"];

/// Most groups that a legacy file may have, some ten times Keras's: groups may be linked in a circle.
const MAX_GROUPS: usize = 4096;

/// An opened Keras file, whose values are read one tensor at a time.
pub struct KerasFile(File);

impl KerasFile {
    /// Recognises either layout; also gives the layers.
    ///
    /// # Errors
    ///
    /// When the file is damaged, or holds what is no layer of an Xception.
    pub fn open(bytes: impl FileBytes + Send + Sync + 'static) -> Result<(Contents, Self)> {
        let size = bytes.size();
        let file = File::from_source(Source(bytes)).map_err(|error| damaged("the structure", error))?;
        let (saved, mut layers) = match legacy_root(&file)? {
            Some((path, root)) => (Saved::Legacy, legacy_layers(&path, &root)?),
            None => (Saved::Keras3, keras3_layers(&file)?),
        };
        layers.retain(|layer| !layer.tensors.is_empty());
        check_size(&layers, size)?;
        Ok((Contents { saved, layers }, Self(file)))
    }

    /// The values of the tensor at `path`, row-major in Keras's layout.
    ///
    /// # Errors
    ///
    /// When there is none, or its bytes cannot be read.
    pub fn read(&self, path: &str) -> Result<Vec<f32>> {
        self.0.dataset(path).and_then(|dataset| dataset.read_f32()).map_err(|error| damaged(path, error))
    }
}

/// What the HDF5 library reads from.
struct Source<B>(B);

impl<B: FileBytes> hdf5_pure::Source for Source<B> {
    fn len(&self) -> u64 {
        self.0.size() as u64
    }

    fn read_at(&self, offset: u64, part: &mut [u8]) -> Result<(), FormatError> {
        let beyond = |_| FormatError::OffsetOverflow { offset, length: part.len() as u64 };
        let start = usize::try_from(offset).map_err(beyond)?;
        self.0.read(start, part).map_err(|_| FormatError::UnexpectedEof {
            expected: start.saturating_add(part.len()),
            available: self.0.size(),
        })
    }
}

fn damaged(what: &str, why: impl std::fmt::Display) -> Error {
    Error::Format(format!("cannot read {what} in the HDF5 file: {why}; the file is damaged or cut short"))
}

/// A compressed file may unpack to more than its size, but not without bound.
fn check_size(layers: &[Layer], file_size: usize) -> Result<()> {
    let allowed = file_size.saturating_add(MAX_UNPACKED);
    let numbers = layers
        .iter()
        .flat_map(|layer| &layer.tensors)
        .map(|(_, shape)| shape.iter().fold(1usize, |product, &side| product.saturating_mul(side)))
        .fold(0usize, usize::saturating_add);
    if numbers.saturating_mul(size_of::<f32>()) <= allowed {
        return Ok(());
    }
    Err(damaged(
        "the shapes",
        format!("they ask for {numbers} numbers, more than {file_size} bytes can hold"),
    ))
}

/// The group with `layer_names`: the root, or `model_weights` in a whole saved model.
fn legacy_root(file: &File) -> Result<Option<(String, Group)>> {
    let mut groups = vec![(String::new(), file.root())];
    groups.extend(file.group("model_weights").ok().map(|group| ("model_weights/".to_string(), group)));
    for (path, group) in groups {
        let attributes = group.attrs().map_err(|error| damaged("the attributes", error))?;
        // Keras splits a list that outgrows one attribute into layer_names0, layer_names1, …
        if attributes.contains_key("layer_names") || attributes.contains_key("layer_names0") {
            return Ok(Some((path, group)));
        }
    }
    Ok(None)
}

fn legacy_layers(path: &str, root: &Group) -> Result<Vec<Layer>> {
    let mut layers = Vec::new();
    for name in string_list(root, "layer_names")? {
        let group = root.group(&name).map_err(|error| damaged(&name, error))?;
        let mut tensors = Vec::new();
        for weight in string_list(&group, "weight_names")? {
            tensors.push((format!("{path}{name}/{weight}"), shape(&group, &weight)?));
        }
        layers.push(Layer { name, tensors });
    }
    let listed: HashSet<&str> =
        layers.iter().flat_map(|layer| &layer.tensors).map(|(name, _)| name.as_str()).collect();
    match stored(root, path.trim_end_matches('/'))?.iter().find(|name| !listed.contains(name.as_str())) {
        Some(name) => Err(Error::Weights(format!(
            "the file holds the tensor {name}, which none of its lists of names mentions and this network has no place for"
        ))),
        None => Ok(layers),
    }
}

/// Paths of all datasets below `root`, whose own path is `path`.
fn stored(root: &Group, path: &str) -> Result<Vec<String>> {
    let below = |path: &str, name: &str| {
        if path.is_empty() { name.to_string() } else { format!("{path}/{name}") }
    };
    let mut groups = vec![(path.to_string(), root.clone())];
    let mut found = Vec::new();
    for at in 0.. {
        let Some((path, group)) = groups.get(at).cloned() else { break };
        if at == MAX_GROUPS {
            return Err(damaged(&path, format!("there are more than {MAX_GROUPS} groups")));
        }
        let datasets = group.datasets().map_err(|error| damaged(&path, error))?;
        found.extend(datasets.iter().map(|name| below(&path, name)));
        for name in group.groups().map_err(|error| damaged(&path, error))? {
            let inner = group.group(&name).map_err(|error| damaged(&name, error))?;
            groups.push((below(&path, &name), inner));
        }
    }
    Ok(found)
}

/// The string-list attribute `name`, whole or in numbered parts; absent is empty.
fn string_list(group: &Group, name: &str) -> Result<Vec<String>> {
    let attributes = group.attrs().map_err(|error| damaged(name, error))?;
    let names = |value: &AttrValue| match value.as_strings() {
        Some(names) => Ok(names.to_vec()),
        // An empty list is stored as floats by h5py.
        None if value.as_f64().is_none() => Ok(Vec::new()),
        None => Err(damaged(name, "it is no list of names")),
    };
    if let Some(value) = attributes.get(name) {
        return names(value);
    }
    let mut all = Vec::new();
    for value in (0..).map_while(|part| attributes.get(&format!("{name}{part}"))) {
        all.extend(names(value)?);
    }
    Ok(all)
}

fn shape(group: &Group, name: &str) -> Result<Vec<usize>> {
    let shape =
        group.dataset(name).and_then(|dataset| dataset.shape()).map_err(|error| damaged(name, error))?;
    shape.into_iter().map(|side| usize::try_from(side).map_err(|error| damaged(name, error))).collect()
}

/// Keras 3 names each layer by its class and a count of its own per class: `conv2d`, `conv2d_1`, …
fn keras3_layers(file: &File) -> Result<Vec<Layer>> {
    let Some((path, root)) = KERAS3_ROOTS.iter().find_map(|path| Some((path, file.group(path).ok()?))) else {
        return Err(Error::Format(
            "the HDF5 file holds no Keras weights (neither layer_names nor a group layers); save them with save_weights".into(),
        ));
    };
    let mut layers = Vec::new();
    for name in root.groups().map_err(|error| damaged(path, error))? {
        let Ok(group) = root.group(&format!("{name}/vars")) else { continue };
        let mut names = group.datasets().map_err(|error| damaged(&name, error))?;
        names.sort_by_key(|name| name.parse::<usize>().unwrap_or(usize::MAX));
        let mut tensors = Vec::new();
        for variable in names {
            tensors.push((format!("{path}/{name}/vars/{variable}"), shape(&group, &variable)?));
        }
        layers.push(Layer { name, tensors });
    }
    layers.sort_by_key(|layer| turn(&layer.name));
    Ok(layers)
}

/// The count at the end of a Keras 3 group name; the first of a class has none.
fn turn(name: &str) -> usize {
    name.rsplit('_').next().and_then(|count| count.parse().ok()).unwrap_or(0)
}
