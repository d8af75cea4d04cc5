//! The operations between convolutions: cheap, but only when they pass over memory once.

/// A 3×3 max-pool with stride 2, and the sum with the bridge around it.
#[derive(Clone, Copy, Debug)]
pub struct MaxPool<'a> {
    /// `[B, H, W, C]`.
    pub input: &'a [f32],
    /// B, H, W, C.
    pub shape: [usize; 4],
    /// H', W'.
    pub output: [usize; 2],
    /// Rows and columns of padding, which never wins, before the first pixel.
    pub before: [usize; 2],
    /// `[B, H', W', C]`, added to the result.
    pub bridge: &'a [f32],
}

/// Runs it; the result is `[B, H', W', C]`. A NaN in a window stays.
pub fn max_pool(pool: &MaxPool<'_>) -> Vec<f32> {
    let [b, h, w, c] = pool.shape;
    let [out_h, out_w] = pool.output;
    assert_eq!(pool.input.len(), b * h * w * c, "the input's numbers are B·H·W·C");
    assert_eq!(pool.bridge.len(), b * out_h * out_w * c, "the bridge is as large as the output");
    let mut result = vec![f32::NEG_INFINITY; pool.bridge.len()];
    let window = |at: usize, before: usize, size: usize| {
        let start = (2 * at).saturating_sub(before);
        start..(2 * at + 3 - before.min(2 * at + 3)).min(size)
    };
    for (pixel, (out, bridge)) in result.chunks_exact_mut(c).zip(pool.bridge.chunks_exact(c)).enumerate() {
        let (image, y, x) = (pixel / (out_h * out_w), pixel / out_w % out_h, pixel % out_w);
        for i in window(y, pool.before[0], h) {
            for j in window(x, pool.before[1], w) {
                let from = &pool.input[((image * h + i) * w + j) * c..][..c];
                for (out, &x) in out.iter_mut().zip(from) {
                    // A NaN in x is not at most the largest so far; and once that is NaN, it stays.
                    *out = if *out >= x || out.is_nan() { *out } else { x };
                }
            }
        }
        out.iter_mut().zip(bridge).for_each(|(out, bridge)| *out += bridge);
    }
    result
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
