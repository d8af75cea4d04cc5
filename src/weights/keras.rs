//! Keras's weights in HDF5: the legacy `.h5` (published and saved by users) and Keras 3's `.weights.h5`.
//!
//! Both list layers in the order of `model.layers`. The residual convolutions and their batch norms
//! have no stable names, so a layer is told by its kind (the ranks of its tensors) and its turn.

use std::collections::{HashMap, HashSet};

use hdf5_pure::{AttrValue, File, Group};

use super::ModelFile;
use super::metadata::About;
use super::names::{Layout, Row, table};
use super::source::TensorSource;
use crate::calibration::Calibration;
use crate::error::{Error, Result};
use crate::labels::Labels;
use crate::model::{Dialect, XceptionConfig};
use crate::preprocess::Preprocess;

/// Input side of the published weights (`keras.applications.Xception`).
const INPUT_SIZE: usize = 299;

/// Most bytes that a compressed file may unpack to beyond its own size: one full network at f32.
const MAX_UNPACKED: usize = 128 << 20;

/// Where Keras 3 keeps its layers: today, and in the first releases of `.weights.h5`.
const KERAS3_ROOTS: [&str; 2] = ["layers", "_layer_checkpoint_dependencies"];

/// Most groups that a legacy file may have, some ten times Keras's: groups may be linked in a circle.
const MAX_GROUPS: usize = 4096;

/// Separable convolutions per block, fixed in `keras.applications.Xception`.
const UNITS_PER_DOWN: usize = 2;
const UNITS_PER_MIDDLE: usize = 3;
const TAIL_UNITS: usize = 2;
const STEM_CONVS: usize = 2;

/// What a layer is, by the ranks of its tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Conv,
    Separable,
    Norm,
    Dense,
}

struct Layer {
    kind: Kind,
    name: String,
    /// Path and shape of each tensor, in Keras's order.
    tensors: Vec<(String, Vec<usize>)>,
}

struct Source {
    file: File,
    tensors: Vec<(String, Vec<usize>)>,
}

impl TensorSource for Source {
    fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        self.tensors.clone()
    }

    fn read(&self, name: &str) -> Result<Vec<f32>> {
        let values = self
            .file
            .dataset(name)
            .and_then(|dataset| dataset.read_f32())
            .map_err(|error| damaged(name, error))?;
        let expected =
            self.tensors.iter().find(|(known, _)| known == name).map(|(_, shape)| shape.iter().product());
        if expected != Some(values.len()) {
            return Err(damaged(name, "it holds another count of numbers than its shape says"));
        }
        Ok(values)
    }
}

fn damaged(what: &str, why: impl std::fmt::Display) -> Error {
    Error::Format(format!("cannot read {what} in the HDF5 file: {why}; the file is damaged or cut short"))
}

/// Recognises either layout, and the architecture by layer order.
pub(super) fn parse(bytes: Vec<u8>) -> Result<ModelFile> {
    let size = bytes.len();
    let file = File::from_bytes(bytes).map_err(|error| damaged("the structure", error))?;
    let (format, layers) = match legacy_root(&file)? {
        Some((path, root)) => ("Keras legacy HDF5", legacy_layers(&path, &root)?),
        None => ("Keras 3 weights HDF5", keras3_layers(&file)?),
    };
    check_size(&layers, size)?;
    let (config, rows) = arrange(&layers)?;
    let tensors = layers.into_iter().flat_map(|layer| layer.tensors).collect();
    Ok(ModelFile {
        config,
        preprocess: Preprocess::keras(INPUT_SIZE),
        labels: Labels::default(),
        about: About::default(),
        format,
        calibration: Calibration::default(),
        assumed: true,
        digest: None,
        source: Box::new(Source { file, tensors }),
        rows,
    })
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
        layers.extend(Layer::new(name, tensors)?);
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
        layers.extend(Layer::new(name, tensors)?);
    }
    layers.sort_by_key(|layer| turn(&layer.name));
    Ok(layers)
}

/// The count at the end of a Keras 3 group name; the first of a class has none.
fn turn(name: &str) -> usize {
    name.rsplit('_').next().and_then(|count| count.parse().ok()).unwrap_or(0)
}

