//! Some pictures of a batch, with all memory that their way through the network takes: whoever computes them
//! touches nobody else's. Allocated once.

mod around;
mod depthwise;
mod head;
mod windows;

use super::graph::{Graph, Layer};
use super::norm::Norms;
use super::{Packed, vectors};
pub use windows::{COLOURS, Pixels, window_panels};
use xception_kernels::PANEL_LANES;
use xception_kernels::panels::{Panels, outer, product};

/// Numbers of a layer's output that are worked on at once; they and what they are made of stay in a core's cache.
const CHUNK: usize = 24 * 1024;

/// The pictures of a group and what is computed from them. A map lies as `[C / 8, pictures, H, W, 8]`.
pub struct Group {
    /// The first picture of the batch that is in it.
    pub first: usize,
    /// How many are.
    pub count: usize,
    /// By the graph's numbers.
    pub maps: Vec<Vec<f32>>,
    /// Gradients, by slot.
    pub slots: Vec<Vec<f32>>,
    /// Which pixel of each window was largest, by the map that a pool writes.
    pub taps: Vec<Vec<u8>>,
    /// By norm: sums and square sums of values, then of gradients and of their products with the values.
    pub sums: Vec<[Vec<f64>; 2]>,
    /// Gradients of the kernels in the products' order, by the plan's tensors.
    pub weights: Vec<Vec<f32>>,
    scratch: Scratch,
}

/// What lives no longer than a few pictures of one layer.
#[derive(Default)]
struct Scratch {
    /// What a product reads.
    rows: Vec<f32>,
    /// Gradients of what it wrote, and of what it read.
    grads: Vec<f32>,
    back: Vec<f32>,
    /// One panel of one picture, with a border: values and gradients.
    padded: Vec<f32>,
    padded_back: Vec<f32>,
    /// One panel of one picture.
    image: Vec<f32>,
}

/// The first `len` numbers of a buffer that grows as needed.
fn room(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    &mut buffer[..len]
}

/// Where something of a map lies in a group of `count` pictures.
#[derive(Clone, Copy)]
struct Place {
    image: usize,
    stride: usize,
}

impl Place {
    fn new(area: usize, count: usize) -> Self {
        Self { image: area * PANEL_LANES, stride: area * PANEL_LANES * count }
    }

    /// `some` pictures' numbers in one panel.
    fn of(self, panel: usize, first: usize, some: usize) -> std::ops::Range<usize> {
        let start = panel * self.stride + first * self.image;
        start..start + some * self.image
    }
}

impl Group {
    /// For pictures `first..first + count` of a batch.
    pub fn new(graph: &Graph, first: usize, count: usize, tensors: usize) -> Self {
        let numbers = |map: &super::graph::Map| map.panels() * PANEL_LANES * map.area() * count;
        let mut slots = vec![Vec::new(); graph.slots];
        for map in &graph.maps {
            slots[map.slot] = vec![0.0; numbers(map)];
        }
        let mut taps = vec![Vec::new(); graph.maps.len()];
        for layer in &graph.layers {
            if let Layer::Pool { to, .. } = layer {
                taps[*to] = vec![0; numbers(&graph.maps[*to])];
            }
        }
        let channels = |norm: &super::graph::Norm| graph.maps[norm.map].panels() * PANEL_LANES;
        Self {
            first,
            count,
            maps: graph.maps.iter().map(|map| vec![0.0; numbers(map)]).collect(),
            slots,
            taps,
            sums: graph.norms.iter().map(|norm| [(); 2].map(|()| vec![0.0; channels(norm)])).collect(),
            weights: vec![Vec::new(); tensors],
            scratch: Scratch::default(),
        }
    }

    /// Before a pass in either direction: sums start at zero.
    pub fn forget_sums(&mut self) {
        self.sums.iter_mut().flatten().for_each(|sums| sums.fill(0.0));
    }

