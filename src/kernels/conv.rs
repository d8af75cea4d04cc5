//! A fused convolution: rows, matrix product and epilogue, a block of pixels at a time.

use super::gemm::{tile_f32, tile_q8};
use super::lanes::{Lanes, MAX_LANES};
use super::pack::{Weights, packed_len};
use super::rows::{Picture, Rows, write};
use super::threads::{parallel, threads};
use super::{Act, PANEL, isa};

/// Pixels per block: their rows stay in the second-level cache while all weights pass by.
const BLOCK: usize = 48;

/// What is added to the result before the last activation.
#[derive(Clone, Copy, Debug)]
pub struct Residual<'a> {
    /// `[B, H', W', C']`.
    pub values: &'a [f32],
    /// A factor per channel.
    pub scale: Option<&'a [f32]>,
}

/// All that a convolution is.
#[derive(Clone, Copy, Debug)]
pub struct Conv<'a> {
    /// `[B, H, W, C]`.
    pub input: &'a [f32],
    /// B, H, W, C.
    pub shape: [usize; 4],
    /// What stands before it.
    pub lead: Act,
    /// What each output pixel sees.
    pub rows: Rows<'a>,
    /// H', W'.
    pub output: [usize; 2],
    /// `[C', K]`, packed.
    pub weights: Weights<'a>,
    /// `[C']`.
    pub bias: &'a [f32],
    /// What is added.
    pub residual: Option<Residual<'a>>,
    /// What stands after it, and after the residual.
    pub act: Act,
}

impl Conv<'_> {
    /// Fails loudly on shapes that do not belong together: the kernels below read without asking.
    fn check(&self) {
        let [b, h, w, c] = self.shape;
        let (depth, outputs) = (self.rows.depth(c), self.bias.len());
        assert_eq!(self.input.len(), b * h * w * c, "the input's numbers are B·H·W·C");
        match self.weights {
            Weights::F32(values) => assert_eq!(values.len(), packed_len(outputs, depth), "packed weights"),
            Weights::Q8 { values, scales } => {
                assert_eq!(values.len(), packed_len(outputs, depth.next_multiple_of(2)), "packed weights");
                assert_eq!(scales.len(), outputs, "one scale per output channel");
            }
        }
        if let Rows::Depthwise { kernel, bias, .. } = self.rows {
            assert_eq!(kernel.len(), super::TAPS * c, "nine taps per channel");
            assert!(bias.is_none_or(|bias| bias.len() == c), "one bias per channel");
        }
        if let Rows::Points { stride } = self.rows {
            let reach = |size: usize, output: usize| output == 0 || (output - 1) * stride < size;
            assert!(reach(h, self.output[0]) && reach(w, self.output[1]), "every output pixel has an input");
        }
        let len = b * self.output[0] * self.output[1] * outputs;
        if let Some(Residual { values, scale }) = self.residual {
            assert_eq!(values.len(), len, "a residual is as large as the output");
            assert!(scale.is_none_or(|scale| scale.len() == outputs), "one factor per channel");
        }
    }
}

/// Runs it; the result is `[B, H', W', C']`.
pub fn conv(conv: &Conv<'_>) -> Vec<f32> {
    conv.check();
    let pixels = conv.shape[0] * conv.output[0] * conv.output[1];
    let outputs = conv.bias.len();
    let mut result = vec![0.0; pixels * outputs];
    let share = block_size(pixels, threads());
    parallel(&mut result, share * outputs, |block, result| isa::block(conv, block * share, result));
    result
}

/// Blocks of about equal size, a multiple of `threads` many, none much larger than [`BLOCK`].
fn block_size(pixels: usize, threads: usize) -> usize {
    let blocks = pixels.div_ceil(BLOCK * threads) * threads;
    // Whole tiles for every instruction set: 12 is a multiple of their 2, 4 and 6 pixels.
    pixels.div_ceil(blocks.max(1)).next_multiple_of(12).max(12)
}

