//! An Xception out of Keras: the architecture by layer order, and which tensor goes where.
//!
//! Files list layers in the order of `model.layers`. The residual convolutions and their batch norms have no
//! stable names, so a layer is told by its kind (the ranks of its tensors) and its turn.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::ModelFile;
use super::metadata::About;
use super::names::{Layout, Row, table};
use super::source::TensorSource;
use crate::calibration::Calibration;
use crate::error::{Error, Result, short};
use crate::labels::Labels;
use crate::model::{Dialect, XceptionConfig};
use crate::preprocess::Preprocess;

/// Input side of the published weights (`keras.applications.Xception`).
const INPUT_SIZE: usize = 299;

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

/// Which Keras wrote the file.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Saved {
    /// Before Keras 3, or as its `.h5`.
    Legacy,
    /// As `.weights.h5`.
    Keras3,
}

/// What a file holds, without the values.
#[derive(Debug, Serialize, Deserialize)]
pub struct Contents {
    pub(super) saved: Saved,
    /// In the order of `model.layers`.
    pub(super) layers: Vec<Layer>,
}

/// A layer with weights.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Layer {
    pub name: String,
    /// Path and shape of each tensor, in Keras's order.
    pub tensors: Vec<(String, Vec<usize>)>,
}

/// Reads the tensor at a path, from wherever the file is.
pub(super) type Read = Box<dyn Fn(&str) -> Result<Vec<f32>>>;

struct Source {
    read: Read,
    tensors: Vec<(String, Vec<usize>)>,
}

impl TensorSource for Source {
    fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        self.tensors.clone()
    }

    fn read(&self, name: &str) -> Result<Vec<f32>> {
        let values = (self.read)(name)?;
        let expected =
            self.tensors.iter().find(|(known, _)| known == name).map(|(_, shape)| shape.iter().product());
        if expected != Some(values.len()) {
            return Err(Error::Weights(format!(
                "the tensor {} holds {} numbers, which is not what its shape says; the file is damaged",
                short(name),
                values.len()
            )));
        }
        Ok(values)
    }
}

/// The network that these layers make.
pub(super) fn parse(contents: Contents, read: Read) -> Result<ModelFile> {
    let Contents { saved, layers } = contents;
    let (config, rows) = arrange(&layers)?;
    let tensors = layers.into_iter().flat_map(|layer| layer.tensors).collect();
    Ok(ModelFile {
        config,
        preprocess: Preprocess::keras(INPUT_SIZE),
        labels: Labels::default(),
        about: About::default(),
        format: match saved {
            Saved::Legacy => "Keras legacy HDF5",
            Saved::Keras3 => "Keras 3 weights HDF5",
        },
        calibration: Calibration::default(),
        assumed: true,
        unused: Vec::new(),
        digest: None,
        source: Box::new(Source { read, tensors }),
        rows,
    })
}

impl Layer {
    fn kind(&self) -> Result<Kind> {
        let ranks: Vec<usize> = self.tensors.iter().map(|(_, shape)| shape.len()).collect();
        match ranks[..] {
            // With one of its two kernels missing, a separable convolution would pass for a plain one.
            [4] if !self.name.contains("sep") => Ok(Kind::Conv),
            [4, 4] => Ok(Kind::Separable),
            [1, 1, 1, 1] => Ok(Kind::Norm),
            [2, 1] => Ok(Kind::Dense),
            _ => Err(Error::Architecture(format!(
                "the layer {} holds tensors of ranks {}; an Xception has only convolutions without bias, separable convolutions, batch norms and a dense layer",
                short(&self.name),
                short(format!("{ranks:?}"))
            ))),
        }
    }

    fn out(&self) -> usize {
        self.tensors.last().and_then(|(_, shape)| shape.last()).copied().unwrap_or(0)
    }
}

/// The architecture by layer order, and which tensor goes where.
fn arrange(layers: &[Layer]) -> Result<(XceptionConfig, Vec<Row>)> {
    let kinds = layers.iter().map(|layer| Ok((layer.kind()?, layer))).collect::<Result<Vec<_>>>()?;
    let of =
        |kind| kinds.iter().filter(move |(own, _)| *own == kind).map(|&(_, layer)| layer).collect::<Vec<_>>();
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
        let name = short(name);
        Err(Error::Weights(format!("the file lacks the layer {name}; the whole network must be in it")))
    };
    let unused = |layer: &Layer| {
        Err(Error::Weights(format!(
            "the file holds the layer {}, which this network has no place for",
            short(&layer.name)
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
        let last = loose.map_or(String::new(), |norm| format!(", the last of them {},", short(&norm.name)));
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
