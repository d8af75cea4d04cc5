//! The operations between convolutions: cheap, but only when they pass over memory once.

use std::mem::MaybeUninit;

use super::conv::Windows;
use super::threads::parallel;

/// A 3×3 max-pool with stride 2, and the sum with the bridge around it.
#[derive(Clone, Copy, Debug)]
pub struct MaxPool<'a> {
    /// `[B, H, W, C]`.
    pub input: &'a [f32],
    /// B, H, W, C.
    pub shape: [usize; 4],
    /// With a stride of 2; padding never wins.
    pub windows: Windows,
    /// `[B, H', W', C]`, added to the result.
    pub bridge: &'a [f32],
}

/// Output pixels that a thread takes at once, from the end of the work to its beginning: at least and at most.
const BLOCK: std::ops::Range<usize> = 8..64;
/// Channels whose largest numbers are kept in registers while the window passes by.
const CHANNELS: usize = 16;

/// Runs it; the result is `[B, H', W', C]`. A NaN in a window stays.
pub fn max_pool(pool: &MaxPool<'_>) -> Vec<f32> {
    let [b, h, w, c] = pool.shape;
    let [out_h, out_w] = pool.windows.output;
    assert_eq!(pool.windows.stride, 2, "windows lie two pixels apart");
    assert_eq!(pool.input.len(), b * h * w * c, "the input's numbers are B·H·W·C");
    assert_eq!(pool.bridge.len(), b * out_h * out_w * c, "the bridge is as large as the output");
    // SAFETY: `windows` writes all channels of its pixels.
    unsafe { parallel(b * out_h * out_w, c, BLOCK, |first, result: &mut [_]| windows(pool, first, result)) }
}

/// The output pixels from `first` on that `result` has room for.
fn windows(pool: &MaxPool<'_>, first: usize, result: &mut [MaybeUninit<f32>]) {
    let [_, h, w, c] = pool.shape;
    let Windows { before, output: [out_h, out_w], .. } = pool.windows;
    let window = |at: usize, before: usize, size: usize| {
        let start = (2 * at).saturating_sub(before);
        start..(2 * at + 3 - before.min(2 * at + 3)).min(size)
    };
    let bridge = pool.bridge[first * c..][..result.len()].chunks_exact(c.max(1));
    for (i, (out, bridge)) in result.chunks_exact_mut(c.max(1)).zip(bridge).enumerate() {
        let pixel = first + i;
        let (image, y, x) = (pixel / (out_h * out_w), pixel / out_w % out_h, pixel % out_w);
        let (ys, xs) = (window(y, before[0], h), window(x, before[1], w));
        let (whole, rest) = out.as_chunks_mut::<CHANNELS>();
        let done = whole.len() * CHANNELS;
        for (n, out) in whole.iter_mut().enumerate() {
            let mut largest = [f32::NEG_INFINITY; CHANNELS];
            for y in ys.clone() {
                for x in xs.clone() {
                    let at = ((image * h + y) * w + x) * c + n * CHANNELS;
                    let from = &pool.input[at..at + CHANNELS];
                    (0..CHANNELS).for_each(|i| largest[i] = larger(largest[i], from[i]));
                }
            }
            let bridge = &bridge[n * CHANNELS..][..CHANNELS];
            (0..CHANNELS).for_each(|i| _ = out[i].write(largest[i] + bridge[i]));
        }
        for (n, out) in (done..).zip(rest) {
            let inputs = ys.clone().flat_map(|y| xs.clone().map(move |x| ((image * h + y) * w + x) * c + n));
            let largest = inputs.fold(f32::NEG_INFINITY, |largest, at| larger(largest, pool.input[at]));
            out.write(largest + bridge[n]);
        }
    }
}

/// A NaN in x is not at most the largest so far; and once that is NaN, it stays.
#[inline(always)]
fn larger(largest: f32, x: f32) -> f32 {
    if largest >= x || largest.is_nan() { largest } else { x }
}

/// The mean over pixels: `[B, H, W, C]` to `[B, C]`.
pub fn mean(input: &[f32], [b, h, w, c]: [usize; 4]) -> Vec<f32> {
    assert_eq!(input.len(), b * h * w * c, "the input's numbers are B·H·W·C");
    let mut result = vec![0.0; b * c];
    for (sums, picture) in result.chunks_exact_mut(c).zip(input.chunks_exact(h * w * c)) {
        for pixel in picture.chunks_exact(c) {
            sums.iter_mut().zip(pixel).for_each(|(sum, x)| *sum += x);
        }
        sums.iter_mut().for_each(|sum| *sum /= (h * w) as f32);
    }
    result
}
