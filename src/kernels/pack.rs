//! Weights in the order in which the matrix product reads them.
//!
//! A kernel `[C', K]` becomes panels of [`PANEL`] output channels; the last is filled up with zeros. In f32
//! a panel is `[K, PANEL]`. In int8 it is `[K / 4, PANEL, 4]`, K filled up to whole steps of [`STEP`]: one
//! instruction multiplies four neighbours of each output channel.

/// Output channels per panel of packed weights.
pub const PANEL: usize = if cfg!(target_arch = "x86_64") { 16 } else { 8 };

/// A packed kernel.
#[derive(Clone, Copy, Debug)]
pub enum Weights<'a> {
    /// By [`pack`].
    F32(&'a [f32]),
    /// By [`pack_q8`].
    Q8 {
        /// The panels.
        values: &'a [i8],
        /// What one step of each output channel is worth.
        scales: &'a [f32],
        /// The sum of each output channel's weights.
        sums: &'a [f32],
    },
}

/// A kernel in int8; see [`Weights::Q8`].
#[derive(Clone, Debug, PartialEq)]
pub struct PackedQ8 {
    /// The panels.
    pub values: Vec<i8>,
    /// What one step of each output channel is worth.
    pub scales: Vec<f32>,
    /// The sum of each output channel's weights.
    pub sums: Vec<f32>,
}

/// Numbers of K that one step of the int8 product takes: two vectors of four per output channel.
pub const STEP: usize = 8;
/// Largest number of a quantised pixel: seven bits, as the instruction demands.
pub(super) const PIXEL_MAX: i32 = 127;
/// Four products are summed in an i16: what four weights of one sign may add up to, for any pixels.
const QUARTET_MAX: i32 = i16::MAX as i32 / PIXEL_MAX;

/// Numbers in the packed form of a kernel of `outputs` by `depth`; in int8, `depth` in whole [`STEP`]s.
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

/// Quantises `[outputs, depth]` per output channel, symmetrically, and packs it. A row that was int8 before
/// comes back as it was, unless its products could overflow.
pub fn pack_q8(kernel: &[f32], outputs: usize, depth: usize) -> PackedQ8 {
    assert_eq!(kernel.len(), outputs * depth, "a kernel holds one number per output and input");
    let steps = depth.next_multiple_of(STEP);
    let mut values = vec![0; packed_len(outputs, steps)];
    let (mut scales, mut sums) = (Vec::with_capacity(outputs), Vec::with_capacity(outputs));
    let mut whole = vec![0i8; steps];
    for (output, row) in kernel.chunks_exact(depth.max(1)).enumerate() {
        let scale = quantise(row, &mut whole);
        scales.push(scale);
        sums.push(whole.iter().map(|&x| i32::from(x)).sum::<i32>() as f32 * scale);
        let panel = &mut values[output / PANEL * PANEL * steps..];
        for (quad, four) in whole.chunks_exact(4).enumerate() {
            panel[(quad * PANEL + output % PANEL) * 4..][..4].copy_from_slice(four);
        }
    }
    PackedQ8 { values, scales, sums }
}

/// Rounds a row to steps of its largest number's 127th, or to the smallest larger step with which no four
/// products overflow; returns the step. Numbers too small for a step that f32 holds in full become zeros.
fn quantise(row: &[f32], whole: &mut [i8]) -> f32 {
    let largest = row.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    // 0 · x is 0 for every finite number: of others the step is NaN, and so is the answer.
    let poison: f32 = row.iter().map(|x| x * 0.0).sum();
    let mut step = largest / f32::from(i8::MAX) + poison;
    loop {
        // Of a smaller step the reciprocal may not be finite, and the smallest of all does not grow below: such
        // a row is zeros, as it is of zeros or of NaN.
        let inverse = if step >= f32::MIN_POSITIVE { step.recip() } else { 0.0 };
        for (whole, x) in whole.iter_mut().zip(row) {
            *whole = (x * inverse).round() as i8;
        }
        let most = whole.chunks_exact(STEP).map(quartets).max().unwrap_or(0);
        if most <= QUARTET_MAX {
            return step;
        }
        step *= most as f32 / QUARTET_MAX as f32;
    }
}

/// The largest sum of weights of one sign among those whose products meet in one i16: of the two vectors
/// of four, the first halves and the second halves.
fn quartets(step: &[i8]) -> i32 {
    let sum = |half: usize, sign: i32| -> i32 {
        [half, half + 1, half + 4, half + 5].iter().map(|&k| (sign * i32::from(step[k])).max(0)).sum()
    };
    [sum(0, 1), sum(0, -1), sum(2, 1), sum(2, -1)].into_iter().max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn int8_rows_come_back_as_they_were() {
        let row: Vec<f32> = (0..19).map(|k| [127.0, -3.0, 0.0, 45.0, -90.0, 7.0][k % 6] * 0.5).collect();
        let packed = pack_q8(&row, 1, 19);
        assert_eq!(packed.scales, [0.5]);
        assert_eq!(packed.sums, [row.iter().sum::<f32>()]);
        for (k, x) in row.iter().enumerate() {
            assert_eq!(f32::from(packed.values[k / 4 * PANEL * 4 + k % 4]) * 0.5, *x);
        }
    }

    #[test]
    fn a_weight_that_is_not_finite_shows() {
        for bad in [f32::NAN, f32::INFINITY] {
            let packed = pack_q8(&[1.0, bad, 2.0, 1.0, 1.0, 1.0], 2, 3);
            assert!(packed.scales[0].is_nan() && packed.sums[0].is_nan() && packed.scales[1] > 0.0);
        }
    }

    #[test]
    fn no_four_products_overflow_whatever_the_weights() {
        let signs = [1.0, 1.0, -1.0, -1.0].repeat(4);
        // 4 · 127 products are nearly twice too many; 3 · 127 are less than one and a half times.
        let three = [1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
        let times = |row: &[f32], size: f32| row.iter().map(|x| x * size).collect::<Vec<_>>();
        // By the smallest numbers that f32 holds, and to either side of the smallest with a finite reciprocal.
        let tiny = [f32::from_bits(71), f32::from_bits(127), 3e-37, 4e-37, 2e-36];
        let tiny = tiny.iter().flat_map(|&size| [times(&signs, size), times(&three, size)]);
        let rows = [vec![1.0; 32], vec![-1.0; 9], signs.clone(), vec![0.0; 8], three.to_vec()];
        for row in rows.into_iter().chain(tiny) {
            let mut whole = vec![0; row.len().next_multiple_of(STEP)];
            let step = quantise(&row, &mut whole);
            assert!(whole.chunks_exact(STEP).all(|step| quartets(step) <= QUARTET_MAX), "{whole:?}");
            let tolerance = if step < f32::MIN_POSITIVE {
                assert!(whole.iter().all(|&x| x == 0), "{whole:?} steps of {step}");
                f32::from(i8::MAX) * f32::MIN_POSITIVE
            } else {
                step / 2.0
            };
            for (whole, x) in whole.iter().zip(row) {
                assert!((f32::from(*whole) * step - x).abs() <= tolerance, "{whole} steps of {step} for {x}");
            }
        }
    }
}