/// Computes the output pixels from `first` on that `result` has room for.
#[inline(always)]
pub(super) fn block<L: Lanes, const R: usize, const V: usize>(
    conv: &Conv<'_>,
    first: usize,
    result: &mut [f32],
) {
    let (outputs, depth) = (conv.bias.len(), conv.rows.depth(conv.shape[3]));
    let count = result.len() / outputs.max(1);
    match conv.weights {
        Weights::F32(weights) => {
            let mut pixels = vec![0.0; count.next_multiple_of(R) * depth];
            let mut rows = vec![0.0; R * depth];
            for (tile, panel) in pixels.chunks_exact_mut(R * depth).enumerate() {
                fill_rows::<L, R>(conv, first + tile * R, count - tile * R, &mut rows);
                // SAFETY: both hold R rows of this depth.
                unsafe { L::weave::<R>(rows.as_ptr(), depth, panel.as_mut_ptr()) };
            }
            let product = |tile: usize, panel: usize, bias: [L; V], _: [L; V]| {
                let (pixels, weights) = (&pixels[tile * R * depth..], &weights[panel * PANEL * depth..]);
                // SAFETY: both were cut into whole panels of this depth.
                unsafe { tile_f32::<L, R, V>(depth, pixels.as_ptr(), weights.as_ptr(), bias) }
            };
            tiles::<L, R, V>(conv, first, result, product);
        }
        Weights::Q8 { values, .. } => {
            let even = depth.next_multiple_of(2);
            let mut pixels = vec![0i16; count.next_multiple_of(R) * even];
            let mut steps = vec![0.0; count.next_multiple_of(R)];
            let mut rows = vec![0.0; R * depth];
            let mut whole = vec![0i16; R * even];
            for (tile, panel) in pixels.chunks_exact_mut(R * even).enumerate() {
                let valid = fill_rows::<L, R>(conv, first + tile * R, count - tile * R, &mut rows);
                for r in 0..valid {
                    let (row, whole) = (&rows[r * depth..][..depth], &mut whole[r * even..][..even]);
                    steps[tile * R + r] = quantise::<L>(row, whole);
                }
                // SAFETY: a pair of i16 is one word; both hold R rows of half this depth.
                unsafe { L::weave::<R>(whole.as_ptr().cast(), even / 2, panel.as_mut_ptr().cast()) };
            }
            let product = |tile: usize, panel: usize, bias: [L; V], scale: [L; V]| {
                let (pixels, weights) = (&pixels[tile * R * even..], &values[panel * PANEL * even..]);
                // SAFETY: both were cut into whole panels of this depth.
                let mut sums = unsafe { tile_q8::<L, R, V>(even / 2, pixels.as_ptr(), weights.as_ptr()) };
                for (r, sums) in sums.iter_mut().enumerate() {
                    let step = L::splat(steps[tile * R + r]);
                    for v in 0..V {
                        sums[v] = sums[v].mul(step).mul_add(scale[v], bias[v]);
                    }
                }
                sums
            };
            tiles::<L, R, V>(conv, first, result, product);
        }
    }
}

/// Makes the rows of up to R pixels from `first` on, `left` of which exist; says how many.
#[inline(always)]
fn fill_rows<L: Lanes, const R: usize>(
    conv: &Conv<'_>,
    first: usize,
    left: usize,
    rows: &mut [f32],
) -> usize {
    let [_, h, w, c] = conv.shape;
    let [out_h, out_w] = conv.output;
    let valid = left.min(R);
    for (r, row) in rows.chunks_exact_mut(rows.len() / R).take(valid).enumerate() {
        let (image, at) = ((first + r) / (out_h * out_w), (first + r) % (out_h * out_w));
        let values = &conv.input[image * h * w * c..][..h * w * c];
        let picture = Picture { values, shape: [h, w, c], lead: conv.lead };
        write::<L>(&conv.rows, picture, [at / out_w, at % out_w], row);
    }
    valid
}

/// Largest int8 that is used: the range is symmetric.
const Q8_MAX: f32 = 127.0;

