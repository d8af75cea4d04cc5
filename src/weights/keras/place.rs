//! From a walked graph and the tensors of each layer to what the module that computes must know.

use std::collections::HashMap;

use super::arithmetic::normalized;
use super::dense::{Folded, Named, Norm};
use super::layer::Op;
use super::model::{Graph, Node};
use super::slot::{Slot, rows};
use super::walk::{Before, DenseAt, Found, NormAt, walk};
use super::{Contents, Row, Saved};
use crate::calibration::{Activation, Calibration};
use crate::error::{Error, Result, short};
use crate::labels::Labels;
use crate::model::place::{Part, Place, TensorId};
use crate::preprocess::Preprocess;
use crate::weights::Assumed;
use crate::weights::names::Layout;

/// Input sides of what says none: `keras.applications.Xception`'s, and that of the face networks.
const INPUT_SIZE: usize = 299;
const FACE_SIZE: usize = 64;

/// Of bytes, by `keras.applications.xception.preprocess_input`, which then takes 1 away.
const PUBLISHED_SCALE: f64 = 1.0 / 127.5;

/// The classes of FER2013 in their order, emotions of faces.
const FER2013: [&str; 7] = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"];

/// A whole model, placed.
pub(in crate::weights) struct Placed {
    pub contents: Contents,
    /// Tensors that are made of several of the file's, by the names that [`Contents`] has them under.
    pub folded: HashMap<String, (std::rc::Rc<Folded>, bool)>,
    /// Names of all tensors of the file that the network has a place for.
    pub used: Vec<String>,
}

/// A file's tensors, layer by layer.
pub(in crate::weights) trait Tensors {
    /// Those of the layer of this place, in Keras's order.
    fn of(&mut self, at: &Location) -> Result<Vec<Named>>;

    /// The values of one.
    fn read(&self, name: &str) -> Result<Vec<f32>>;
}

/// Where a layer's tensors are.
pub(in crate::weights) struct Location<'a> {
    /// In Keras 3: `layers/functional/layers/conv2d_1`.
    pub path: &'a str,
    /// In the legacy format: the name of the outermost layer, and, of a layer within it, its own.
    pub outermost: &'a str,
    pub inner: Option<&'a str>,
}

/// Reads a model's configuration and gives its tensors their places.
pub(in crate::weights) fn place(json: &str, saved: Saved, tensors: &mut dyn Tensors) -> Result<Placed> {
    let graph = Graph::parse(json)?;
    let found = walk(&graph)?;
    let mut placed = Placing {
        graph: &graph,
        tensors,
        rows: HashMap::new(),
        all: Vec::new(),
        used: Vec::new(),
        folded: HashMap::new(),
    };
    for &(slot, at) in &found.layers {
        placed.layer(slot, at)?;
    }
    placed.head(&found)?;
    let (preprocess, assumed) = placed.preprocess(&found)?;
    let activation = found.scores.unwrap_or(if found.config.classes == 1 {
        Activation::Sigmoid
    } else {
        Activation::Softmax
    });
    let Placing { rows: found_rows, all, used, folded, .. } = placed;
    let calibration = Calibration { activation, ..Calibration::default() };
    // What nearly every published network of this kind was trained on.
    let emotions = found.config.face.as_ref().is_some_and(|face| face.channels == 1);
    let emotions = emotions && found.config.classes == FER2013.len();
    let labels = Labels::new(FER2013.map(str::to_owned).into_iter().filter(|_| emotions).collect());
    let assumed = Assumed { labels: emotions, ..assumed };
    let (config, headless) = (found.config, found.dense.is_empty());
    let contents = Contents {
        saved,
        preprocess,
        calibration,
        assumed,
        labels,
        writer: None,
        unused: Vec::new(),
        headless,
        tensors: all,
        rows: rows(&config, found_rows)?,
        config,
    };
    Ok(Placed { contents, folded, used })
}

struct Placing<'a> {
    graph: &'a Graph,
    tensors: &'a mut dyn Tensors,
    rows: HashMap<TensorId, Row>,
    all: Vec<Named>,
    used: Vec<String>,
    folded: HashMap<String, (std::rc::Rc<Folded>, bool)>,
}

