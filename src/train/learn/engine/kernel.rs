//! Kernels in the order in which the products read them, and gradients back in the module's order.

use super::graph::panels;
use xception_kernels::{PANEL_LANES, TAPS};

/// A matrix from inputs to outputs, for both directions.
#[derive(Clone, Debug, Default)]
pub struct Matrix {
    /// `[outputs / 8, inputs, 8]`.
    pub forward: Vec<f32>,
    /// `[inputs / 8, outputs, 8]`.
    pub backward: Vec<f32>,
    /// Panels of inputs and outputs.
    pub panels: [usize; 2],
}

impl Matrix {
    /// Fills both with `weight(input, output)`; inputs and outputs as many as there are panels for, those beyond
    /// the `[inputs, outputs]` real ones zero.
    pub fn fill(&mut self, [inputs, outputs]: [usize; 2], weight: impl Fn(usize, usize) -> f32) {
        let [from, to] = [inputs, outputs].map(panels);
        self.panels = [from, to];
        self.forward.resize(from * to * PANEL_LANES * PANEL_LANES, 0.0);
        self.backward.resize(from * to * PANEL_LANES * PANEL_LANES, 0.0);
        for input in 0..inputs {
            for output in 0..outputs {
                let w = weight(input, output);
                let place = |panel: usize, depth: usize, row: usize, lane: usize| {
                    (panel * depth * PANEL_LANES + row) * PANEL_LANES + lane
                };
                self.forward[place(output / PANEL_LANES, from, input, output % PANEL_LANES)] = w;
                self.backward[place(input / PANEL_LANES, to, output, input % PANEL_LANES)] = w;
            }
        }
    }
}

/// `[C, 3, 3]` to `[C / 8, 9, 8]`.
pub fn taps(weights: &[f32], channels: usize, into: &mut Vec<f32>) {
    into.resize(panels(channels) * TAPS * PANEL_LANES, 0.0);
    for (channel, taps) in weights.chunks_exact(TAPS).enumerate() {
        let panel = &mut into[channel / PANEL_LANES * TAPS * PANEL_LANES..];
        for (tap, w) in taps.iter().enumerate() {
            panel[tap * PANEL_LANES + channel % PANEL_LANES] = *w;
        }
    }
}

/// The inverse of [`taps`].
pub fn untap(panels: &[f32], channels: usize) -> Vec<f32> {
    let at = |channel: usize, tap: usize| {
        panels[(channel / PANEL_LANES * TAPS + tap) * PANEL_LANES + channel % PANEL_LANES]
    };
    (0..channels * TAPS).map(|i| at(i / TAPS, i % TAPS)).collect()
}
