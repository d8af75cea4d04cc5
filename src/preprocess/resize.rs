//! Pillow's 8-bit `Image.resize` (version 13), bit for bit, of the part of the result that is kept.
//!
//! Two passes with weights in fixed point and bytes between them. Each kept pixel is computed as it
//! would be in the full result, and no other is: this is resize then crop, at the price of the crop.
//!
//! NOTE: not the crate `fast_image_resize`: it rounds weights to 16 bits, which moves values away from
//! Pillow's, and always takes the horizontal pass first.

use std::ops::Range;

use super::settings::Filter;

/// Fraction bits of a weight, Pillow's: 32, less 8 for the byte, less 2 for the cubic's overshoot.
const PRECISION_BITS: u32 = 32 - 8 - 2;

/// Half a unit: the sums start from it, so that cutting the fraction rounds.
const HALF: i32 = 1 << (PRECISION_BITS - 1);

/// A weight is split into two 16-bit halves here: x86 without extensions has no 32-bit multiply for vectors,
/// but multiplies 16 by 16 bits and adds neighbours in one instruction, and the compiler finds it.
const SPLIT_BITS: u32 = 12;

/// Split weights are padded with zeros to a multiple of this, the 16-bit lanes of a 128-bit vector.
const LANES: usize = 8;

/// One axis of a resize.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Axis {
    /// Pixels in the source.
    pub source: usize,
    /// Pixels in the full result. It may be more than `usize` holds where that has 32 bits.
    pub resized: u64,
    /// The first pixel of the result that is kept.
    pub first: u64,
    /// How many are kept.
    pub kept: usize,
}

/// Resizes opaque RGBA.
///
/// # Shapes
/// - `rgba` `[H, W, 4]`, with H and W the axes' `source`
/// - returns `[H, C, W]`, with H and W the axes' `kept` and C = 3: planes of one row side by side
pub(super) fn resize(rgba: &[u8], columns: Axis, rows: Axis, filter: Filter) -> Vec<u8> {
    let horizontal_windows = Coefficients::new(columns, filter);
    let vertical_windows = Coefficients::new(rows, filter);
    let (x, y) = (horizontal_windows.span(), vertical_windows.span());
    let source: Vec<&[u8]> = rgba
        .chunks_exact(4 * columns.source)
        .skip(y.start)
        .take(y.len())
        .map(|row| &row[4 * x.start..4 * x.end])
        .collect();
    if vertical_first(columns, rows) {
        let between = vertical(&source, &vertical_windows);
        let between: Vec<&[u8]> = between.chunks_exact(4 * x.len()).collect();
        horizontal(&between, &horizontal_windows)
    } else {
        let between = horizontal(&source, &horizontal_windows);
        let between: Vec<&[u8]> = between.chunks_exact(3 * columns.kept).collect();
        vertical(&between, &vertical_windows)
    }
}

/// Pillow's order of the passes. It matters, as the result of the first is rounded to bytes.
///
/// NOTE: from version 13 on, Pillow takes the vertical pass first where the height shrinks by more than
/// twice what the width does; before, the horizontal pass always came first. The rule also bounds the
/// picture between the passes for pictures that are very tall.
fn vertical_first(columns: Axis, rows: Axis) -> bool {
    let shrinks_by = |axis: Axis| i128::from(axis.source as u64) - i128::from(axis.resized);
    shrinks_by(rows) > 0 && shrinks_by(rows) > 2 * shrinks_by(columns)
}

/// For each kept pixel of an axis, the source pixels that it is the weighted mean of.
struct Coefficients {
    /// First source pixel, and where the weights lie.
    windows: Vec<(usize, Range<usize>)>,
    /// All weights, in units of `2^-PRECISION_BITS`.
    weights: Vec<i32>,
}

impl Coefficients {
    /// Pillow's `precompute_coeffs` and `normalize_coeffs_8bpc`, in the same order of `f64` operations.
    fn new(axis: Axis, filter: Filter) -> Self {
        let scale = axis.source as f64 / axis.resized as f64;
        // Widening the filter when shrinking is the antialiasing.
        let filter_scale = scale.max(1.0);
        let support = filter.support() * filter_scale;
        let mut windows = Vec::with_capacity(axis.kept);
        let mut weights = Vec::new();
        let mut exact = Vec::new();
        for index in 0..axis.kept as u64 {
            let centre = ((axis.first + index) as f64 + 0.5) * scale;
            // `as` cuts the fraction and takes what is below 0 to 0.
            let start = (centre - support + 0.5) as usize;
            let end = ((centre + support + 0.5) as usize).min(axis.source);
            exact.clear();
            exact.extend(
                (start..end)
                    .map(|source| filter.weight((source as f64 - centre + 0.5) * (1.0 / filter_scale))),
            );
            let sum: f64 = exact.iter().sum();
            let one = f64::from(1 << PRECISION_BITS);
            let first_weight = weights.len();
            weights.extend(exact.iter().map(|weight| {
                // Rounds a half away from zero, and adds before it cuts, as Pillow.
                let weight = weight / sum * one;
                (weight + 0.5f64.copysign(weight)) as i32
            }));
            windows.push((start, first_weight..weights.len()));
        }
        Self { windows, weights }
    }

