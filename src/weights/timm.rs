//! timm's files, whatever holds the tensors; and `legacy_xception` (Cadene's port): its tensor names, and
//! the architecture read back from them.

use std::collections::BTreeMap;

use super::aligned;
use super::headless::{self, Headless};
use super::metadata::About;
use super::names::{Layout, Row, table};
use super::source::TensorSource;
use super::spelling;
use super::{Assumed, ModelFile};
use crate::calibration::Calibration;
use crate::error::{Error, Result};
use crate::labels::Labels;
use crate::model::place::{BlockId, Part, Place, TensorId, Unit};
use crate::model::{Dialect, XceptionConfig};
use crate::preprocess::Preprocess;

/// Input side of the published weights (`default_cfg` of `legacy_xception`).
const INPUT_SIZE: usize = 299;
/// Their crop, from the same place.
const CROP_PCT: f64 = 0.8975;

/// What timm calls its description of a network's input: in its modules, beside weights, and in `config.json`.
pub(super) const CONFIGURATION: &str = "pretrained_cfg";

/// What a file says beside its tensors.
pub(super) struct Said {
    /// By what it was written.
    pub writer: Option<String>,
    /// What a picture must look like.
    pub configuration: Option<serde_json::Value>,
}

/// The network of timm's whose tensors these are, with what the file says that it expects of a picture, or its published
/// weights do.
pub(super) fn published(
    format: &'static str,
    said: Said,
    source: Box<dyn TensorSource>,
) -> Result<ModelFile> {
    let (source, unused) = spelling::as_timms(source)?;
    let tensors = source.tensors();
    let (config, rows, crop) = if aligned::is_aligned(tensors.iter().map(|(name, _)| name.as_str())) {
        let config = aligned::recognise(&tensors)?;
        let rows = named(&config, &tensors, aligned::name)?;
        let crop = aligned::crop(&config);
        (config, rows, crop)
    } else {
        let config = recognise(&tensors)?;
        let rows = named(&config, &tensors, name)?;
        (config, rows, CROP_PCT)
    };
    let headless = rows.iter().any(|row| headless::is_stand_in(&row.name));
    let mut file = ModelFile {
        preprocess: Preprocess::timm(INPUT_SIZE, crop),
        labels: Labels::default(),
        about: About::default(),
        format,
        writer: said.writer,
        calibration: Calibration::default(),
        assumed: Assumed { activation: !headless, ..Assumed::PUBLISHED },
        headless,
        unused,
        digest: None,
        source: Box::new(Headless::new(Box::new(source), &rows)),
        rows,
        config,
    };
    if let Some(configuration) = said.configuration {
        file.take_configuration(&configuration)?;
    }
    Ok(file)
}

/// The rows of a network, of whose classifier the file may hold nothing: networks that are there for their features.
fn named(
    config: &XceptionConfig,
    tensors: &[(String, Vec<usize>)],
    name: impl Fn(&XceptionConfig, TensorId) -> (String, Layout),
) -> Result<Vec<Row>> {
    let (kernel, _) = name(config, Place::Head.part(Part::Kernel));
    let head = kernel.trim_end_matches("weight");
    let headless = !Shapes::of(tensors).any(head);
    table(config, |id| match id.place {
        Place::Head if headless => (headless::stand_in(id), Layout::Same),
        _ => name(config, id),
    })
}

