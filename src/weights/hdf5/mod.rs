//! Keras's weights in HDF5: the legacy `.h5` (published and saved by users) and Keras 3's `.weights.h5`.
//!
//! This reader is as large as all the rest of a module for browsers, so there it is one of its own, fetched for such
//! files only.

mod dataset;
mod source;

use std::collections::HashSet;

use hdf5_pure::{AttrValue, File, Group};

use super::FileBytes;
use super::keras::{Contents, Layer, Saved};
use crate::error::{Error, Result, short};
use dataset::{Sizes, values};
use source::{Allowance, Source};

/// Where Keras 3 keeps its layers: today, and in the first releases of `.weights.h5`.
const KERAS3_ROOTS: [&str; 2] = ["layers", "_layer_checkpoint_dependencies"];

/// What training leaves beside the weights: no part of the function, whatever is in it.
const TRAINING: [&str; 3] = ["optimizer", "optimizer_weights", "metrics"];
/// The same within a layer, of dropout and augmentation.
const SEEDS: &str = "seed_generator";

/// Most bytes that are read to find the layers: eight times what a file of the largest network takes, saved as a
/// whole model (4.1 MB).
const MAX_STRUCTURE: u64 = 32 << 20;

/// Most groups that a file may have, some ten times Keras's, how deep they may lie, twice Keras's, and how long
/// the path of one may be: groups may be linked in a circle.
const MAX_GROUPS: usize = 4096;
const MAX_DEPTH: usize = 8;
const MAX_PATH: usize = 512;

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
        let allowance = Allowance::new(MAX_STRUCTURE);
        let source = Source { bytes, allowance: allowance.clone() };
        let opened = File::from_source(source)
            .map_err(|error| damaged("the structure", error))
            .and_then(|file| Ok((contents(&file, size)?, Self(file))));
        // Whatever came of it: the library leaves out attributes that it cannot read.
        if allowance.is_used_up() {
            return Err(damaged(
                "the layers",
                format!("their names and places take more than {MAX_STRUCTURE} bytes"),
            ));
        }
        allowance.lift();
        opened
    }

    /// The values of the tensor at `path`, row-major in Keras's layout.
    ///
    /// # Errors
    ///
    /// When there is none, or its bytes cannot be read.
    pub fn read(&self, path: &str) -> Result<Vec<f32>> {
        values(&self.0, path)
    }
}

fn damaged(what: &str, why: impl std::fmt::Display) -> Error {
    Error::Format(format!(
        "cannot read {} in the HDF5 file: {}; the file is damaged or cut short",
        short(what),
        short(why)
    ))
}

fn contents(file: &File, size: usize) -> Result<Contents> {
    let mut sizes = Sizes::default();
    let (saved, mut layers) = match legacy_root(file)? {
        Some((path, root)) => (Saved::Legacy, legacy_layers(&path, &root, &mut sizes)?),
        None => (Saved::Keras3, keras3_layers(file, &mut sizes)?),
    };
    layers.retain(|layer| !layer.tensors.is_empty());
    sizes.check(size)?;
    check_unused(file, &layers)?;
    Ok(Contents { saved, layers })
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

fn legacy_layers(path: &str, root: &Group, sizes: &mut Sizes) -> Result<Vec<Layer>> {
    let mut layers = Vec::new();
    for name in string_list(root, "layer_names")? {
        let group = root.group(&name).map_err(|error| damaged(&name, error))?;
        let mut tensors = Vec::new();
        for weight in string_list(&group, "weight_names")? {
            tensors.push((format!("{path}{name}/{weight}"), sizes.shape(&group, &weight)?));
        }
        layers.push(Layer { name, tensors });
    }
    Ok(layers)
}

/// Refuses tensors that belong to no layer, but for what training leaves.
fn check_unused(file: &File, layers: &[Layer]) -> Result<()> {
    let used: HashSet<&str> =
        layers.iter().flat_map(|layer| &layer.tensors).map(|(name, _)| name.as_str()).collect();
    let is_unused =
        |name: &&String| !used.contains(name.as_str()) && !name.split('/').any(|part| part == SEEDS);
    match stored(&file.root())?.iter().find(is_unused) {
        Some(name) => Err(Error::Weights(format!(
            "the file holds the tensor {}, which belongs to none of its layers and this network has no place for",
            short(name)
        ))),
        None => Ok(()),
    }
}

/// Paths of all datasets below `root`, but for those that training left.
fn stored(root: &Group) -> Result<Vec<String>> {
    let below = |path: &str, name: &str| {
        if path.is_empty() { name.to_string() } else { format!("{path}/{name}") }
    };
    let mut groups = vec![(String::new(), root.clone())];
    let mut found = Vec::new();
    for at in 0.. {
        let Some((path, group)) = groups.get(at).cloned() else { break };
        if at == MAX_GROUPS {
            return Err(damaged(&path, format!("there are more than {MAX_GROUPS} groups")));
        }
        if path.len() > MAX_PATH || path.matches('/').count() > MAX_DEPTH {
            return Err(damaged(
                &path,
                format!("groups lie deeper than {MAX_DEPTH} levels or {MAX_PATH} characters"),
            ));
        }
        let datasets = group.datasets().map_err(|error| damaged(&path, error))?;
        found.extend(datasets.iter().map(|name| below(&path, name)));
        for name in group.groups().map_err(|error| damaged(&path, error))? {
            let inner = below(&path, &name);
            if !TRAINING.contains(&inner.as_str()) {
                groups.push((inner, group.group(&name).map_err(|error| damaged(&name, error))?));
            }
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

/// Keras 3 names each layer by its class and a count of its own per class: `conv2d`, `conv2d_1`, …
fn keras3_layers(file: &File, sizes: &mut Sizes) -> Result<Vec<Layer>> {
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
            tensors.push((format!("{path}/{name}/vars/{variable}"), sizes.shape(&group, &variable)?));
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
