//! The depthwise half of a separable convolution.

use super::{Group, Place, padded_len, room};
use crate::learn::engine::Packed;
use crate::learn::engine::graph::{Graph, View};
use crate::learn::engine::norm::Norms;
use crate::learn::engine::vectors::{self, Before, Reading};
use xception_kernels::panels::{depthwise, depthwise_taps};
use xception_kernels::{PANEL_LANES, TAPS};

impl Group {
    /// Depthwise convolution of some pictures, as `[C / 8, some, H, W, 8]`.
    #[allow(clippy::too_many_arguments, reason = "the layer's own and the part of the batch")]
    pub(super) fn depthwise_rows(
        &mut self,
        graph: &Graph,
        from: View,
        packed: &Packed,
        norms: &Norms,
        rows: &mut [f32],
        first: usize,
        some: usize,
    ) {
        let map = &graph.maps[from.map];
        let place = Place::new(map.area(), self.count);
        let padded = room(&mut self.scratch.padded, padded_len(map.size));
        for panel in 0..map.panels() {
            let reading = norms.reading(graph, from, panel);
            let taps = &packed.taps[panel * TAPS * PANEL_LANES..];
            for image in 0..some {
                let z = &self.maps[from.map][place.of(panel, first + image, 1)];
                vectors::pad(z, &reading, map.size, 0.0, padded);
                let y = &mut rows[(panel * some + image) * place.image..][..place.image];
                depthwise(padded, taps, map.size, y);
            }
        }
    }

    /// The depthwise half: makes the rows again, and takes their gradient to the map that was read.
    #[allow(clippy::too_many_arguments, reason = "the layer's own and the part of the batch")]
    pub(super) fn depthwise_back(
        &mut self,
        graph: &Graph,
        (from, adds): (View, bool),
        packed: &Packed,
        norms: &Norms,
        rows: &mut [f32],
        back: &[f32],
        taps: &mut [f32],
        first: usize,
        some: usize,
    ) {
        let map = &graph.maps[from.map];
        let place = Place::new(map.area(), self.count);
        let before = match (adds, map.norm) {
            (false, _) => Before::Nothing,
            (true, Some(_)) => Before::Inside,
            (true, None) => Before::Outside,
        };
        let plain = Reading::plain();
        for panel in 0..map.panels() {
            let reading = norms.reading(graph, from, panel);
            let kernel = panel * TAPS * PANEL_LANES..(panel + 1) * TAPS * PANEL_LANES;
            let scratch = &mut self.scratch;
            let padded = room(&mut scratch.padded, padded_len(map.size));
            let padded_back = room(&mut scratch.padded_back, padded_len(map.size));
            let image_back = room(&mut scratch.image, place.image);
            let mut shares = [[0.0; PANEL_LANES]; 2];
            let mean = norms.mean_of(map, panel);
            for image in 0..some {
                let part = (panel * some + image) * place.image..(panel * some + image + 1) * place.image;
                let at = place.of(panel, first + image, 1);
                let z = &self.maps[from.map][at.clone()];
                vectors::pad(z, &reading, map.size, 0.0, padded);
                depthwise(padded, &packed.taps[kernel.clone()], map.size, &mut rows[part.clone()]);
                depthwise_taps(padded, &back[part.clone()], map.size, &mut taps[kernel.clone()]);
                vectors::pad(&back[part], &plain, map.size, 0.0, padded_back);
                depthwise(padded_back, &packed.flipped[kernel.clone()], map.size, image_back);
                let g = &mut self.slots[map.slot][at];
                let more = vectors::back_through(z, &reading, image_back, before, &mean, g);
                for (total, more) in shares.iter_mut().flatten().zip(more.iter().flatten()) {
                    *total += more;
                }
            }
            if let Some(norm) = map.norm {
                self.count_in(norm, panel, shares);
            }
        }
    }
}