/// timm's name for a tensor.
///
/// Blocks count from 1 through the three flows; within a block `rep` also counts ReLUs and batch
/// norms, and the first block lacks the leading ReLU.
pub(super) fn name(config: &XceptionConfig, id: TensorId) -> (String, Layout) {
    let block = |id| number(config, id) + 1;
    // Names of a place's convolution, or dense layer, and of the batch norm after it.
    let [kernel, norm] = match id.place {
        Place::Stem(i) => [format!("conv{}", i + 1), format!("bn{}", i + 1)],
        Place::Depthwise(unit) | Place::Pointwise(unit) => {
            let half = if id.place == unit.depthwise() { "conv1" } else { "pointwise" };
            let (convs, norm) = match unit {
                Unit::Of(of, i) => {
                    let rep = 3 * i + usize::from(of != BlockId::Entry(0));
                    (format!("block{}.rep.{rep}", block(of)), format!("block{}.rep.{}", block(of), rep + 1))
                }
                // The stem took numbers 1 and 2.
                Unit::Tail(i) => (format!("conv{}", i + 3), format!("bn{}", i + 3)),
            };
            [format!("{convs}.{half}"), norm]
        }
        Place::Shortcut(of) => [format!("block{}.skip", block(of)), format!("block{}.skipbn", block(of))],
        Place::Head => ["fc".into(), String::new()],
        // It has none.
        Place::Sum(_) | Place::Hidden(_) => [id.place.to_string(), id.place.to_string()],
    };
    torch(id, &kernel, &norm)
}

/// The number of a block, counted from 0 through the three flows.
pub(super) fn number(config: &XceptionConfig, block: BlockId) -> usize {
    match block {
        BlockId::Entry(i) => i,
        BlockId::Middle(i) => config.entry.len() + i,
        BlockId::Exit => config.entry.len() + config.middle_blocks,
    }
}

/// What PyTorch calls a tensor of the layer `kernel` or of the batch norm `norm`, and how it lies there.
pub(super) fn torch(id: TensorId, kernel: &str, norm: &str) -> (String, Layout) {
    let name = match id.part {
        Part::Kernel => format!("{kernel}.weight"),
        Part::Bias => format!("{kernel}.bias"),
        Part::Gamma => format!("{norm}.weight"),
        Part::Beta => format!("{norm}.bias"),
        Part::Mean => format!("{norm}.running_mean"),
        Part::Variance => format!("{norm}.running_var"),
    };
    let is_matrix = id == Place::Head.part(Part::Kernel);
    (name, if is_matrix { Layout::Transposed } else { Layout::Same })
}

/// Names and shapes of a file, asked for widths.
///
/// A convolution and its batch norm say the same width five times, and the majority counts. One tensor
/// that is missing, left over or misshapen does not change the table, so the strict check names that one.
pub(super) struct Shapes<'a>(BTreeMap<&'a str, &'a [usize]>);

impl<'a> Shapes<'a> {
    pub fn of(tensors: &'a [(String, Vec<usize>)]) -> Self {
        Self(tensors.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())).collect())
    }

    /// Whether any name starts so.
    pub fn any(&self, start: &str) -> bool {
        self.0.range(start..).next().is_some_and(|(name, _)| name.starts_with(start))
    }

    /// The width that most of these kernels and batch norms have; of a lone witness nothing is believed.
    pub fn width(&self, kernels: &[String], norms: &[String]) -> Option<usize> {
        self.width_or(kernels, norms, None)
    }

    /// The same with one more witness, the most trusted.
    pub fn width_or(&self, kernels: &[String], norms: &[String], more: Option<usize>) -> Option<usize> {
        let parts = ["weight", "bias", "running_mean", "running_var"];
        let norms = norms.iter().flat_map(|norm| parts.map(|part| format!("{norm}.{part}")));
        let names = kernels.iter().cloned().chain(norms);
        let votes: Vec<usize> =
            names.filter_map(|name| self.0.get(name.as_str())?.first().copied()).chain(more).collect();
        let supporters = |width: &usize| votes.iter().filter(|vote| *vote == width).count();
        votes.iter().copied().max_by_key(supporters).filter(|_| votes.len() > 1)
    }

    /// One side of a tensor.
    pub fn side(&self, name: &str, at: usize) -> Option<usize> {
        self.0.get(name)?.get(at).copied()
    }

    /// Classes of the classifier `path`. Two witnesses only: the kernel is believed when its other side fits. Without
    /// any classifier the network is there for its features.
    pub fn classes(&self, path: &str, features: Option<&usize>) -> Option<usize> {
        if !self.any(&format!("{path}.")) {
            return Some(1);
        }
        let shape = |part: &str| self.0.get(format!("{path}.{part}").as_str()).copied();
        match (shape("weight"), shape("bias")) {
            (Some(&[classes, from]), _) if Some(&from) == features => Some(classes),
            (_, Some(&[classes])) => Some(classes),
            _ => None,
        }
    }
}

