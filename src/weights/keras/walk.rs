//! From the graph of a Keras model to the table of an Xception and the layer of each of its tensors.

use super::layer::{Act, Op, strange};
use super::model::Graph;
use super::slot::Slot;
use super::steps::Block;
use super::way::Walk;
use crate::calibration::Activation;
use crate::error::{Error, Result, short};
use crate::model::XceptionConfig;
use crate::model::config::{Dialect, Face};
use crate::model::place::{BlockId, Place, Unit};

/// What a walk through a model finds.
#[derive(Debug)]
pub(super) struct Found {
    pub config: XceptionConfig,
    /// Height and width of the model's input, where it says them.
    pub size: Option<usize>,
    /// What is done to a picture's bytes, in order.
    pub before: Vec<Before>,
    /// The index of the layer that each convolution and batch norm of the network is.
    pub layers: Vec<(Slot, usize)>,
    /// The dense layers, the last of them the classifier, each with the batch norms on both sides; none of a model
    /// that ends in features.
    pub dense: Vec<DenseAt>,
    /// What makes scores of logits, if the model says so.
    pub scores: Option<Activation>,
}

/// A step of preprocessing.
#[derive(Debug)]
pub(super) enum Before {
    /// By numbers of the configuration.
    Affine { scale: Vec<f64>, offset: Vec<f64> },
    /// By the tensors of the layer of this index.
    Normalization(usize),
    /// As `keras.applications.Xception` wants it; an assumption.
    Published,
}

/// A dense layer and what is folded into it.
#[derive(Debug, Default)]
pub(super) struct DenseAt {
    pub layer: usize,
    pub bias: bool,
    pub norms_before: Vec<NormAt>,
    pub norms_after: Vec<NormAt>,
}

/// A batch norm that is folded into a dense layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct NormAt {
    pub layer: usize,
    pub epsilon: f64,
    /// Whether it has gamma, and beta.
    pub scale: bool,
    pub center: bool,
}

/// Reads a model.
pub(super) fn walk(graph: &Graph) -> Result<Found> {
    let mut walk = Walk::new(graph)?;
    let size = walk.size()?;
    let channels = walk.channels()?;
    let before = walk.preprocessing()?;
    let (first, stride, stem0) = walk.stem(0)?;
    let (second, _, stem1) = walk.stem(1)?;
    let mut layers = Layers::default();
    layers.conv(Place::Stem(0), first);
    layers.conv(Place::Stem(1), second);
    let mut blocks = Vec::new();
    while let Some(block) = walk.block()? {
        blocks.push(block);
    }
    let mut tail = Vec::new();
    while let Some((unit, filters)) = walk.separable()? {
        layers.separable(Unit::Tail(tail.len()), unit);
        walk.expect("ReLU", |op| *op == Op::Relu)?;
        tail.push(filters);
    }
    let mut config = XceptionConfig {
        architecture: String::new(),
        dialect: Dialect::Keras,
        classes: 0,
        stem: [stem0, stem1],
        entry: Vec::new(),
        middle_blocks: 0,
        middle_units: 0,
        exit: Vec::new(),
        tail,
        aligned: None,
        face: None,
        hidden: Vec::new(),
    };
    let leads: Vec<bool> = blocks.iter().skip(1).map(|block| block.lead).collect();
    let last_halves = blocks.last().is_none_or(|block| block.halves);
    flows(&mut config, blocks, &mut layers)?;
    let (dense, scores) = match walk.face_head()? {
        Some((layer, classes)) => {
            let leading_relu = leads.iter().all(|&lead| lead);
            config.face = Some(Face { channels, stride, leading_relu, last_halves });
            config.classes = classes;
            walk.expect("GlobalAveragePooling2D", |op| *op == Op::Mean)?;
            let scores = walk.scores(Act::Linear)?;
            (vec![DenseAt { layer, bias: true, ..DenseAt::default() }], scores)
        }
        None => {
            let node = &graph.nodes[first[0]];
            if stride != 2 || channels != 3 || !last_halves || leads.iter().any(|&lead| !lead) {
                return Err(strange(
                    node,
                    format!(
                        "has stride {stride} on {channels} channels, or a block lacks its leading ReLU or its pool: only face networks, which end in a 3×3 convolution, have that, and this model is not"
                    ),
                ));
            }
            if walk.is_at_end() {
                // The base of others, without the pooling that they begin with.
                config.classes = 1;
                (Vec::new(), None)
            } else {
                walk.expect("GlobalAveragePooling2D", |op| *op == Op::Mean)?;
                walk.head(&mut config)?
            }
        }
    };
    Ok(Found { config: config.named(), size, before, layers: layers.0, dense, scores })
}

/// Layers that have their places.
#[derive(Default)]
struct Layers(Vec<(Slot, usize)>);

impl Layers {
    fn conv(&mut self, place: Place, [conv, norm]: [usize; 2]) {
        self.0.extend([(Slot::Conv(place), conv), (Slot::Norm(place), norm)]);
    }

    fn separable(&mut self, unit: Unit, [separable, norm]: [usize; 2]) {
        self.0.extend([(Slot::Separable(unit), separable), (Slot::Norm(unit.pointwise()), norm)]);
    }

    fn block(&mut self, id: BlockId, block: Block) -> Vec<usize> {
        if let Some(shortcut) = block.shortcut {
            self.conv(Place::Shortcut(id), shortcut);
        }
        for (i, unit) in block.units.into_iter().enumerate() {
            self.separable(Unit::Of(id, i), unit);
        }
        block.widths
    }
}

/// Sorts blocks into flows: those with a shortcut, those with the identity, and one more with a shortcut.
fn flows(config: &mut XceptionConfig, mut blocks: Vec<Block>, layers: &mut Layers) -> Result<()> {
    let no = |what: String| {
        Error::Architecture(format!(
            "the model has {what}; an Xception has an entry flow of blocks with a shortcut, a middle flow of blocks without, and one more with a shortcut"
        ))
    };
    let exit = blocks.pop().filter(|exit| exit.shortcut.is_some() && !blocks.is_empty());
    let exit = exit.ok_or_else(|| no("no two blocks with a shortcut".into()))?;
    let entry = blocks.iter().take_while(|block| block.shortcut.is_some()).count();
    if let Some(odd) = blocks[entry..].iter().find(|block| block.shortcut.is_some()) {
        return Err(no(format!("a shortcut within the middle flow, at {}", short(&odd.name))));
    }
    if let Some(odd) = blocks[..entry].iter().find(|block| !block.halves) {
        return Err(no(format!("a shortcut of stride 1, at {}", short(&odd.name))));
    }
    let middle = blocks.split_off(entry);
    config.middle_blocks = middle.len();
    config.middle_units = middle.first().map_or(0, |block| block.widths.len());
    if let Some(odd) = middle.iter().find(|block| block.widths.len() != config.middle_units) {
        return Err(no(format!("middle blocks of different lengths, at {}", short(&odd.name))));
    }
    let entry = blocks.into_iter().enumerate();
    config.entry = entry.map(|(i, block)| layers.block(BlockId::Entry(i), block)).collect();
    for (i, block) in middle.into_iter().enumerate() {
        layers.block(BlockId::Middle(i), block);
    }
    config.exit = layers.block(BlockId::Exit, exit);
    Ok(())
}
