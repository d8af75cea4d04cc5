//! Any part of a picture at another size, by a triangle that widens as the picture shrinks. For whole pixels at whole
//! places `preprocess` does the same, as Pillow does it.

/// For each pixel of the result along one axis, the source pixels that it is the weighted mean of.
pub struct Triangles {
    /// Pixels in every window.
    pub taps: usize,
    /// First pixel of each.
    pub starts: Vec<usize>,
    /// `taps` for each, with a sum of one.
    pub weights: Vec<f32>,
}

impl Triangles {
    /// Of `length` pixels from `from` on, out of `source`, to `side`.
    pub fn new(source: usize, from: f32, length: f32, side: usize) -> Self {
        let scale = length / side as f32;
        let support = scale.max(1.0);
        let taps = ((2.0 * support).ceil() as usize).min(source);
        let (mut starts, mut weights) = (Vec::with_capacity(side), Vec::with_capacity(side * taps));
        for at in 0..side {
            let centre = from + (at as f32 + 0.5) * scale;
            // `as` takes what is below 0 to 0.
            let start = ((centre - support + 0.5) as usize).min(source - taps);
            let weight = |pixel: usize| (1.0 - (pixel as f32 + 0.5 - centre).abs() / support).max(0.0);
            let sum: f32 = (start..start + taps).map(weight).sum();
            weights.extend((start..start + taps).map(|pixel| weight(pixel) / sum));
            starts.push(start);
        }
        Self { taps, starts, weights }
    }

    /// First pixel and weights of each.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &[f32])> {
        self.starts.iter().copied().zip(self.weights.chunks_exact(self.taps))
    }
}

/// The weighted sum of some rows.
pub fn blend<'a>(source: impl Fn(usize) -> &'a [u8], weights: &[f32], out: &mut [f32]) {
    if let [upper, lower] = *weights {
        for ((out, &above), &below) in out.iter_mut().zip(source(0)).zip(source(1)) {
            *out = upper * f32::from(above) + lower * f32::from(below);
        }
        return;
    }
    out.fill(0.0);
    for (row, &weight) in weights.iter().enumerate() {
        for (out, &value) in out.iter_mut().zip(source(row)) {
            *out += weight * f32::from(value);
        }
    }
}

/// Resamples one row of three planes, which begin at column `first` and are `span` long.
pub fn squeeze(between: &[f32], span: usize, first: usize, columns: &Triangles, out: &mut [f32]) {
    let side = columns.starts.len();
    for (plane, out) in between.chunks_exact(span).zip(out.chunks_exact_mut(side)) {
        if columns.taps == 2 {
            let weights = columns.weights.as_chunks::<2>().0;
            for ((out, &start), [left, right]) in out.iter_mut().zip(&columns.starts).zip(weights) {
                let pair = &plane[start - first..][..2];
                *out = left * pair[0] + right * pair[1];
            }
        } else {
            for (out, (start, weights)) in out.iter_mut().zip(columns.iter()) {
                let window = &plane[start - first..][..weights.len()];
                *out = window.iter().zip(weights).map(|(value, weight)| value * weight).sum();
            }
        }
    }
}
