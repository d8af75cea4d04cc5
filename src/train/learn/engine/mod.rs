//! The training engine of the CPU: loss and gradients of a batch, in memory that is allocated once.
//!
//! The network is [`xception_web::model`]'s, and so are its weights; Burn's autodiff is the oracle that the engine is
//! tested against. What it does otherwise is the order of the work. A convolution writes its output before batch
//! norm; whoever reads that applies scale, shift and ReLU on the way, so that a separable convolution, its batch
//! norm and its ReLU take one pass over memory forwards and one backwards, and a product's operands are made in the
//! cache. Pictures lie in panels of eight channels ([`xception_kernels::panels`]). A batch is divided into groups that
//! threads take from each other; sums over groups are taken in their order, so that results do not depend on the
//! number of threads.

mod collect;
mod graph;
mod group;
mod kernel;
mod loss;
mod norm;
mod vectors;

use rayon::prelude::*;

pub use graph::Graph;
use graph::{Layer, panels};
use group::{Group, Pixels, window_panels};
use kernel::{Matrix, taps};
use loss::{cross_entropy, likeliest};
use norm::Norms;

use crate::supply::target::Target;
use xception_kernels::{PANEL_LANES, TAPS};
use xception_web::error::{Error, Result};
use xception_web::model::XceptionConfig;

/// Pictures of a group; threads compute groups side by side. Smaller ones would divide the work more evenly, and
/// each has gradients of its own to be summed in the end.
const GROUP: usize = 16;

/// What a batch gave.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Sum of the pictures' losses.
    pub loss: f64,
    /// Pictures whose likeliest class is theirs.
    pub right: usize,
    /// Gradients of the mean loss by the plan's tensors; `None` for running statistics.
    pub gradients: Vec<Option<Vec<f32>>>,
    /// Mean and biased variance of each batch norm's input, in the order of the network.
    pub statistics: Vec<[Vec<f32>; 2]>,
}

/// A layer's kernels, packed.
#[derive(Clone, Debug, Default)]
struct Packed {
    matrix: Matrix,
    taps: Vec<f32>,
    flipped: Vec<f32>,
}

/// The engine for one network, one size of pictures and of batches.
pub struct Engine {
    graph: Graph,
    /// Shapes of the plan's tensors.
    shapes: Vec<Vec<usize>>,
    side: usize,
    batch: usize,
    groups: Vec<Group>,
    packed: Vec<Packed>,
    head: Matrix,
    norms: Norms,
}

impl Engine {
    /// For batches of `batch` pictures of `side` by `side`.
    ///
    /// # Errors
    ///
    /// For an aligned network.
    pub fn new(config: &XceptionConfig, side: usize, batch: usize) -> Result<Self> {
        let graph = Graph::new(config, side)?;
        let shapes: Vec<_> = config.plan().tensors().into_iter().map(|(_, shape)| shape).collect();
        let (count, mut first) = (batch.div_ceil(GROUP), 0);
        let groups = (0..count)
            .map(|i| {
                let size = batch / count + usize::from(i < batch % count);
                first += size;
                Group::new(&graph, first - size, size, shapes.len())
            })
            .collect();
        let (packed, norms) = (vec![Packed::default(); graph.layers.len()], Norms::new(&graph));
        Ok(Self { graph, shapes, side, batch, groups, packed, head: Matrix::default(), norms })
    }

    /// Whether it is made for such batches.
    pub fn fits(&self, side: usize, batch: usize) -> bool {
        (self.side, self.batch) == (side, batch)
    }

    /// Loss and gradients for a batch.
    ///
    /// # Shapes
    ///
    /// - `weights`: the plan's tensors
    /// - `pixels`: `[B, side, side, 3]`
    /// - `targets`: `[B]`
    ///
    /// # Errors
    ///
    /// When the loss is not a number.
    pub fn step(
        &mut self,
        weights: &[Vec<f32>],
        pixels: &[u8],
        targets: &[Target],
        smoothing: f32,
    ) -> Result<Outcome> {
        assert_eq!(
            (weights.len(), targets.len()),
            (self.shapes.len(), self.batch),
            "as the engine was made for"
        );
        self.pack(weights);
        let pixels = Pixels { values: pixels, side: self.side };
        self.forward(weights, &pixels);
        let mut outcome = self.answer(weights, targets, smoothing);
        if !outcome.loss.is_finite() {
            return Err(Error::Training(
                "the loss is no longer a number; start again with a lower --rate".into(),
            ));
        }
        self.backward(&pixels);
        self.collect(&mut outcome);
        Ok(outcome)
    }

