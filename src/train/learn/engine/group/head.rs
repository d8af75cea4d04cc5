//! The pooled features and the classifier.

use super::{Group, Place, pairs, room};
use crate::learn::engine::graph::Graph;
use crate::learn::engine::kernel::Matrix;
use crate::learn::engine::norm::Norms;
use crate::learn::engine::vectors::{self, Before, lanes};
use xception_kernels::PANEL_LANES;
use xception_kernels::panels::{Panels, outer, product};

impl Group {
    /// The pooled features, `[C / 8, pictures, 8]`.
    pub fn features(&self, graph: &Graph, norms: &Norms) -> Vec<f32> {
        let map = &graph.maps[graph.features.map];
        let place = Place::new(map.area(), self.count);
        pairs(map.panels(), self.count)
            .flat_map(|(panel, image)| {
                let reading = norms.reading(graph, graph.features, panel);
                vectors::mean(&self.maps[graph.features.map][place.of(panel, image, 1)], &reading)
            })
            .collect()
    }

    /// The gradient of [`Self::features`].
    pub fn features_back(&mut self, graph: &Graph, norms: &Norms, back: &[f32]) {
        let map = &graph.maps[graph.features.map];
        let place = Place::new(map.area(), self.count);
        let mut image_back = std::mem::take(&mut self.scratch.image);
        for (panel, image) in pairs(map.panels(), self.count) {
            let share = lanes(back, panel * self.count + image).map(|back| back / map.area() as f32);
            let image_back = room(&mut image_back, place.image);
            image_back.as_chunks_mut().0.fill(share);
            let (at, reading) = (place.of(panel, image, 1), norms.reading(graph, graph.features, panel));
            let z = &self.maps[graph.features.map][at.clone()];
            let (g, mean) = (&mut self.slots[map.slot][at], norms.mean_of(map, panel));
            let sums = vectors::back_through(z, &reading, image_back, Before::Nothing, &mean, g);
            if let Some(norm) = map.norm {
                self.count_in(norm, panel, sums);
            }
        }
        self.scratch.image = image_back;
    }

    /// `features · head`, `[classes / 8, pictures, 8]`.
    pub fn logits(&self, features: &[f32], head: &Matrix) -> Vec<f32> {
        let ([depth, outputs], stride) = (head.panels, self.count * PANEL_LANES);
        let mut logits = vec![0.0; outputs * stride];
        let x = Panels { values: features, stride };
        product(x, &head.forward, [self.count, depth, outputs], &mut logits, stride);
        logits
    }

    /// The gradient of [`Self::logits`] for the features; the head's goes to its place.
    pub fn logits_back(&mut self, features: &[f32], head: &Matrix, tensor: usize, back: &[f32]) -> Vec<f32> {
        let ([depth, outputs], stride) = (head.panels, self.count * PANEL_LANES);
        let (x, g) = (Panels { values: features, stride }, Panels { values: back, stride });
        let weights = &mut self.weights[tensor];
        weights.resize(depth * outputs * PANEL_LANES * PANEL_LANES, 0.0);
        outer(x, g, [self.count, depth, outputs], weights);
        let mut features_back = vec![0.0; depth * stride];
        product(g, &head.backward, [self.count, outputs, depth], &mut features_back, stride);
        features_back
    }
}
