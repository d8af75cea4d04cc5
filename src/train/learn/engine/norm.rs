//! Batch norms of a step: from the groups' sums to what readers and gradients need of each channel.

use super::graph::{Graph, Map, View};
use super::vectors::{Lanes, Reading, lanes};
use xception_kernels::PANEL_LANES;

/// The batch norms of a network, by the graph's numbers.
pub struct Norms(Vec<Norm>);

/// One, in whole panels; channels that do not exist are zero throughout.
#[derive(Clone, Debug, Default)]
pub struct Norm {
    /// Mean of each channel over the batch.
    pub mean: Vec<f32>,
    /// Variance of each channel, divided by the count itself.
    pub variance: Vec<f32>,
    inverse: Vec<f32>,
    gamma: Vec<f32>,
    scale: Vec<f32>,
    shift: Vec<f32>,
    slopes: [Vec<f32>; 3],
    /// Gradient of gamma.
    pub gamma_back: Vec<f32>,
    /// Gradient of beta.
    pub beta_back: Vec<f32>,
}

impl Reading {
    /// Of a map that has no norm, with no ReLU after it.
    pub fn plain() -> Self {
        Self { scale: [1.0; PANEL_LANES], shift: [0.0; PANEL_LANES], floor: f32::NEG_INFINITY }
    }
}

impl Norms {
    /// One for each of the graph's, before any batch.
    pub fn new(graph: &Graph) -> Self {
        Self(vec![Norm::default(); graph.norms.len()])
    }

    /// That of this number.
    pub fn get(&self, norm: usize) -> &Norm {
        &self.0[norm]
    }

    /// How a layer reads a panel of a map.
    pub fn reading(&self, graph: &Graph, view: View, panel: usize) -> Reading {
        let floor = if view.relu { 0.0 } else { f32::NEG_INFINITY };
        match graph.maps[view.map].norm {
            None => Reading { floor, ..Reading::plain() },
            Some(norm) => {
                let norm = &self.0[norm];
                Reading { scale: lanes(&norm.scale, panel), shift: lanes(&norm.shift, panel), floor }
            }
        }
    }

    /// The batch's mean in a panel of a map; zero without batch norm.
    pub fn mean_of(&self, map: &Map, panel: usize) -> Lanes {
        map.norm.map_or([0.0; PANEL_LANES], |norm| lanes(&self.0[norm].mean, panel))
    }

    /// What [`super::vectors::through_norm`] takes.
    pub fn slopes(&self, norm: usize, panel: usize) -> [Lanes; 3] {
        self.0[norm].slopes.each_ref().map(|slope| lanes(slope, panel))
    }

    /// From sums and square sums over `count` pixels, and the weights.
    pub fn finish(
        &mut self,
        norm: usize,
        sums: &[Vec<f64>; 2],
        count: usize,
        [gamma, beta]: [&[f32]; 2],
        epsilon: f64,
    ) {
        let (norm, len) = (&mut self.0[norm], sums[0].len());
        let filled = |values: &[f32]| {
            let mut values = values.to_vec();
            values.resize(len, 0.0);
            values
        };
        let count = count as f64;
        let mean = |n: usize| sums[0][n] / count;
        norm.mean = (0..len).map(|n| mean(n) as f32).collect();
        norm.variance = (0..len).map(|n| (sums[1][n] / count - mean(n).powi(2)).max(0.0) as f32).collect();
        norm.inverse =
            norm.variance.iter().map(|v| ((f64::from(*v) + epsilon).sqrt().recip()) as f32).collect();
        norm.gamma = filled(gamma);
        norm.scale = norm.gamma.iter().zip(&norm.inverse).map(|(gamma, inverse)| gamma * inverse).collect();
        let beta = filled(beta);
        norm.shift = (0..len).map(|n| beta[n] - norm.mean[n] * norm.scale[n]).collect();
    }

    /// From sums of the gradients, and of their products with the values less their mean.
    pub fn finish_back(&mut self, norm: usize, sums: &[Vec<f64>; 2], count: usize) {
        let (norm, len) = (&mut self.0[norm], sums[0].len());
        norm.beta_back = sums[0].iter().map(|sum| *sum as f32).collect();
        norm.gamma_back = (0..len).map(|n| sums[1][n] as f32 * norm.inverse[n]).collect();
        // The gradient less its mean, and less its part along the values: γ/σ · (g − Σg/N − ẑ Σgẑ/N).
        let part = |n: usize| norm.scale[n] / count as f32;
        let curve = |n: usize| -part(n) * norm.inverse[n] * norm.gamma_back[n];
        let offset = |n: usize| -part(n) * norm.beta_back[n] - curve(n) * norm.mean[n];
        norm.slopes = [norm.scale.clone(), (0..len).map(curve).collect(), (0..len).map(offset).collect()];
    }
}