    fn pack(&mut self, weights: &[Vec<f32>]) {
        let (maps, classes) = (&self.graph.maps, self.graph.classes);
        self.graph.layers.par_iter().zip(&mut self.packed).for_each(|(layer, packed)| match *layer {
            Layer::Stem { from, to, kernel, .. } => {
                let (w, channels) = (&weights[kernel], from.map(|from| maps[from.map].channels));
                let real = channels.unwrap_or(group::COLOURS);
                // The pictures' channels lie side by side, a map's in panels.
                let padded = channels.map_or(group::COLOURS, |channels| panels(channels) * PANEL_LANES);
                packed.matrix.fill([TAPS * padded, maps[to].channels], |input, output| {
                    let (tap, channel) = (input / padded, input % padded);
                    if channel < real { w[(output * real + channel) * TAPS + tap] } else { 0.0 }
                });
                debug_assert_eq!(packed.matrix.panels[0], window_panels(channels));
            }
            Layer::Unit { from, to, depthwise, pointwise, .. } => {
                let (inputs, outputs) = (maps[from.map].channels, maps[to].channels);
                taps(&weights[depthwise], inputs, &mut packed.taps);
                packed.flipped.resize(packed.taps.len(), 0.0);
                let panel = TAPS * PANEL_LANES;
                for (to, from) in packed.flipped.chunks_mut(panel).zip(packed.taps.chunks(panel)) {
                    for (to, from) in to.chunks_mut(PANEL_LANES).zip(from.chunks(PANEL_LANES).rev()) {
                        to.copy_from_slice(from);
                    }
                }
                let w = &weights[pointwise];
                packed.matrix.fill([inputs, outputs], |input, output| w[output * inputs + input]);
            }
            Layer::Shortcut { from, to, kernel } => {
                let (inputs, outputs) = (maps[from.map].channels, maps[to].channels);
                let w = &weights[kernel];
                packed.matrix.fill([inputs, outputs], |input, output| w[output * inputs + input]);
            }
            Layer::Pool { .. } | Layer::Add { .. } => {}
        });
        let w = &weights[self.graph.head];
        let features = maps[self.graph.features.map].channels;
        self.head.fill([features, classes], |input, output| w[input * classes + output]);
    }

    fn forward(&mut self, weights: &[Vec<f32>], pixels: &Pixels<'_>) {
        let Self { graph, groups, packed, norms, batch, .. } = self;
        groups.iter_mut().for_each(Group::forget_sums);
        for (layer, packed) in graph.layers.iter().zip(packed) {
            groups.par_iter_mut().for_each(|group| group.forward(graph, layer, packed, norms, pixels));
            let Some(norm) = written(graph, layer) else { continue };
            let (at, epsilon) = (graph.norms[norm].tensor, graph.norms[norm].epsilon);
            let pixels = graph.maps[graph.norms[norm].map].area() * *batch;
            norms.finish(norm, &total(groups, norm), pixels, [&weights[at], &weights[at + 1]], epsilon);
        }
    }

    /// The head, the loss, and its gradient as far as the last map.
    fn answer(&mut self, weights: &[Vec<f32>], targets: &[Target], smoothing: f32) -> Outcome {
        let Self { graph, groups, head, norms, batch, .. } = self;
        let (bias, scale) = (&weights[graph.head + 1], 1.0 / *batch as f32);
        groups.iter_mut().for_each(Group::forget_sums);
        let parts: Vec<_> = groups
            .par_iter_mut()
            .map(|group| {
                group.forget_weights();
                let features = group.features(graph, norms);
                let mut logits = group.logits(&features, head);
                let (mut loss, mut right) = (0.0, 0);
                let mut bias_back = vec![0.0; graph.classes];
                for image in 0..group.count {
                    let target = targets[group.first + image];
                    let at = |class: usize| {
                        (class / PANEL_LANES * group.count + image) * PANEL_LANES + class % PANEL_LANES
                    };
                    let row: Vec<f32> =
                        (0..graph.classes).map(|class| logits[at(class)] + bias[class]).collect();
                    let (one, back) = cross_entropy(&row, target, smoothing);
                    loss += one;
                    right += usize::from(likeliest(&row) == Some(target.class));
                    for (class, back) in back.into_iter().enumerate() {
                        logits[at(class)] = back * scale;
                        bias_back[class] += back * scale;
                    }
                }
                let back = group.logits_back(&features, head, graph.head, &logits);
                group.weights[graph.head + 1] = bias_back;
                group.features_back(graph, norms, &back);
                (loss, right)
            })
            .collect();
        Outcome {
            loss: parts.iter().map(|(loss, _)| loss).sum(),
            right: parts.iter().map(|(_, right)| right).sum(),
            ..Outcome::default()
        }
    }

    fn backward(&mut self, pixels: &Pixels<'_>) {
        let Self { graph, groups, packed, norms, batch, .. } = self;
        for (layer, packed) in graph.layers.iter().zip(packed).rev() {
            if let Some(norm) = written(graph, layer) {
                let pixels = graph.maps[graph.norms[norm].map].area() * *batch;
                norms.finish_back(norm, &total(groups, norm), pixels);
            }
            groups.par_iter_mut().for_each(|group| group.backward(graph, layer, packed, norms, pixels));
        }
    }
}

/// The batch norm of what a layer writes.
fn written(graph: &Graph, layer: &Layer) -> Option<usize> {
    match *layer {
        Layer::Stem { to, .. } | Layer::Unit { to, .. } | Layer::Shortcut { to, .. } => graph.maps[to].norm,
        Layer::Pool { .. } | Layer::Add { .. } => None,
    }
}

/// The groups' sums for a batch norm.
fn total(groups: &[Group], norm: usize) -> [Vec<f64>; 2] {
    let mut total = groups[0].sums[norm].clone();
    for group in &groups[1..] {
        for (total, part) in total.iter_mut().flatten().zip(group.sums[norm].iter().flatten()) {
            *total += part;
        }
    }
    total
}

#[cfg(test)]
mod tests;
