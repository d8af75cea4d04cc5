//! An Xception out of Keras: the architecture by layer order, and which tensor goes where.
//!
//! Files list layers in the order of `model.layers`. The shortcuts and their batch norms have no
//! stable names, so a layer is told by its kind (the ranks of its tensors) and its turn.

use std::collections::{HashMap, HashSet};

use super::slot::{Slot, rows, slots};
use super::{Contents, Row, Saved};
use crate::calibration::{Activation, Calibration};
use crate::error::{Error, Result, short};
use crate::labels::Labels;
use crate::model::config::Hidden;
use crate::model::place::{BlockId, Part, Place, TensorId, Unit};
use crate::model::{Dialect, XceptionConfig};
use crate::preprocess::Preprocess;
use crate::weights::Assumed;

/// Input side of the published weights (`keras.applications.Xception`).
const INPUT_SIZE: usize = 299;

/// How KerasHub's names of a block's bridge end, before `_conv` and `_bn`.
const BRIDGE: &str = "_residual";

/// Separable convolutions per block, fixed in `keras.applications.Xception`.
const UNITS_PER_DOWN: usize = 2;
const UNITS_PER_MIDDLE: usize = 3;
const TAIL_UNITS: usize = 2;
const STEM_CONVS: usize = 2;

/// Most dense layers, of which all but the last are taken to have ReLU: what transfer learning adds.
const MAX_DENSE: usize = 4;

/// What a layer is, by the ranks of its tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Conv,
    Separable,
    Norm,
    Dense,
}

/// A layer with weights.
#[derive(Debug)]
pub(in crate::weights) struct Layer {
    pub name: String,
    /// Path and shape of each tensor, in Keras's order.
    pub tensors: Vec<(String, Vec<usize>)>,
}

/// The network that these layers make.
pub(in crate::weights) fn contents(saved: Saved, layers: Vec<Layer>) -> Result<Contents> {
    let (config, found) = arrange(&layers)?;
    let headless = !found.contains_key(&Place::Head.part(Part::Kernel));
    let activation = if config.classes == 1 { Activation::Sigmoid } else { Activation::Softmax };
    Ok(Contents {
        saved,
        preprocess: Preprocess::keras(INPUT_SIZE),
        calibration: Calibration { activation, ..Calibration::default() },
        labels: Labels::default(),
        writer: None,
        unused: Vec::new(),
        headless,
        // Nor is whether ReLU follows a dense layer.
        assumed: Assumed { activation: !headless, ..Assumed::PUBLISHED },
        tensors: layers.into_iter().flat_map(|layer| layer.tensors).collect(),
        rows: rows(&config, found)?,
        config,
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
            [0 | 1, 0 | 1, 0] => Err(Error::Architecture(format!(
                "the layer {} holds a mean and a variance of pictures (Normalization), and of weights alone it is not known what comes before it; give the whole model (model.save)",
                short(&self.name)
            ))),
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

/// The architecture by layer order, and where its tensors are.
fn arrange(layers: &[Layer]) -> Result<(XceptionConfig, HashMap<TensorId, Row>)> {
    let kinds = layers.iter().map(|layer| Ok((layer.kind()?, layer))).collect::<Result<Vec<_>>>()?;
    let of =
        |kind| kinds.iter().filter(move |(own, _)| *own == kind).map(|&(_, layer)| layer).collect::<Vec<_>>();
    let (convs, separables, norms, dense) =
        (of(Kind::Conv), of(Kind::Separable), of(Kind::Norm), of(Kind::Dense));
    check_partners(&convs, &separables, &norms, &dense)?;
    let mut config = structure(convs.len(), separables.len())?;
    let (classifier, hidden) =
        dense.split_last().map_or((None, &[][..]), |(last, hidden)| (Some(last), hidden));
    // Without one the network is there for its features.
    config.classes = classifier.map_or(1, |layer| layer.out());
    config.hidden = hidden.iter().map(|layer| Hidden { width: layer.out(), relu: true }).collect();
    let mut rows = HashMap::new();
    // A convolution and its batch norm say the same width five times; the majority counts, so that the
    // strict check afterwards names the one that is misshapen and not its neighbours.
    let mut votes: HashMap<Place, Vec<usize>> = HashMap::new();
    // Those of a kind in their turn.
    let [mut convs, mut separables, mut norms, mut dense] =
        [convs, separables, norms, dense].map(Vec::into_iter);
    for slot in slots(&config.plan()) {
        let layer = match slot {
            Slot::Conv(_) => convs.next(),
            Slot::Separable(_) => separables.next(),
            Slot::Norm(_) => norms.next(),
            Slot::Dense(_) => dense.next(),
        };
        let tensors = layer.map(|layer| layer.tensors.as_slice()).unwrap_or_default();
        for ((id, layout), (name, shape)) in slot.tensors().into_iter().zip(tensors) {
            rows.insert(id, (name.clone(), layout));
            votes.entry(id.place).or_default().extend(shape.last());
        }
    }
    let width = |place: Place| {
        let votes = votes.get(&place).map(Vec::as_slice).unwrap_or_default();
        let supporters = |width: &usize| votes.iter().filter(|vote| *vote == width).count();
        votes.iter().copied().max_by_key(supporters).unwrap_or(0)
    };
    let widths = |block, count: usize| -> Vec<usize> {
        (0..count).map(|i| width(Unit::Of(block, i).pointwise())).collect()
    };
    config.stem = [0, 1].map(|i| width(Place::Stem(i)));
    for (i, entry) in config.entry.iter_mut().enumerate() {
        *entry = widths(BlockId::Entry(i), entry.len());
    }
    config.exit = widths(BlockId::Exit, config.exit.len());
    config.tail = (0..config.tail.len()).map(|i| width(Unit::Tail(i).pointwise())).collect();
    Ok((config.named(), rows))
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
        // KerasHub names its bridges, too.
        let norm = format!(
            "{}_bn",
            kernel.strip_suffix("_conv").filter(|kernel| kernel.ends_with(BRIDGE)).unwrap_or(kernel)
        );
        if !is_norm(&norm) {
            return lacks(&norm);
        }
    }
    for kernel in norms.iter().filter_map(|norm| norm.name.strip_suffix("_bn")) {
        let kernel = if kernel.ends_with(BRIDGE) { &format!("{kernel}_conv") } else { kernel };
        if kernel.starts_with("block") && !kernels.contains(kernel) {
            return lacks(kernel);
        }
    }
    let pairs = convs.len() + separables.len();
    if norms.len() != pairs {
        let loose = norms.iter().rfind(|norm| !norm.name.starts_with("block"));
        let last = loose.map_or(String::new(), |norm| format!(", the last of them {},", short(&norm.name)));
        return Err(Error::Weights(format!(
            "the file holds {} batch norms{last} for {pairs} convolutions; each convolution has one of its own, and those of a classifier are read of whole models (model.save)",
            norms.len()
        )));
    }
    match dense {
        [first, ..] if dense.len() > MAX_DENSE => unused(first),
        _ => Ok(()),
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
            face: None,
            hidden: Vec::new(),
        }),
        _ => Err(Error::Architecture(format!(
            "the file holds {convs} convolutions and {separables} separable convolutions, which is no Xception; give the weights of keras.applications.Xception with include_top"
        ))),
    }
}