impl Placing<'_> {
    /// The tensors of a layer, of which there must be `count`.
    fn of(&mut self, at: usize, count: usize) -> Result<Vec<Named>> {
        let Node { name, path, outermost, .. } = &self.graph.nodes[at];
        // A layer of the model itself has no other around it.
        let inner = path.contains("/layers/").then_some(name.as_str());
        let found = self.tensors.of(&Location { path, outermost, inner })?;
        if found.len() != count {
            return Err(Error::Weights(format!(
                "the file holds {} tensors of the layer {}, which has {count}; the whole model must be in it",
                found.len(),
                short(name)
            )));
        }
        self.used.extend(found.iter().map(|(name, _)| name.clone()));
        Ok(found)
    }

    fn row(&mut self, id: TensorId, tensor: Named, layout: Layout) {
        self.rows.insert(id, (tensor.0.clone(), layout));
        self.all.push(tensor);
    }

    /// A convolution or a batch norm.
    fn layer(&mut self, slot: Slot, at: usize) -> Result<()> {
        let ids = slot.tensors();
        for ((id, layout), tensor) in ids.iter().zip(self.of(at, ids.len())?) {
            self.row(*id, tensor, *layout);
        }
        Ok(())
    }

    fn head(&mut self, found: &Found) -> Result<()> {
        let last = found.dense.len().saturating_sub(1);
        for (i, dense) in found.dense.iter().enumerate() {
            let place = if i == last { Place::Head } else { Place::Hidden(i) };
            let mut parts = self.of(dense.layer, 1 + usize::from(dense.bias))?.into_iter();
            let Some(kernel) = parts.next() else { continue };
            let layout = if found.config.face.is_some() { Layout::Windows } else { Layout::Same };
            match parts.next() {
                Some(bias) if dense.norms_before.is_empty() && dense.norms_after.is_empty() => {
                    self.row(place.part(Part::Kernel), kernel, layout);
                    self.row(place.part(Part::Bias), bias, Layout::Same);
                }
                bias => self.folded(place, dense, kernel, bias)?,
            }
        }
        Ok(())
    }

    /// A dense layer that is made of several tensors.
    fn folded(&mut self, place: Place, dense: &DenseAt, kernel: Named, bias: Option<Named>) -> Result<()> {
        let &[inputs, outputs] = &kernel.1[..] else {
            return Err(Error::Weights(format!(
                "the tensor {} has shape {:?}, but a dense layer needs a matrix",
                short(&kernel.0),
                kernel.1
            )));
        };
        if let Some((name, shape)) = bias.as_ref().filter(|(_, shape)| shape[..] != [outputs]) {
            return Err(Error::Weights(format!(
                "the tensor {} has shape {shape:?}, but this network needs {:?}",
                short(name),
                [outputs]
            )));
        }
        let mut norms = |list: &[NormAt], channels: usize| -> Result<Vec<Norm>> {
            list.iter()
                .map(|&NormAt { layer, epsilon, scale, center }| {
                    let tensors = self.of(layer, 2 + usize::from(scale) + usize::from(center))?;
                    let norm = Norm { tensors, epsilon, scale, center };
                    norm.check(channels).map(|()| norm)
                })
                .collect()
        };
        let (before, after) = (norms(&dense.norms_before, inputs)?, norms(&dense.norms_after, outputs)?);
        let name = kernel.0.clone();
        let bias_name = bias.as_ref().map_or(format!("{name} (no bias)"), |(name, _)| name.clone());
        let parts = std::rc::Rc::new(Folded {
            kernel: kernel.clone(),
            bias: bias.map(|(name, _)| name),
            before,
            after,
        });
        self.folded.insert(name, (parts.clone(), false));
        self.folded.insert(bias_name.clone(), (parts, true));
        self.row(place.part(Part::Kernel), kernel, Layout::Same);
        self.row(place.part(Part::Bias), (bias_name, vec![outputs]), Layout::Same);
        Ok(())
    }

    /// How a picture becomes the network's input, and what of that the file does not say.
    fn preprocess(&mut self, found: &Found) -> Result<(Preprocess, Assumed)> {
        let grey = found.config.channels() == 1;
        let default = if found.config.face.is_some() { FACE_SIZE } else { INPUT_SIZE };
        let mut preprocess = Preprocess { grey, ..Preprocess::keras(found.size.unwrap_or(default)) };
        let assumed = Assumed {
            size: found.size.is_none(),
            fit: true,
            normalisation: found.before.iter().all(|step| matches!(step, Before::Published)),
            activation: found.scores.is_none() && !found.dense.is_empty(),
            dialect: false,
            labels: false,
        };
        if found.before.is_empty() {
            return Ok((preprocess, assumed));
        }
        // Of bytes.
        let (mut scale, mut offset) = ([1.0; 3], [0.0; 3]);
        for step in &found.before {
            let op = match step {
                Before::Affine { scale, offset } => {
                    Op::Affine { scale: scale.clone(), offset: offset.clone() }
                }
                Before::Normalization(at) => self.normalization(*at)?,
                Before::Published => Op::Affine { scale: vec![PUBLISHED_SCALE], offset: vec![-1.0] },
            };
            let Op::Affine { scale: by, offset: plus } = op else { continue };
            for c in 0..3 {
                let of = |list: &[f64]| list.get(c).or(list.first()).copied().unwrap_or(0.0);
                (scale[c], offset[c]) = (scale[c] * of(&by), offset[c] * of(&by) + of(&plus));
            }
        }
        // `(byte / 255 - mean) / std`.
        let std = scale.map(|scale| 1.0 / (255.0 * scale));
        preprocess.std = std.map(|std| std as f32);
        preprocess.mean = std::array::from_fn(|c| (-offset[c] * std[c]) as f32);
        Ok((preprocess, assumed))
    }

    /// Keras's `Normalization` keeps mean, variance and a count.
    fn normalization(&mut self, at: usize) -> Result<Op> {
        let tensors = self.of(at, 3)?;
        let mut parts = Vec::new();
        for (name, shape) in &tensors[..2] {
            let count: usize = shape.iter().product();
            if count != 1 && count != 3 {
                return Err(Error::Weights(format!(
                    "the tensor {} has shape {shape:?}; Normalization is read by channel, of three channels or one",
                    short(name)
                )));
            }
            parts.push(self.tensors.read(name)?.into_iter().map(f64::from).collect::<Vec<_>>());
        }
        Ok(normalized(&parts[0], &parts[1]))
    }
}