    /// The source pixels that any window reaches. Coefficients start and end in ascending order.
    fn span(&self) -> Range<usize> {
        let start = self.windows.first().map_or(0, |(start, _)| *start);
        let end = self.windows.last().map_or(0, |(start, weights)| start + weights.len());
        start..end
    }

    /// Each window's first source pixel, counted from the span's, and its weights.
    fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        let origin = self.span().start;
        self.windows.iter().map(move |(start, weights)| (start - origin, &self.weights[weights.clone()]))
    }
}

impl Filter {
    /// The distance at which the weight becomes zero.
    fn support(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    /// The weight at a distance, before the weights of a window are brought to a sum of one.
    fn weight(self, distance: f64) -> f64 {
        let x = distance.abs();
        match self {
            Self::Bilinear if x < 1.0 => 1.0 - x,
            Self::Bicubic if x < 1.0 => ((KEYS_A + 2.0) * x - (KEYS_A + 3.0)) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * KEYS_A,
            _ => 0.0,
        }
    }
}

/// The slope of Keys' cubic at 1. Pillow has -0.5; OpenCV and torch's own bicubic have -0.75.
const KEYS_A: f64 = -0.5;

/// Resizes rows of RGBA, which begin at the windows' span, to rows of three planes.
fn horizontal(rows: &[&[u8]], windows: &Coefficients) -> Vec<u8> {
    let width = windows.windows.len();
    let windows_split: Vec<(usize, SplitWeights)> =
        windows.iter().map(|(start, weights)| (start, SplitWeights::new(weights))).collect();
    // Padded windows may reach past the row's end, by less than LANES, with weights of zero.
    let mut planes: [Vec<i16>; 3] = std::array::from_fn(|_| vec![0; windows.span().len() + LANES]);
    let mut result = vec![0; rows.len() * 3 * width];
    for (row, out) in rows.iter().zip(result.chunks_exact_mut(3 * width)) {
        let [red, green, blue] = &mut planes;
        for (((pixel, r), g), b) in row.chunks_exact(4).zip(red).zip(green).zip(blue) {
            *r = i16::from(pixel[0]);
            *g = i16::from(pixel[1]);
            *b = i16::from(pixel[2]);
        }
        for (plane, out) in planes.iter().zip(out.chunks_exact_mut(width)) {
            for ((start, weights), out) in windows_split.iter().zip(out) {
                *out = to_byte(weights.sum(&plane[*start..]));
            }
        }
    }
    result
}

/// A window's weights, each `upper * 2^SPLIT_BITS + lower` with `lower` around zero.
struct SplitWeights {
    upper: Vec<i16>,
    lower: Vec<i16>,
}

impl SplitWeights {
    fn new(weights: &[i32]) -> Self {
        let padded = weights.len().next_multiple_of(LANES);
        let mut split = Self { upper: vec![0; padded], lower: vec![0; padded] };
        for (index, &weight) in weights.iter().enumerate() {
            let upper = (weight + (1 << (SPLIT_BITS - 1))) >> SPLIT_BITS;
            // A weight is at most a little over 1, so that |upper| < 2^11 and |lower| <= 2^11.
            split.upper[index] = upper as i16;
            split.lower[index] = (weight - (upper << SPLIT_BITS)) as i16;
        }
        split
    }

    /// The sum of weighted values, and HALF.
    ///
    /// The lower halves alone can overflow in windows of thousands of pixels. It does no harm: the whole
    /// sum fits, and wrapping arithmetic comes back to it.
    #[inline]
    fn sum(&self, values: &[i16]) -> i32 {
        let (mut upper, mut lower) = (0i32, 0i32);
        for ((&value, &high), &low) in values.iter().zip(&self.upper).zip(&self.lower) {
            let value = i32::from(value);
            upper = upper.wrapping_add(value * i32::from(high));
            lower = lower.wrapping_add(value * i32::from(low));
        }
        (upper << SPLIT_BITS).wrapping_add(lower).wrapping_add(HALF)
    }
}

/// Resizes columns of whatever the rows hold; the rows begin at the windows' span.
fn vertical(rows: &[&[u8]], windows: &Coefficients) -> Vec<u8> {
    let length = rows.first().map_or(0, |row| row.len());
    let mut result = vec![0; windows.windows.len() * length];
    let mut sums = vec![0; length];
    for ((start, weights), out) in windows.iter().zip(result.chunks_exact_mut(length)) {
        sums.fill(HALF);
        for (row, &weight) in rows[start..].iter().zip(weights) {
            for (sum, &value) in sums.iter_mut().zip(*row) {
                *sum += weight * i32::from(value);
            }
        }
        for (out, &sum) in out.iter_mut().zip(&sums) {
            *out = to_byte(sum);
        }
    }
    result
}

/// Cuts the fraction of a sum and what the cubic's overshoot takes past black and white.
#[inline]
fn to_byte(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}