    /// Before a backward pass.
    pub fn forget_weights(&mut self) {
        self.weights.iter_mut().for_each(|weights| weights.fill(0.0));
    }

    /// One layer forwards.
    pub fn forward(&mut self, graph: &Graph, layer: &Layer, packed: &Packed, norms: &Norms, pixels: &Pixels) {
        match *layer {
            Layer::Stem { from, to, stride, .. } => {
                self.convolve(graph, to, packed, |group, rows, first, some| {
                    group.windows(graph, from, to, stride, norms, pixels, rows, first, some);
                });
            }
            Layer::Unit { from, to, .. } => {
                self.convolve(graph, to, packed, |group, rows, first, some| {
                    group.depthwise_rows(graph, from, packed, norms, rows, first, some);
                });
            }
            Layer::Shortcut { from, to, .. } => {
                self.convolve(graph, to, packed, |group, rows, first, some| {
                    group.bridge_rows(graph, from, norms, rows, first, some);
                });
            }
            Layer::Pool { main, bridge, to, before } => self.pool(graph, [main, bridge, to], before, norms),
            Layer::Add { main, around, to } => self.add(graph, [main, around, to], norms),
        }
    }

    /// A convolution's product, some pictures at a time: `fill` makes the rows.
    fn convolve(
        &mut self,
        graph: &Graph,
        to: usize,
        packed: &Packed,
        fill: impl Fn(&mut Self, &mut [f32], usize, usize),
    ) {
        let (map, [depth, outputs]) = (&graph.maps[to], packed.matrix.panels);
        let place = Place::new(map.area(), self.count);
        let mut z = std::mem::take(&mut self.maps[to]);
        let mut rows = std::mem::take(&mut self.scratch.rows);
        for (first, some) in chunks(self.count, place.image * depth.max(outputs)) {
            let stride = some * place.image;
            let rows = room(&mut rows, depth * stride);
            fill(self, rows, first, some);
            let x = Panels { values: rows, stride };
            let shape = [some * map.area(), depth, outputs];
            product(x, &packed.matrix.forward, shape, &mut z[first * place.image..], place.stride);
            if let Some(norm) = map.norm {
                for panel in 0..outputs {
                    let sums = vectors::moments(&z[place.of(panel, first, some)]);
                    self.count_in(norm, panel, sums);
                }
            }
        }
        self.maps[to] = z;
        self.scratch.rows = rows;
    }

    fn count_in(&mut self, norm: usize, panel: usize, sums: [vectors::Lanes; 2]) {
        for (total, sums) in self.sums[norm].iter_mut().zip(sums) {
            for (total, sum) in total[panel * PANEL_LANES..].iter_mut().zip(sums) {
                *total += f64::from(sum);
            }
        }
    }

    /// One layer backwards: from the gradient of what it wrote to that of what it read, and of its kernels.
    pub fn backward(
        &mut self,
        graph: &Graph,
        layer: &Layer,
        packed: &Packed,
        norms: &Norms,
        pixels: &Pixels,
    ) {
        match *layer {
            Layer::Stem { from, to, kernel, stride } => {
                self.back(
                    graph,
                    to,
                    kernel,
                    packed,
                    norms,
                    from.is_some(),
                    |group, rows, back, first, some| {
                        group.windows(graph, from, to, stride, norms, pixels, rows, first, some);
                        if let Some(from) = from {
                            group.windows_back(graph, from, to, stride, norms, back, first, some);
                        }
                    },
                );
            }
            Layer::Unit { from, to, depthwise, pointwise, adds } => {
                let mut taps = std::mem::take(&mut self.weights[depthwise]);
                taps.resize(packed.taps.len(), 0.0);
                let taps_of = std::cell::RefCell::new(&mut taps);
                self.back(graph, to, pointwise, packed, norms, true, |group, rows, back, first, some| {
                    let taps = &mut taps_of.borrow_mut();
                    group.depthwise_back(graph, (from, adds), packed, norms, rows, back, taps, first, some);
                });
                self.weights[depthwise] = taps;
            }
            Layer::Shortcut { from, to, kernel } => {
                self.back(graph, to, kernel, packed, norms, true, |group, rows, back, first, some| {
                    group.bridge_rows(graph, from, norms, rows, first, some);
                    group.bridge_back(graph, from, back, first, some);
                });
            }
            Layer::Pool { main, bridge, to, before } => {
                self.pool_back(graph, [main, to], before);
                self.share(graph, main, norms);
                self.share(graph, bridge, norms);
            }
            Layer::Add { main, .. } => self.share(graph, main, norms),
        }
    }

