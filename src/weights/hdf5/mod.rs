//! Keras's weights in HDF5: the legacy `.h5` (published and saved by users), Keras 3's `.weights.h5`, and that within
//! its `.keras`.
//!
//! This reader is as large as all the rest of a module for browsers, so there it is one of its own, fetched for such
//! files only.

mod dataset;
mod source;

use std::collections::{HashMap, HashSet};

use hdf5_pure::{AttrValue, File, Group};

use super::FileBytes;
use super::keras::order::{self, Layer};
use super::keras::place::{Location, Tensors, place};
use super::keras::{KERAS3_ROOTS, Opened, Saved, TRAINING, is_of_training, turn};
use crate::error::{Error, Result, short};
use dataset::{Sizes, values};
use source::{Allowance, Source};

/// Most tensors that a layer of an Xception has; a group of more is a nested model.
const MOST_TENSORS: usize = 4;

/// Most bytes that are read to find the layers: eight times what a file of the largest network takes, saved as a
/// whole model (4.1 MB).
const MAX_STRUCTURE: u64 = 32 << 20;

/// Most groups that a file may have, some ten times Keras's, how deep they may lie, twice Keras's, and how long
/// the path of one may be: groups may be linked in a circle.
const MAX_GROUPS: usize = 4096;
const MAX_DEPTH: usize = 8;
const MAX_PATH: usize = 512;

/// Opens HDF5, which may be the weights of a model that an archive describes.
pub(super) fn open(bytes: impl FileBytes + Send + Sync + 'static, json: Option<String>) -> Result<Opened> {
    let size = bytes.size();
    let allowance = Allowance::new(MAX_STRUCTURE);
    let source = Source { bytes, allowance: allowance.clone() };
    let opened = File::from_source(source)
        .map_err(|error| damaged("the structure", error))
        .and_then(|file| contents(file, size, json));
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

fn damaged(what: &str, why: impl std::fmt::Display) -> Error {
    Error::Format(format!(
        "cannot read {} in the HDF5 file: {}; the file is damaged or cut short",
        short(what),
        short(why)
    ))
}

fn contents(file: File, size: usize, json: Option<String>) -> Result<Opened> {
    let mut sizes = Sizes::default();
    let legacy = legacy_root(&file)?;
    let (saved, json) = match json {
        Some(json) => (Saved::Archive, Some(json)),
        None => (Saved::LegacyModel, model_config(&file)?),
    };
    let layers = match (&json, &legacy) {
        (Some(_), _) => None,
        // Its weights alone would be read with other preprocessing and another head.
        (None, Some((path, _))) if !path.is_empty() => {
            return Err(damaged("model_config", "there is none beside the model's weights"));
        }
        (None, Some((path, root))) => Some((Saved::Legacy, legacy_layers(path, root, &mut sizes)?)),
        (None, None) => Some((Saved::Keras3, keras3_layers(&file, &mut sizes)?)),
    };
    let (contents, used, folded) = match (json, layers) {
        (Some(json), _) => {
            let mut tensors = Stored { file: &file, legacy, sizes: &mut sizes, groups: HashMap::new() };
            let placed = place(&json, saved, &mut tensors)?;
            (Ok(placed.contents), placed.used, placed.folded)
        }
        (None, layers) => {
            let (saved, mut layers) = layers.unwrap_or((saved, Vec::new()));
            layers.retain(|layer| !layer.tensors.is_empty());
            let used: Vec<String> =
                layers.iter().flat_map(|layer| &layer.tensors).map(|(name, _)| name.clone()).collect();
            // Whose error is told after those below, which say more of a file with tensors beside its layers.
            (order::contents(saved, layers), used, HashMap::new())
        }
    };
    sizes.check(size)?;
    let unused = check_unused(&file, &used)?;
    let mut contents = contents?;
    contents.writer = writer(&file)?;
    contents.unused = unused;
    Ok(Opened { contents, folded, read: Box::new(move |name| values(&file, name)) })
}

/// Which Keras wrote the file, on which backend, where it says so.
fn writer(file: &File) -> Result<Option<String>> {
    let attributes = file.root().attrs().map_err(|error| damaged("the attributes", error))?;
    let text = |key: &str| attributes.get(key).and_then(AttrValue::as_str).map(short);
    let backend = text("backend").map_or(String::new(), |backend| format!(" with the backend {backend}"));
    Ok(text("keras_version").map(|version| format!("Keras {version}{backend}")))
}

/// What a whole model in the legacy format says of its graph.
fn model_config(file: &File) -> Result<Option<String>> {
    let attributes = file.root().attrs().map_err(|error| damaged("the attributes", error))?;
    Ok(attributes.get("model_config").and_then(AttrValue::as_str).map(str::to_owned))
}

/// The tensors of a whole model's layers.
struct Stored<'a> {
    file: &'a File,
    legacy: Option<(String, Group)>,
    sizes: &'a mut Sizes,
    /// Of the legacy format, by the name of an outermost layer.
    groups: HashMap<String, Vec<(String, Vec<usize>)>>,
}

