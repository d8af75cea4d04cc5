//! Plain 3×3 convolutions: the windows that they multiply, of pictures or of a map.

use super::{Group, Place, pairs, room};
use crate::learn::engine::graph::{Graph, View, panels};
use crate::learn::engine::norm::Norms;
use crate::learn::engine::vectors::{self, Before};
use crate::supply::batch::normalised;
use xception_kernels::{PANEL_LANES, TAPS};

/// Channels of a picture.
pub const COLOURS: usize = 3;

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

impl Group {
    /// All windows of a plain convolution: `[9 · C / 8, some, H', W', 8]`, of the pictures `[27 / 8, …]`.
    #[allow(clippy::too_many_arguments, reason = "the layer's own and the part of the batch")]
    pub(super) fn windows(
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

    /// The gradient of [`Self::windows`].
    #[allow(clippy::too_many_arguments, reason = "the layer's own and the part of the batch")]
    pub(super) fn windows_back(
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
