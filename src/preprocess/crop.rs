//! Which part of which resized picture the network sees: timm's and torchvision's rounding.
//!
//! Only arithmetic on sizes; the resampling itself is in `resize`.

use super::resize::Axis;
use super::settings::{Fit, resized_short_side};

/// The resized picture's axes (columns, rows), each with the part of it that is kept.
pub(super) fn axes(size: usize, fit: Fit, width: usize, height: usize) -> (Axis, Axis) {
    let (resized_width, resized_height) = match fit {
        Fit::Squash | Fit::Pad => (size as u64, size as u64),
        Fit::CenterCrop { crop_pct } => {
            let short = resized_short_side(size, crop_pct);
            if width <= height {
                (short, resized_long_side(short, height, width))
            } else {
                (resized_long_side(short, width, height), short)
            }
        }
    };
    let axis = |source: usize, resized: u64| Axis {
        source,
        resized,
        first: centred(resized, size as u64),
        kept: size,
    };
    (axis(width, resized_width), axis(height, resized_height))
}

/// torchvision's `int(short * long / short)`, in 64 bits: one row of pixels may become very long.
fn resized_long_side(resized_short: u64, long: usize, short: usize) -> u64 {
    resized_short * long as u64 / short as u64
}

/// torchvision's `int(round((side - crop) / 2.0))`, where Python's `round` takes a half to the even side.
fn centred(side: u64, crop: u64) -> u64 {
    let rest = side - crop;
    let half = rest / 2;
    half + (rest % 2) * (half % 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_pixel_goes_to_the_even_side() {
        // Python: [int(round(n / 2.0)) for n in range(8)]
        let offsets: Vec<u64> = (299..307).map(|side| centred(side, 299)).collect();
        assert_eq!(offsets, [0, 0, 1, 2, 2, 2, 3, 4]);
    }

    #[test]
    fn published_crops_resize_to_timms_sizes() {
        for (crop_pct, side) in [(0.8975, 333), (0.903, 331), (0.94, 318), (1.0, 299)] {
            assert_eq!(resized_short_side(299, crop_pct), side);
        }
    }

    #[test]
    fn the_longer_side_is_rounded_down() {
        assert_eq!(resized_long_side(333, 500, 375), 444);
        assert_eq!(resized_long_side(333, 431, 397), 361);
        assert_eq!(resized_long_side(299, 300, 299), 300);
    }

    #[test]
    fn a_squash_keeps_all_of_both_axes() {
        let (columns, rows) = axes(17, Fit::Squash, 5, 901);
        for (axis, source) in [(columns, 5), (rows, 901)] {
            let expected = Axis { source, resized: 17, first: 0, kept: 17 };
            assert_eq!(axis, expected);
        }
    }

    #[test]
    fn a_line_of_many_pixels_does_not_overflow() {
        let long = 40_000_000;
        let (columns, rows) = axes(2048, Fit::CenterCrop { crop_pct: 0.04 }, long, 1);
        assert_eq!(rows.resized, 51_200);
        assert_eq!(columns.resized, 51_200 * long as u64);
        assert_eq!(columns.first, (columns.resized - 2048) / 2);
    }
}