impl Tensors for Stored<'_> {
    fn of(&mut self, at: &Location) -> Result<Vec<(String, Vec<usize>)>> {
        let Some((path, root)) = &self.legacy else {
            for root in KERAS3_ROOTS {
                let path = at.path.replacen(KERAS3_ROOTS[0], root, 1);
                if let Ok(group) = self.file.group(&format!("{path}/vars")) {
                    return variables(&format!("{path}/vars"), &group, self.sizes);
                }
            }
            return Ok(Vec::new());
        };
        if !self.groups.contains_key(at.outermost) {
            let found = legacy_layer(path, root, at.outermost, self.sizes)?;
            self.groups.insert(at.outermost.to_owned(), found);
        }
        let all = &self.groups[at.outermost];
        Ok(match at.inner {
            None => all.clone(),
            Some(name) => {
                all.iter().filter(|(path, _)| path.rsplit('/').nth(1) == Some(name)).cloned().collect()
            }
        })
    }

    fn read(&self, name: &str) -> Result<Vec<f32>> {
        values(self.file, name)
    }
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
        let tensors = legacy_layer(path, root, &name, sizes)?;
        // A nested model is one layer here: its own are told apart by the tensors' names.
        let inner = |path: &str| path.rsplit('/').nth(1).unwrap_or_default().to_owned();
        let mut inside: Vec<Layer> = Vec::new();
        if tensors.len() > MOST_TENSORS {
            let mut at = HashMap::new();
            for tensor in tensors {
                let name = inner(&tensor.0);
                let at = *at.entry(name.clone()).or_insert_with(|| {
                    inside.push(Layer { name, tensors: Vec::new() });
                    inside.len() - 1
                });
                inside[at].tensors.push(tensor);
            }
            turn::sort(&mut inside);
        } else {
            inside.push(Layer { name, tensors });
        }
        layers.extend(inside);
    }
    Ok(layers)
}

/// All tensors under the name of a layer.
fn legacy_layer(
    path: &str,
    root: &Group,
    name: &str,
    sizes: &mut Sizes,
) -> Result<Vec<(String, Vec<usize>)>> {
    let group = root.group(name).map_err(|error| damaged(name, error))?;
    let mut tensors = Vec::new();
    for weight in string_list(&group, "weight_names")? {
        let path = format!("{path}{name}/{weight}");
        let shape = sizes.shape(&group, &weight, &path)?;
        tensors.push((path, shape));
    }
    Ok(tensors)
}

/// Refuses tensors that belong to no layer, but for what training leaves: the names of its groups and tensors.
fn check_unused(file: &File, used: &[String]) -> Result<Vec<String>> {
    let used: HashSet<&str> = used.iter().map(String::as_str).collect();
    let root = file.root();
    let groups = root.groups().map_err(|error| damaged("the structure", error))?;
    let mut left: Vec<String> = groups.into_iter().filter(|name| TRAINING.contains(&name.as_str())).collect();
    for name in stored(&root)? {
        if is_of_training(&name) {
            left.push(name);
        } else if !used.contains(name.as_str()) {
            return Err(Error::Weights(format!(
                "the file holds the tensor {}, which belongs to none of its layers and this network has no place for",
                short(&name)
            )));
        }
    }
    Ok(left)
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
    // A model may keep another as an attribute, as KerasHub's classifiers keep their backbone.
    let groups = file.root().groups().map_err(|error| damaged("the structure", error))?;
    let kept =
        groups.iter().filter(|name| !TRAINING.contains(&name.as_str())).map(|name| format!("{name}/layers"));
    let roots = KERAS3_ROOTS.map(str::to_owned).into_iter().chain(kept);
    let mut containers: Vec<(String, Group)> =
        roots.filter_map(|path| file.group(&path).ok().map(|group| (path, group))).collect();
    if containers.is_empty() {
        return Err(Error::Format(
            "the HDF5 file holds no Keras weights (neither layer_names nor a group layers); save them with save_weights".into(),
        ));
    }
    let mut layers = Vec::new();
    // A model of a class of its own keeps single layers so, too.
    for name in groups.iter().filter(|name| !TRAINING.contains(&name.as_str())) {
        let path = format!("{name}/vars");
        if let Ok(group) = file.group(&path) {
            let tensors = variables(&path, &group, sizes)?;
            layers.push(Layer { name: name.clone(), tensors });
        }
    }
    // The layers of nested models come with the others of their class, all of which such a model has within.
    for at in 0..MAX_GROUPS {
        let Some((path, root)) = containers.get(at).cloned() else { break };
        for name in root.groups().map_err(|error| damaged(&path, error))? {
            let inner = format!("{path}/{name}");
            if inner.matches('/').count() > MAX_DEPTH {
                return Err(damaged(&inner, format!("groups lie deeper than {MAX_DEPTH} levels")));
            }
            // What is listed must be readable: of a file that is cut short, the end is missing.
            let read = |group: &Group, name: &str| group.group(name).map_err(|error| damaged(&inner, error));
            let group = read(&root, &name)?;
            for part in group.groups().map_err(|error| damaged(&inner, error))? {
                match part.as_str() {
                    "layers" => containers.push((format!("{inner}/layers"), read(&group, "layers")?)),
                    "vars" => {
                        let tensors = variables(&format!("{inner}/vars"), &read(&group, "vars")?, sizes)?;
                        layers.push(Layer { name: name.clone(), tensors });
                    }
                    _ => {}
                }
            }
        }
    }
    layers.sort_by_key(|layer| turn(&layer.name));
    Ok(layers)
}

/// The variables of a layer in Keras 3, which are numbered.
fn variables(path: &str, group: &Group, sizes: &mut Sizes) -> Result<Vec<(String, Vec<usize>)>> {
    let mut names = group.datasets().map_err(|error| damaged(path, error))?;
    names.sort_by_key(|name| name.parse::<usize>().unwrap_or(usize::MAX));
    let tensor = |name: &String| {
        let path = format!("{path}/{name}");
        let shape = sizes.shape(group, name, &path)?;
        Ok((path, shape))
    };
    names.iter().map(tensor).collect()
}

/// The count at the end of a Keras 3 group name; the first of a class has none.
fn turn(name: &str) -> usize {
    name.rsplit('_').next().and_then(|count| count.parse().ok()).unwrap_or(0)
}
