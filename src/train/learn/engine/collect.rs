//! From the sums that groups keep in the order of their products to gradients in the order of the plan.

use rayon::prelude::*;

use super::graph::{Layer, panels};
use super::group::COLOURS;
use super::kernel::untap;
use super::{Engine, Outcome};
use xception_kernels::{PANEL_LANES, TAPS};

impl Engine {
    /// The groups' gradients summed, in the module's order.
    pub(super) fn collect(&self, outcome: &mut Outcome) {
        let (graph, maps) = (&self.graph, &self.graph.maps);
        let sum = |tensor: usize| {
            let mut sum = vec![0.0f32; self.groups[0].weights[tensor].len()];
            for group in &self.groups {
                for (sum, part) in sum.iter_mut().zip(&group.weights[tensor]) {
                    *sum += part;
                }
            }
            sum
        };
        let matrix = |tensor: usize, inputs: usize, outputs: usize| {
            let (sum, width) = (sum(tensor), panels(outputs) * PANEL_LANES);
            let at = move |i: usize| (i / inputs, i % inputs);
            (0..inputs * outputs).map(|i| sum[at(i).1 * width + at(i).0]).collect::<Vec<_>>()
        };
        let of_layer = |layer: &Layer| -> Vec<(usize, Vec<f32>)> {
            match *layer {
                Layer::Stem { from, to, kernel, .. } => {
                    let real = from.map_or(COLOURS, |from| maps[from.map].channels);
                    let padded = from.map_or(real, |from| maps[from.map].panels() * PANEL_LANES);
                    let (sum, width) = (sum(kernel), maps[to].panels() * PANEL_LANES);
                    let at = |i: usize| {
                        let (output, channel, tap) = (i / (real * TAPS), i / TAPS % real, i % TAPS);
                        sum[(tap * padded + channel) * width + output]
                    };
                    vec![(kernel, (0..maps[to].channels * real * TAPS).map(at).collect())]
                }
                Layer::Unit { from, to, depthwise, pointwise, .. } => {
                    let (inputs, outputs) = (maps[from.map].channels, maps[to].channels);
                    vec![
                        (depthwise, untap(&sum(depthwise), inputs)),
                        (pointwise, matrix(pointwise, inputs, outputs)),
                    ]
                }
                Layer::Shortcut { from, to, kernel } => {
                    vec![(kernel, matrix(kernel, maps[from.map].channels, maps[to].channels))]
                }
                Layer::Pool { .. } | Layer::Add { .. } => Vec::new(),
            }
        };
        let mut gradients = vec![None; self.shapes.len()];
        for (tensor, gradient) in graph.layers.par_iter().flat_map_iter(of_layer).collect::<Vec<_>>() {
            gradients[tensor] = Some(gradient);
        }
        for (number, norm) in graph.norms.iter().enumerate() {
            let (channels, state) = (maps[norm.map].channels, self.norms.get(number));
            gradients[norm.tensor] = Some(state.gamma_back[..channels].to_vec());
            gradients[norm.tensor + 1] = Some(state.beta_back[..channels].to_vec());
            outcome.statistics.push([&state.mean, &state.variance].map(|values| values[..channels].to_vec()));
        }
        let (features, width) = (maps[graph.features.map].channels, panels(graph.classes) * PANEL_LANES);
        let head = sum(graph.head);
        let rows = head.chunks_exact(width).take(features);
        gradients[graph.head] = Some(rows.flat_map(|row| &row[..graph.classes]).copied().collect());
        gradients[graph.head + 1] = Some(sum(graph.head + 1));
        outcome.gradients = gradients;
    }
}