/// Rounds a row to steps of its largest number's 127th; returns the step, or NaN when a number is not
/// finite, so that it shows in the answer.
#[inline(always)]
fn quantise<L: Lanes>(row: &[f32], whole: &mut [i16]) -> f32 {
    let (zero, minus) = (L::splat(0.0), L::splat(-1.0));
    let (mut largest, mut poison) = (zero, zero);
    let vectors = row.chunks_exact(L::N);
    let rest = vectors.remainder();
    for vector in vectors {
        // SAFETY: a chunk is one vector.
        let x = unsafe { L::load(vector.as_ptr()) };
        largest = x.at_least(x.mul(minus)).at_least(largest);
        // 0 · x is 0 for every finite number.
        poison = x.mul_add(zero, poison);
    }
    let mut sums = [[0.0; MAX_LANES]; 2];
    // SAFETY: no vector is longer than MAX_LANES.
    unsafe {
        largest.store(sums[0].as_mut_ptr());
        poison.store(sums[1].as_mut_ptr());
    }
    let largest = sums[0].iter().chain(rest).fold(0.0f32, |largest, x| largest.max(x.abs()));
    let poison = sums[1].iter().chain(rest).fold(0.0, |poison, x| poison + x * 0.0);
    let inverse = if largest > 0.0 { Q8_MAX / largest } else { 0.0 };
    let factor = L::splat(inverse);
    let double = row.len() / (2 * L::N) * 2 * L::N;
    for k in (0..double).step_by(2 * L::N) {
        // SAFETY: two vectors from `k` on are inside of both.
        unsafe {
            let at = row.as_ptr().add(k);
            L::narrow(L::load(at).mul(factor), L::load(at.add(L::N)).mul(factor), whole.as_mut_ptr().add(k));
        }
    }
    for k in double..row.len() {
        whole[k] = (row[k] * inverse).round_ties_even() as i16;
    }
    largest / Q8_MAX + poison
}

/// Every tile of the block: `product` by tile and panel, then residual and activation, then out.
#[inline(always)]
fn tiles<L: Lanes, const R: usize, const V: usize>(
    conv: &Conv<'_>,
    first: usize,
    result: &mut [f32],
    product: impl Fn(usize, usize, [L; V], [L; V]) -> [[L; V]; R],
) {
    let outputs = conv.bias.len();
    let count = result.len() / outputs.max(1);
    let floor = L::splat(match conv.act {
        Act::None => f32::NEG_INFINITY,
        Act::Relu => 0.0,
    });
    for (panel, bias) in conv.bias.chunks(PANEL).enumerate() {
        let width = bias.len();
        let scale = match conv.weights {
            Weights::F32(_) => [L::splat(1.0); V],
            Weights::Q8 { scales, .. } => vectors::<L, V>(&scales[panel * PANEL..][..width]),
        };
        let bias = vectors::<L, V>(bias);
        let factor = match conv.residual {
            Some(Residual { scale: Some(scale), .. }) => vectors::<L, V>(&scale[panel * PANEL..][..width]),
            _ => [L::splat(1.0); V],
        };
        for tile in 0..count.div_ceil(R) {
            let sums = product(tile, panel, bias, scale);
            for (r, sums) in sums.into_iter().enumerate() {
                let pixel = tile * R + r;
                if pixel >= count {
                    break;
                }
                let at = pixel * outputs + panel * PANEL;
                let out = &mut result[at..][..width];
                let residual =
                    conv.residual.map(|residual| &residual.values[first * outputs + at..][..width]);
                finish::<L, V>(sums, residual, factor, floor, out);
            }
        }
    }
}

/// Residual and activation of one pixel's sums.
#[inline(always)]
fn finish<L: Lanes, const V: usize>(
    mut sums: [L; V],
    residual: Option<&[f32]>,
    factor: [L; V],
    floor: L,
    out: &mut [f32],
) {
    let whole = out.len() == PANEL;
    if let Some(residual) = residual {
        let residual = if whole {
            // SAFETY: V vectors of N are one panel, the residual's length.
            std::array::from_fn(|v| unsafe { L::load(residual.as_ptr().add(v * L::N)) })
        } else {
            vectors::<L, V>(residual)
        };
        for v in 0..V {
            sums[v] = residual[v].mul_add(factor[v], sums[v]);
        }
    }
    let mut last = [0.0; PANEL];
    let to = if whole { out.as_mut_ptr() } else { last.as_mut_ptr() };
    for (v, sum) in sums.into_iter().enumerate() {
        // SAFETY: V vectors of N are one panel, the length of both.
        unsafe { sum.at_least(floor).store(to.add(v * L::N)) };
    }
    if !whole {
        out.copy_from_slice(&last[..out.len()]);
    }
}

/// Up to a panel of numbers as vectors; what is missing is zero.
#[inline(always)]
fn vectors<L: Lanes, const V: usize>(numbers: &[f32]) -> [L; V] {
    let mut whole = [0.0; PANEL];
    whole[..numbers.len()].copy_from_slice(numbers);
    // SAFETY: V vectors of N are one panel.
    std::array::from_fn(|v| unsafe { L::load(whole.as_ptr().add(v * L::N)) })
}
