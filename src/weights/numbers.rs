//! Stored numbers to f32, in loops that compilers turn into vectors.

use super::bytes::FileBytes;
use crate::error::Result;

/// Numbers of two bytes that are turned at a time.
const PIECE: usize = 16 << 10;

/// `count` f32 from byte `start` on, straight to where they stay.
pub(super) fn read_f32(bytes: &dyn FileBytes, start: usize, count: usize) -> Result<Vec<f32>> {
    let mut values = vec![0.0f32; count];
    bytes.read(start, bytemuck::cast_slice_mut(&mut values))?;
    if cfg!(target_endian = "big") {
        values.iter_mut().for_each(|x| *x = f32::from_bits(u32::from_le(x.to_bits())));
    }
    Ok(values)
}

/// `count` numbers of two bytes from byte `start` on, each turned by `widen`.
pub(super) fn read_halves(
    bytes: &dyn FileBytes,
    start: usize,
    count: usize,
    widen: impl Fn(u16) -> f32,
) -> Result<Vec<f32>> {
    let mut values = vec![0.0; count];
    let mut halves = vec![0u16; PIECE.min(count)];
    for (piece, values) in values.chunks_mut(PIECE).enumerate() {
        let halves = &mut halves[..values.len()];
        bytes.read(start + 2 * PIECE * piece, bytemuck::cast_slice_mut(halves))?;
        for (value, &half) in values.iter_mut().zip(&*halves) {
            *value = widen(u16::from_le(half));
        }
    }
    Ok(values)
}

/// IEEE 754 half precision, without a branch.
#[inline(always)]
pub(super) fn widen_f16(half: u16) -> f32 {
    /// From half's bias of 15 to single's of 127; as a product it makes subnormal numbers normal.
    const REBIAS: f32 = f32::from_bits((127 + 127 - 15) << 23);
    let magnitude = u32::from(half & 0x7fff) << 13;
    let finite = (f32::from_bits(magnitude) * REBIAS).to_bits();
    // All ones in the exponent are infinity or NaN.
    let special = if half & 0x7c00 == 0x7c00 { 0x7f80_0000 } else { 0 };
    f32::from_bits(finite | special | u32::from(half & 0x8000) << 16)
}

/// The upper half of an f32.
#[inline(always)]
pub(super) fn widen_bf16(half: u16) -> f32 {
    f32::from_bits(u32::from(half) << 16)
}

/// The first number that is not finite.
pub(super) fn not_finite(values: &[f32]) -> Option<f32> {
    values
        .chunks(PIECE)
        .find(|values| !all_finite(values))
        .and_then(|values| values.iter().copied().find(|value| !value.is_finite()))
}

/// Without leaving early, which no vector could; a call of its own, as an engine compiles a function anew
/// only between two calls.
#[inline(never)]
fn all_finite(values: &[f32]) -> bool {
    values.iter().fold(true, |all, value| all & value.is_finite())
}

#[cfg(test)]
mod tests {
    use half::{bf16, f16};

    use super::*;

    #[test]
    fn every_half_becomes_the_same_number() {
        for bits in 0..=u16::MAX {
            let same = |found: f32, expected: f32| {
                found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan())
            };
            assert!(same(widen_f16(bits), f16::from_bits(bits).to_f32()), "f16 {bits:#x}");
            assert!(same(widen_bf16(bits), bf16::from_bits(bits).to_f32()), "bf16 {bits:#x}");
        }
    }

    #[test]
    fn a_number_that_is_not_finite_is_found_wherever_it_is() {
        let mut values = vec![1.0; 2 * PIECE + 5];
        assert_eq!(not_finite(&values), None);
        for at in [0, PIECE, 2 * PIECE + 4] {
            values[at] = f32::NEG_INFINITY;
            assert_eq!(not_finite(&values), Some(f32::NEG_INFINITY));
            values[at] = 1.0;
        }
    }

    #[test]
    fn pieces_are_read_from_where_they_lie() {
        let count = 2 * PIECE + 3;
        let numbers: Vec<u16> = (0..count).map(|at| (at * 7 % 30_000) as u16).collect();
        let mut bytes = vec![9u8; 5];
        bytes.extend(numbers.iter().flat_map(|half| half.to_le_bytes()));
        let expected: Vec<f32> = numbers.iter().map(|&half| widen_f16(half)).collect();
        assert_eq!(read_halves(&bytes, 5, count, widen_f16).unwrap(), expected);
        assert!(read_halves(&bytes, 5, count + 1, widen_f16).is_err());
        assert!(read_f32(&bytes, 5, count).is_err());
    }
}
