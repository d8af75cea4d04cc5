//! Weights in the order in which the matrix product reads them.
//!
//! A kernel `[C', K]` becomes panels of [`PANEL`] output channels; the last is filled up with zeros. In f32
//! a panel is `[K, PANEL]`. In int8 it is `[K / 2, PANEL, 2]`: one step multiplies pairs.

use super::PANEL;

/// A packed kernel.
#[derive(Clone, Copy, Debug)]
pub enum Weights<'a> {
    /// By [`pack`].
    F32(&'a [f32]),
    /// By [`pack_q8`], with one scale per output channel.
    Q8 {
        /// The panels.
        values: &'a [i8],
        /// What one step of each output channel is worth.
        scales: &'a [f32],
    },
}

/// Numbers in the packed f32 form of a kernel of `outputs` by `depth`.
pub const fn packed_len(outputs: usize, depth: usize) -> usize {
    outputs.div_ceil(PANEL) * PANEL * depth
}

/// Packs `[outputs, depth]`.
pub fn pack(kernel: &[f32], outputs: usize, depth: usize) -> Vec<f32> {
    assert_eq!(kernel.len(), outputs * depth, "a kernel holds one number per output and input");
    let mut packed = vec![0.0; packed_len(outputs, depth)];
    let panel = (PANEL * depth).max(1);
    for (panel, rows) in packed.chunks_exact_mut(panel).zip(kernel.chunks(panel)) {
        fill(panel, rows, depth);
    }
    packed
}

/// Up to PANEL rows side by side, the panel written from start to end. A call of its own: engines compile a
/// function anew, and faster, only between two calls.
#[inline(never)]
fn fill(panel: &mut [f32], rows: &[f32], depth: usize) {
    let count = rows.len() / depth.max(1);
    if let (PANEL, Some(rows)) = (count, rows.get(..PANEL * depth)) {
        let rows: [&[f32]; PANEL] = std::array::from_fn(|r| &rows[r * depth..][..depth]);
        for (k, column) in panel.as_chunks_mut::<PANEL>().0.iter_mut().enumerate().take(depth) {
            *column = rows.map(|row| row[k]);
        }
    } else {
        for (k, column) in panel.as_chunks_mut::<PANEL>().0.iter_mut().enumerate() {
            for (r, x) in column.iter_mut().enumerate().take(count) {
                *x = rows[r * depth + k];
            }
        }
    }
}

/// The inverse of [`pack`].
pub fn unpack(packed: &[f32], outputs: usize, depth: usize) -> Vec<f32> {
    let at = |output: usize, k: usize| packed[(output / PANEL * depth + k) * PANEL + output % PANEL];
    (0..outputs * depth).map(|i| at(i / depth, i % depth)).collect()
}

/// Packs int8 `[outputs, depth]`; an odd depth is filled up with a zero.
pub fn pack_q8(kernel: &[i8], outputs: usize, depth: usize) -> Vec<i8> {
    assert_eq!(kernel.len(), outputs * depth, "a kernel holds one number per output and input");
    let even = depth.next_multiple_of(2);
    let mut packed = vec![0; packed_len(outputs, even)];
    for (output, row) in kernel.chunks_exact(depth.max(1)).enumerate() {
        let panel = &mut packed[output / PANEL * PANEL * even..];
        for (k, &value) in row.iter().enumerate() {
            panel[(k / 2 * PANEL + output % PANEL) * 2 + k % 2] = value;
        }
    }
    packed
}
