//! Symmetric int8 with one scale per output channel.

use crate::model::{Place, TensorId};

/// Ends the name of a tensor of scales; before it stands the kernel's.
pub(super) const SCALE: &str = ".scale";

/// The largest int8 value used; -128 is left out, so that negation is exact.
const LEVELS: f32 = 127.0;

/// Which kernels are stored as int8: all but depthwise ones, of which there are few.
pub(super) fn applies(id: TensorId, shape: &[usize]) -> bool {
    shape.len() > 1 && !matches!(id.place, Place::Depthwise(_))
}

/// Output channels of a kernel `[out, in, H, W]`, or of the head `[in, out]`.
pub(super) fn channels(shape: &[usize]) -> usize {
    match shape {
        &[_, out] => out,
        _ => shape.first().copied().unwrap_or(0),
    }
}

/// The output channel of the value at a flat index.
fn channel(shape: &[usize]) -> impl Fn(usize) -> usize {
    let (columns, inner) = match shape {
        &[_, out] => (out, 1),
        _ => (usize::MAX, shape.iter().skip(1).product::<usize>().max(1)),
    };
    move |at| at / inner % columns
}

/// Values, each byte an `i8`, and scales.
pub(super) fn quantize(values: &[f32], shape: &[usize]) -> (Vec<u8>, Vec<f32>) {
    let channel = channel(shape);
    let mut scales = vec![0.0f32; channels(shape)];
    for (at, value) in values.iter().enumerate() {
        let scale = &mut scales[channel(at)];
        *scale = scale.max(value.abs() / LEVELS);
    }
    let level = |(at, value): (usize, &f32)| {
        let scale = scales[channel(at)];
        let level = if scale > 0.0 { (value / scale).round().clamp(-LEVELS, LEVELS) } else { 0.0 };
        (level as i8).cast_unsigned()
    };
    (values.iter().enumerate().map(level).collect(), scales)
}

/// The weights again. There is a scale for each channel.
pub(super) fn dequantize(values: &[u8], scales: &[f32], shape: &[usize]) -> Vec<f32> {
    let weight = |value: u8, scale: f32| f32::from(value.cast_signed()) * scale;
    let mut weights = Vec::with_capacity(values.len());
    if let [_, _] = shape {
        // The head: a row has a number for each channel.
        for row in values.chunks(scales.len().max(1)) {
            weights.extend(row.iter().zip(scales).map(|(&value, &scale)| weight(value, scale)));
        }
    } else {
        let inner = values.len() / scales.len().max(1);
        for (row, &scale) in values.chunks(inner.max(1)).zip(scales) {
            weights.extend(row.iter().map(|&value| weight(value, scale)));
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_weight_is_within_half_a_step_of_its_channel() {
        let values = [0.5, -1.0, 0.25, 0.0, 0.0, 0.0, 100.0, 30.0];
        for (shape, columns) in [(vec![4, 2, 1, 1], false), (vec![2, 4], true)] {
            let (levels, scales) = quantize(&values, &shape);
            let again = dequantize(&levels, &scales, &shape);
            for (at, (a, b)) in values.iter().zip(&again).enumerate() {
                let scale = scales[if columns { at % 4 } else { at / 2 }];
                assert!((a - b).abs() <= 0.5 * scale + 1e-6, "{shape:?}: {a} became {b}");
            }
        }
    }
}
