//! The way around a block, and where it meets the block's own: a pool, or a sum.

use super::{Group, Place, padded_len, pairs, room};
use crate::learn::engine::graph::{Graph, View};
use crate::learn::engine::norm::Norms;
use crate::learn::engine::vectors;
use xception_kernels::PANEL_LANES;

impl Group {
    /// Every second pixel of some pictures.
    pub(super) fn bridge_rows(
        &mut self,
        graph: &Graph,
        from: View,
        norms: &Norms,
        rows: &mut [f32],
        first: usize,
        some: usize,
    ) {
        let map = &graph.maps[from.map];
        let place = Place::new(map.area(), self.count);
        let half = map.size.map(|side| side.div_ceil(2)).iter().product::<usize>() * PANEL_LANES;
        for panel in 0..map.panels() {
            let reading = norms.reading(graph, from, panel);
            for image in 0..some {
                let z = &self.maps[from.map][place.of(panel, first + image, 1)];
                let y = &mut rows[(panel * some + image) * half..][..half];
                vectors::every_second(z, &reading, map.size, y);
            }
        }
    }

    /// The gradient of [`Self::bridge_rows`].
    pub(super) fn bridge_back(&mut self, graph: &Graph, from: View, back: &[f32], first: usize, some: usize) {
        let map = &graph.maps[from.map];
        let place = Place::new(map.area(), self.count);
        let half = map.size.map(|side| side.div_ceil(2)).iter().product::<usize>() * PANEL_LANES;
        for (panel, image) in pairs(map.panels(), some) {
            let back = &back[(panel * some + image) * half..][..half];
            let g = &mut self.slots[map.slot][place.of(panel, first + image, 1)];
            vectors::spread(map.size, back, g);
        }
    }

    /// What went around a block, and what went through it.
    pub(super) fn add(&mut self, graph: &Graph, [main, around, to]: [usize; 3], norms: &Norms) {
        let mut sum = std::mem::take(&mut self.maps[to]);
        sum.copy_from_slice(&self.maps[around]);
        let len = graph.maps[to].area() * PANEL_LANES * self.count;
        for (panel, sum) in sum.chunks_exact_mut(len).enumerate() {
            let reading = norms.reading(graph, View { map: main, relu: false }, panel);
            vectors::add_read(&self.maps[main][panel * len..][..len], &reading, sum);
        }
        self.maps[to] = sum;
    }

    /// The largest of each window of a block's output, and what went around the block.
    pub(super) fn pool(
        &mut self,
        graph: &Graph,
        [main, bridge, to]: [usize; 3],
        before: [usize; 2],
        norms: &Norms,
    ) {
        let (map, sum) = (&graph.maps[main], &graph.maps[to]);
        let (place, half) = (Place::new(map.area(), self.count), Place::new(sum.area(), self.count));
        let top = before.map(|before| 1 - before);
        let padded = room(&mut self.scratch.padded, padded_len(map.size));
        let (mut y, mut taps) = (std::mem::take(&mut self.maps[to]), std::mem::take(&mut self.taps[to]));
        for panel in 0..map.panels() {
            let reading = norms.reading(graph, View { map: main, relu: false }, panel);
            let beside = norms.reading(graph, View { map: bridge, relu: false }, panel);
            for image in 0..self.count {
                let at = half.of(panel, image, 1);
                let z = &self.maps[main][place.of(panel, image, 1)];
                vectors::pad(z, &reading, map.size, f32::NEG_INFINITY, padded);
                vectors::pool(padded, map.size, top, sum.size, &mut y[at.clone()], &mut taps[at.clone()]);
                vectors::add_read(&self.maps[bridge][at.clone()], &beside, &mut y[at]);
            }
        }
        (self.maps[to], self.taps[to]) = (y, taps);
    }

    /// The gradient of [`Self::pool`] for the block's own output.
    pub(super) fn pool_back(&mut self, graph: &Graph, [main, to]: [usize; 2], before: [usize; 2]) {
        let (map, sum) = (&graph.maps[main], &graph.maps[to]);
        let (place, half) = (Place::new(map.area(), self.count), Place::new(sum.area(), self.count));
        let top = before.map(|before| 1 - before);
        let mut g = std::mem::take(&mut self.slots[map.slot]);
        for (panel, image) in pairs(map.panels(), self.count) {
            let at = half.of(panel, image, 1);
            let (back, taps) = (&self.slots[sum.slot][at.clone()], &self.taps[to][at]);
            let g = &mut g[place.of(panel, image, 1)];
            vectors::unpool(back, taps, map.size, top, sum.size, g);
        }
        self.slots[map.slot] = g;
    }
}