/// Reads the table back from names and shapes; the strict check afterwards holds it to them.
pub(super) fn recognise(tensors: &[(String, Vec<usize>)]) -> Result<XceptionConfig> {
    let shapes = Shapes::of(tensors);
    let lacks = |name: &str| {
        Error::Architecture(format!(
            "the file lacks the tensor {name}, so it is no Xception of timm's and not made by `xception convert`; those and Keras's .h5 files are read"
        ))
    };
    let stem = |conv: usize| {
        let kernel = format!("conv{conv}.weight");
        shapes.width(std::slice::from_ref(&kernel), &[format!("bn{conv}")]).ok_or_else(|| lacks(&kernel))
    };
    let widths = |block: usize| -> Vec<usize> {
        (usize::from(block > 1)..)
            .step_by(3)
            .map_while(|at| {
                let kernel = format!("block{block}.rep.{at}.pointwise.weight");
                shapes.width(&[kernel], &[format!("block{block}.rep.{}", at + 1)])
            })
            .collect()
    };
    let bridged = |block: usize| {
        shapes.width(&[format!("block{block}.skip.weight")], &[format!("block{block}.skipbn")]).is_some()
    };
    let stem = [stem(1)?, stem(2)?];
    let blocks: Vec<Vec<usize>> = (1..).map(widths).take_while(|widths| !widths.is_empty()).collect();
    let entry = (1..=blocks.len()).take_while(|&block| bridged(block)).count();
    if entry == 0 || blocks.len() < entry + 1 {
        return Err(Error::Architecture(format!(
            "the file has {} blocks, {entry} of them with a shortcut before the middle flow; an Xception has an entry, a middle and an exit flow",
            blocks.len()
        )));
    }
    let tail: Vec<usize> = (3..)
        .map_while(|conv| shapes.width(&[format!("conv{conv}.pointwise.weight")], &[format!("bn{conv}")]))
        .collect();
    let classes = shapes.classes("fc", tail.last()).ok_or_else(|| lacks("fc.weight"))?;
    let config = XceptionConfig {
        architecture: String::new(),
        dialect: Dialect::Timm,
        classes,
        stem,
        entry: blocks[..entry].to_vec(),
        middle_blocks: blocks.len() - entry - 1,
        middle_units: if blocks.len() > entry + 1 { blocks[entry].len() } else { 0 },
        exit: blocks[blocks.len() - 1].clone(),
        tail,
        aligned: None,
        face: None,
        hidden: Vec::new(),
    };
    Ok(config.named())
}

#[cfg(test)]
mod tests {
    use super::super::names::table;
    use super::*;

    #[test]
    fn names_are_timms_and_lead_back_to_the_architecture() {
        let config = XceptionConfig::xception(Dialect::Timm, 1000);
        let rows = table(&config, |id| name(&config, id)).unwrap();
        let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        for known in [
            "conv1.weight",
            "bn2.running_var",
            "block1.rep.0.conv1.weight",
            "block1.rep.4.bias",
            "block2.rep.1.pointwise.weight",
            "block4.rep.8.running_mean",
            "block12.skip.weight",
            "block12.skipbn.weight",
            "conv3.conv1.weight",
            "conv4.pointwise.weight",
            "bn4.bias",
            "fc.bias",
        ] {
            assert!(names.contains(&known), "{known} is not in {names:?}");
        }
        let tensors: Vec<_> = rows.iter().map(|row| (row.name.clone(), row.foreign_shape())).collect();
        assert_eq!(recognise(&tensors).unwrap(), config);
    }
}