impl Layer {
    /// `None` for a layer without weights.
    fn new(name: String, tensors: Vec<(String, Vec<usize>)>) -> Result<Option<Self>> {
        let ranks: Vec<usize> = tensors.iter().map(|(_, shape)| shape.len()).collect();
        let kind = match ranks[..] {
            [] => return Ok(None),
            // With one of its two kernels missing, a separable convolution would pass for a plain one.
            [4] if !name.contains("sep") => Kind::Conv,
            [4, 4] => Kind::Separable,
            [1, 1, 1, 1] => Kind::Norm,
            [2, 1] => Kind::Dense,
            _ => {
                return Err(Error::Architecture(format!(
                    "the layer {name} holds tensors of ranks {ranks:?}; an Xception has only convolutions without bias, separable convolutions, batch norms and a dense layer"
                )));
            }
        };
        Ok(Some(Self { kind, name, tensors }))
    }

    fn out(&self) -> usize {
        self.tensors.last().and_then(|(_, shape)| shape.last()).copied().unwrap_or(0)
    }
}

/// The architecture by layer order, and which tensor goes where.
fn arrange(layers: &[Layer]) -> Result<(XceptionConfig, Vec<Row>)> {
    let of = |kind: Kind| layers.iter().filter(move |layer| layer.kind == kind).collect::<Vec<_>>();
    let (convs, separables, norms, dense) =
        (of(Kind::Conv), of(Kind::Separable), of(Kind::Norm), of(Kind::Dense));
    check_partners(&convs, &separables, &norms, &dense)?;
    let mut config = structure(convs.len(), separables.len())?;
    let slots = Slots::of(&config);
    let mut places: HashMap<String, &(String, Vec<usize>)> = HashMap::new();
    // A convolution and its batch norm say the same width five times; the majority counts, so that the
    // strict check afterwards names the one that is misshapen and not its neighbours.
    let mut votes: HashMap<&str, Vec<usize>> = HashMap::new();
    for (slots, layers) in [
        (&slots.convs, &convs),
        (&slots.separables, &separables),
        (&slots.norms, &norms),
        (&slots.dense, &dense),
    ] {
        for (slot, layer) in slots.iter().zip(layers) {
            for (canonical, tensor) in slot.iter().zip(&layer.tensors) {
                places.insert(canonical.clone(), tensor);
                let unit = canonical.split(".conv.").next().unwrap_or(canonical);
                let unit = unit.split(".norm.").next().unwrap_or(unit);
                votes.entry(unit).or_default().extend(tensor.1.last());
            }
        }
    }
    let width = |unit: &str| {
        let votes = votes.get(unit).map(Vec::as_slice).unwrap_or_default();
        let supporters = |width: &usize| votes.iter().filter(|vote| *vote == width).count();
        votes.iter().copied().max_by_key(supporters).unwrap_or(0)
    };
    config.classes = dense.first().map_or(0, |layer| layer.out());
    config.stem = [0, 1].map(|i| width(&format!("stem.{i}")));
    for (i, widths) in config.entry.iter_mut().enumerate() {
        *widths = (0..widths.len()).map(|j| width(&format!("entry.{i}.units.{j}.pointwise"))).collect();
    }
    config.exit = (0..config.exit.len()).map(|j| width(&format!("exit.units.{j}.pointwise"))).collect();
    config.tail = (0..config.tail.len()).map(|i| width(&format!("tail.{i}.pointwise"))).collect();
    let config = config.named();
    let rows = table(&config, |canonical| {
        let name = places.get(canonical).map(|(name, _)| name.clone());
        let layout = match canonical {
            _ if canonical.ends_with("depthwise.conv.weight") => Layout::Hwcm,
            _ if canonical.ends_with("conv.weight") => Layout::Hwio,
            // Keras and Burn both keep a dense kernel as [in, out].
            _ => Layout::Same,
        };
        (name.unwrap_or_else(|| canonical.to_string()), layout)
    })?;
    Ok((config, rows))
}

