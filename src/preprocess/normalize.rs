//! Bytes to floats, and rows of planes to planes of rows.

use super::settings::Preprocess;

/// `(v / 255 - mean) / std` of each byte, with each operation in `f32`, as torch rounds them.
///
/// # Shapes
/// - input `[H, C, W]`, the resize's order
/// - output `[C, H, W]`, of grey with C = 1, since all three are the same
pub(super) fn normalize(bytes: &[u8], preprocess: &Preprocess) -> Vec<f32> {
    let width = preprocess.size;
    let mut values = Vec::with_capacity(bytes.len());
    for channel in 0..preprocess.channels() {
        let (mean, std) = (preprocess.mean[channel], preprocess.std[channel]);
        // A byte has 256 values: divide for them, not for each pixel.
        let table: [f32; 256] = std::array::from_fn(|v| (v as f32 / 255.0 - mean) / std);
        for row in bytes.chunks_exact(3 * width) {
            let plane = &row[channel * width..][..width];
            values.extend(plane.iter().map(|&v| table[usize::from(v)]));
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_are_gathered_and_scaled_by_channel() {
        let preprocess = Preprocess { mean: [0.0, 0.5, 1.0], std: [1.0, 0.5, 0.25], ..Preprocess::keras(2) };
        // Two rows, each R R G G B B.
        let bytes = [0, 255, 0, 255, 0, 255, 255, 0, 255, 0, 255, 0];
        let expected = [0., 1., 1., 0., -1., 1., 1., -1., -4., 0., 0., -4.];
        assert_eq!(normalize(&bytes, &preprocess), expected);
    }

    #[test]
    fn keras_scaling_is_x_over_127_5_minus_1() {
        // Both ways round twice on values up to 1.
        const ROUNDING: f32 = 2.0 * f32::EPSILON;
        for v in 0..=255u8 {
            let value = normalize(&[v; 3], &Preprocess::keras(1))[0];
            assert!((value - (f32::from(v) / 127.5 - 1.0)).abs() <= ROUNDING);
        }
    }
}