    /// Sums over the finished gradient of a map for its batch norm.
    pub fn share(&mut self, graph: &Graph, map: usize, norms: &Norms) {
        let at = &graph.maps[map];
        let len = at.area() * PANEL_LANES * self.count;
        let Some(norm) = at.norm else { return };
        for panel in 0..at.panels() {
            let part = panel * len..(panel + 1) * len;
            let (g, z) = (&self.slots[at.slot][part.clone()], &self.maps[map][part]);
            let sums = vectors::shares(g, z, &norms.mean_of(at, panel));
            self.count_in(norm, panel, sums);
        }
    }

    /// A convolution backwards, some pictures at a time: through the batch norm, to the gradient of the rows;
    /// then `fill` makes the rows again and takes their gradient further, and both give the kernel's.
    #[allow(clippy::too_many_arguments, reason = "the layer's own")]
    fn back(
        &mut self,
        graph: &Graph,
        to: usize,
        kernel: usize,
        packed: &Packed,
        norms: &Norms,
        further: bool,
        fill: impl Fn(&mut Self, &mut [f32], &[f32], usize, usize),
    ) {
        let (map, [depth, outputs]) = (&graph.maps[to], packed.matrix.panels);
        let place = Place::new(map.area(), self.count);
        let mut rows = std::mem::take(&mut self.scratch.rows);
        let mut grads = std::mem::take(&mut self.scratch.grads);
        let mut back = std::mem::take(&mut self.scratch.back);
        let mut weights = std::mem::take(&mut self.weights[kernel]);
        weights.resize(depth * outputs * PANEL_LANES * PANEL_LANES, 0.0);
        for (first, some) in chunks(self.count, place.image * depth.max(outputs)) {
            let stride = some * place.image;
            let grads = room(&mut grads, outputs * stride);
            for panel in 0..outputs {
                let part = place.of(panel, first, some);
                let (g, z) = (&self.slots[map.slot][part.clone()], &self.maps[to][part]);
                let dz = &mut grads[panel * stride..][..stride];
                match map.norm {
                    Some(norm) => vectors::through_norm(g, z, &norms.slopes(norm, panel), dz),
                    None => dz.copy_from_slice(g),
                }
            }
            let g = Panels { values: grads, stride };
            let (back, rows) = (room(&mut back, depth * stride), room(&mut rows, depth * stride));
            let pixels = some * map.area();
            if further {
                product(g, &packed.matrix.backward, [pixels, outputs, depth], back, stride);
            }
            fill(self, rows, back, first, some);
            outer(Panels { values: rows, stride }, g, [pixels, depth, outputs], &mut weights);
        }
        self.scratch.rows = rows;
        self.scratch.grads = grads;
        self.scratch.back = back;
        self.weights[kernel] = weights;
    }
}

fn padded_len([h, w]: [usize; 2]) -> usize {
    (h + 2) * (w + 2) * PANEL_LANES
}

/// First and number of the pictures that are worked on at once, each making `numbers`.
fn chunks(count: usize, numbers: usize) -> impl Iterator<Item = (usize, usize)> {
    let size = (CHUNK / numbers.max(1)).clamp(1, count.max(1));
    (0..count).step_by(size).map(move |first| (first, size.min(count - first)))
}

fn pairs(panels: usize, images: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..panels).flat_map(move |panel| (0..images).map(move |image| (panel, image)))
}