/// Every convolution has its batch norm, and there is one classifier. Keras names the pairs alike
/// (`block5_sepconv1` and `block5_sepconv1_bn`), all but the bridges', so most failures have a name.
fn check_partners(convs: &[&Layer], separables: &[&Layer], norms: &[&Layer], dense: &[&Layer]) -> Result<()> {
    let kernels: HashSet<&str> = convs.iter().chain(separables).map(|layer| layer.name.as_str()).collect();
    let lacks = |name: &str| {
        Err(Error::Weights(format!("the file lacks the layer {name}; the whole network must be in it")))
    };
    let unused = |layer: &Layer| {
        Err(Error::Weights(format!(
            "the file holds the layer {}, which this network has no place for",
            layer.name
        )))
    };
    let is_norm = |name: &str| norms.iter().any(|norm| norm.name == name);
    for kernel in kernels.iter().filter(|name| name.starts_with("block")) {
        let norm = format!("{kernel}_bn");
        if !is_norm(&norm) {
            return lacks(&norm);
        }
    }
    for kernel in norms.iter().filter_map(|norm| norm.name.strip_suffix("_bn")) {
        if kernel.starts_with("block") && !kernels.contains(kernel) {
            return lacks(kernel);
        }
    }
    let pairs = convs.len() + separables.len();
    if norms.len() != pairs {
        let loose = norms.iter().rfind(|norm| !norm.name.starts_with("block"));
        let last = loose.map_or(String::new(), |norm| format!(", the last of them {},", norm.name));
        return Err(Error::Weights(format!(
            "the file holds {} batch norms{last} for {pairs} convolutions; each convolution has one of its own",
            norms.len()
        )));
    }
    match dense {
        [] => lacks("predictions (the classifier)"),
        [_] => Ok(()),
        [.., extra] => unused(extra),
    }
}

/// The table without its widths: all convolutions after the stem's are bridges, the last of them the exit
/// flow's; each goes with two separable convolutions, two more end the network, and the rest is the middle flow.
fn structure(convs: usize, separables: usize) -> Result<XceptionConfig> {
    let bridges = convs.saturating_sub(STEM_CONVS);
    let middle = separables.checked_sub(UNITS_PER_DOWN * bridges + TAIL_UNITS);
    match middle {
        Some(middle) if bridges > 1 && middle % UNITS_PER_MIDDLE == 0 => Ok(XceptionConfig {
            architecture: String::new(),
            dialect: Dialect::Keras,
            classes: 0,
            stem: [0; STEM_CONVS],
            entry: vec![vec![0; UNITS_PER_DOWN]; bridges - 1],
            middle_blocks: middle / UNITS_PER_MIDDLE,
            middle_units: UNITS_PER_MIDDLE,
            exit: vec![0; UNITS_PER_DOWN],
            tail: vec![0; TAIL_UNITS],
            aligned: None,
        }),
        _ => Err(Error::Architecture(format!(
            "the file holds {convs} convolutions and {separables} separable convolutions, which is no Xception; give the weights of keras.applications.Xception with include_top"
        ))),
    }
}

/// Canonical names per layer, by kind, in the order of `model.layers`.
#[derive(Default)]
struct Slots {
    convs: Vec<Vec<String>>,
    separables: Vec<Vec<String>>,
    norms: Vec<Vec<String>>,
    dense: Vec<Vec<String>>,
}

impl Slots {
    fn of(config: &XceptionConfig) -> Self {
        let mut slots = Self::default();
        for i in 0..STEM_CONVS {
            slots.conv_norm(&format!("stem.{i}"));
        }
        for (i, widths) in config.entry.iter().enumerate() {
            slots.block(&format!("entry.{i}"), widths.len());
            slots.conv_norm(&format!("entry.{i}.shortcut"));
        }
        for i in 0..config.middle_blocks {
            slots.block(&format!("middle.{i}"), config.middle_units);
        }
        slots.block("exit", config.exit.len());
        // Keras sorts layers by their depth from the output: the bridge's norm comes after the
        // block's last one, because a pool follows that.
        slots.conv_norm("exit.shortcut");
        for i in 0..config.tail.len() {
            slots.separable(&format!("tail.{i}"));
        }
        slots.dense.push(vec!["head.weight".into(), "head.bias".into()]);
        slots
    }

    fn block(&mut self, path: &str, units: usize) {
        for unit in 0..units {
            self.separable(&format!("{path}.units.{unit}"));
        }
    }

    fn separable(&mut self, path: &str) {
        self.separables
            .push(vec![format!("{path}.depthwise.conv.weight"), format!("{path}.pointwise.conv.weight")]);
        self.norm(&format!("{path}.pointwise"));
    }

    fn conv_norm(&mut self, path: &str) {
        self.convs.push(vec![format!("{path}.conv.weight")]);
        self.norm(path);
    }

    fn norm(&mut self, path: &str) {
        self.norms.push(
            ["gamma", "beta", "running_mean", "running_var"].map(|part| format!("{path}.norm.{part}")).into(),
        );
    }
}
