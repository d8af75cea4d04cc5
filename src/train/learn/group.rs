//! Some pictures of a batch, with all memory that their way through the network takes: whoever computes them
//! touches nobody else's. Allocated once.

use super::super::dataset::normalised;
use super::graph::{Graph, Layer, View, panels};
use super::kernel::Matrix;
use super::norm::Norms;
use super::vectors::{Before, Reading, lanes};
use super::{Packed, vectors};
use xception_kernels::panels::{Panels, depthwise, depthwise_taps, outer, product};
use xception_kernels::{PANEL_LANES, TAPS};

/// Numbers of a layer's output that are worked on at once; they and what they are made of stay in a core's cache.
const CHUNK: usize = 24 * 1024;

/// Channels of a picture.
pub const COLOURS: usize = 3;

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
            Layer::Bridge { from, to, .. } => {
                self.convolve(graph, to, packed, |group, rows, first, some| {
                    group.bridge_rows(graph, from, norms, rows, first, some);
                });
            }
            Layer::Pool { main, bridge, to, before } => self.pool(graph, [main, bridge, to], before, norms),
            Layer::Add { main, around, to } => {
                let mut sum = std::mem::take(&mut self.maps[to]);
                sum.copy_from_slice(&self.maps[around]);
                let len = graph.maps[to].area() * PANEL_LANES * self.count;
                for (panel, sum) in sum.chunks_exact_mut(len).enumerate() {
                    let reading = norms.reading(graph, View { map: main, relu: false }, panel);
                    vectors::add_read(&self.maps[main][panel * len..][..len], &reading, sum);
                }
                self.maps[to] = sum;
            }
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

    /// Depthwise convolution of some pictures, as `[C / 8, some, H, W, 8]`.
    #[allow(clippy::too_many_arguments, reason = "the layer's own and the part of the batch")]
    fn depthwise_rows(
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

    /// Every second pixel of some pictures.
    fn bridge_rows(
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

    /// All windows of a plain convolution: `[9 · C / 8, some, H', W', 8]`, of the pictures `[27 / 8, …]`.
    #[allow(clippy::too_many_arguments, reason = "the layer's own and the part of the batch")]
    fn windows(
        &mut self,
        graph: &Graph,
        from: Option<View>,
        to: usize,
        stride: usize,
        norms: &Norms,
        pixels: &Pixels,
        rows: &mut [f32],
        first: usize,
        some: usize,
    ) {
        let [oh, ow] = graph.maps[to].size;
        let len = oh * ow * PANEL_LANES;
        let Some(from) = from else {
            let side = pixels.side;
            for image in 0..some {
                let picture = pixels.picture(self.first + first + image);
                for (p, corner) in (0..oh * ow).map(|p| (p, (p / ow * side + p % ow) * stride * COLOURS)) {
                    for k in 0..TAPS * COLOURS {
                        let at = corner + k / (3 * COLOURS) * side * COLOURS + k % (3 * COLOURS);
                        let (panel, lane) = (k / PANEL_LANES, k % PANEL_LANES);
                        rows[(panel * some + image) * len + p * PANEL_LANES + lane] = normalised(picture[at]);
                    }
                }
            }
            return;
        };
        let map = &graph.maps[from.map];
        let place = Place::new(map.area(), self.count);
        let image_values = room(&mut self.scratch.image, place.image);
        for panel in 0..map.panels() {
            let reading = norms.reading(graph, from, panel);
            for image in 0..some {
                vectors::read(
                    &self.maps[from.map][place.of(panel, first + image, 1)],
                    &reading,
                    image_values,
                );
                for tap in 0..TAPS {
                    let rows = &mut rows[((tap * map.panels() + panel) * some + image) * len..][..len];
                    lines(map.size, [oh, ow], stride, tap, |out, inside, step| {
                        if step == 1 {
                            rows[out..][..ow * PANEL_LANES]
                                .copy_from_slice(&image_values[inside..][..ow * PANEL_LANES]);
                        } else {
                            for j in 0..ow {
                                rows[out + j * PANEL_LANES..][..PANEL_LANES].copy_from_slice(
                                    &image_values[inside + j * step * PANEL_LANES..][..PANEL_LANES],
                                );
                            }
                        }
                    });
                }
            }
        }
    }

    fn pool(&mut self, graph: &Graph, [main, bridge, to]: [usize; 3], before: [usize; 2], norms: &Norms) {
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
            Layer::Bridge { from, to, kernel } => {
                self.back(graph, to, kernel, packed, norms, true, |group, rows, back, first, some| {
                    group.bridge_rows(graph, from, norms, rows, first, some);
                    let map = &graph.maps[from.map];
                    let place = Place::new(map.area(), group.count);
                    let half = map.size.map(|side| side.div_ceil(2)).iter().product::<usize>() * PANEL_LANES;
                    for (panel, image) in pairs(map.panels(), some) {
                        let back = &back[(panel * some + image) * half..][..half];
                        let g = &mut group.slots[map.slot][place.of(panel, first + image, 1)];
                        vectors::spread(map.size, back, g);
                    }
                });
            }
            Layer::Pool { main, bridge, to, before } => {
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

    /// The depthwise half: makes the rows again, and takes their gradient to the map that was read.
    #[allow(clippy::too_many_arguments, reason = "the layer's own and the part of the batch")]
    fn depthwise_back(
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

    /// The gradient of [`Self::windows`].
    #[allow(clippy::too_many_arguments, reason = "the layer's own and the part of the batch")]
    fn windows_back(
        &mut self,
        graph: &Graph,
        from: View,
        to: usize,
        stride: usize,
        norms: &Norms,
        back: &[f32],
        first: usize,
        some: usize,
    ) {
        let map = &graph.maps[from.map];
        let place = Place::new(map.area(), self.count);
        let [oh, ow] = graph.maps[to].size;
        let len = oh * ow * PANEL_LANES;
        let mut image_back = std::mem::take(&mut self.scratch.image);
        for (panel, image) in pairs(map.panels(), some) {
            let image_back = room(&mut image_back, place.image);
            image_back.fill(0.0);
            for tap in 0..TAPS {
                let back = &back[((tap * map.panels() + panel) * some + image) * len..][..len];
                lines(map.size, [oh, ow], stride, tap, |out, inside, step| {
                    for j in 0..ow {
                        let to = &mut image_back[inside + j * step * PANEL_LANES..][..PANEL_LANES];
                        for (to, back) in to.iter_mut().zip(&back[out + j * PANEL_LANES..]) {
                            *to += back;
                        }
                    }
                });
            }
            let (at, reading) = (place.of(panel, first + image, 1), norms.reading(graph, from, panel));
            let z = &self.maps[from.map][at.clone()];
            let (g, mean) = (&mut self.slots[map.slot][at], norms.mean_of(map, panel));
            let sums = vectors::back_through(z, &reading, image_back, Before::Nothing, &mean, g);
            if let Some(norm) = map.norm {
                self.count_in(norm, panel, sums);
            }
        }
        self.scratch.image = image_back;
    }

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

/// The pictures of a batch, `[B, side, side, 3]`.
pub struct Pixels<'a> {
    /// Row by row, channels last.
    pub values: &'a [u8],
    /// Height and width.
    pub side: usize,
}

impl Pixels<'_> {
    fn picture(&self, index: usize) -> &[u8] {
        let len = self.side * self.side * COLOURS;
        &self.values[index * len..][..len]
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

/// Calls `line` for each line of output pixels: where it lies, where the tap of its first pixel lies in the input,
/// and by how many pixels that moves from pixel to pixel.
fn lines(
    [_, w]: [usize; 2],
    [oh, ow]: [usize; 2],
    stride: usize,
    tap: usize,
    mut line: impl FnMut(usize, usize, usize),
) {
    for i in 0..oh {
        let inside = ((i * stride + tap / 3) * w + tap % 3) * PANEL_LANES;
        line(i * ow * PANEL_LANES, inside, stride);
    }
}

/// Panels of a plain 3×3 convolution's rows.
pub fn window_panels(from: Option<usize>) -> usize {
    from.map_or(panels(TAPS * COLOURS), |channels| TAPS * panels(channels))
}
