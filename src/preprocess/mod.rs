//! From RGBA pixels to the network's input: resize, crop and normalise, here for every caller.
//!
//! Equal to Pillow and timm, bit for bit. Knows nothing of networks: bytes in, floats out.
//!
//! ```
//! use xception_web::preprocess::{Preprocess, RgbaView};
//!
//! let white = vec![255; 40 * 30 * 4];
//! let input = Preprocess::timm(299, 0.8975).apply(RgbaView::new(&white, 40, 30)?)?;
//! assert_eq!(input.len(), 3 * 299 * 299); // C, H, W
//! assert_eq!(input[0], 1.0);
//! # Ok::<(), xception_web::Error>(())
//! ```

mod alpha;
mod crop;
mod normalize;
mod resize;
mod settings;
mod view;

use crate::error::Result;

pub use settings::{Filter, Fit, MAX_RESIZED_SIDE, MAX_SIZE, Preprocess};
pub use view::RgbaView;

impl Preprocess {
    /// Prepares one picture: alpha onto white, grey where it is asked for, resize, crop, normalise.
    ///
    /// # Shapes
    /// - returns `[C, H, W]` flattened, with C = 3 (R, G, B), or 1 of grey, and H = W = `size`.
    ///
    /// # Errors
    /// What [`validate`](Self::validate) says.
    pub fn apply(&self, image: RgbaView<'_>) -> Result<Vec<f32>> {
        self.validate()?;
        let mut opaque = alpha::on_white(image.data);
        if self.grey {
            grey(opaque.to_mut());
        }
        let fitted = |size| self.fitted(&opaque, [image.width, image.height], size);
        let resized = match self.detail {
            Some(detail) if image.width.min(image.height) > detail => {
                let small = opaque_rgba(&fitted(detail), detail);
                let (columns, rows) = crop::axes(self.size, Fit::Squash, detail, detail);
                resize::resize(&small, columns, rows, self.filter)
            }
            _ => fitted(self.size),
        };
        Ok(normalize::normalize(&resized, self))
    }

    /// The part of a picture of this size that the network sees: left, top, width and height, as shares of it, with what
    /// is padded.
    pub fn seen(&self, width: usize, height: usize) -> [f64; 4] {
        if self.fit == Fit::Pad {
            let [(left, across), (top, down)] =
                [width, height].map(|side| padding(side, width.max(height), self.size));
            let share = |pixels: usize, of: usize| pixels as f64 / of as f64;
            return [
                -share(left, across),
                -share(top, down),
                share(self.size, across),
                share(self.size, down),
            ];
        }
        let (columns, rows) = crop::axes(self.size, self.fit, width, height);
        let share = |part: usize, axis: &resize::Axis| part as f64 / axis.resized as f64;
        [
            columns.first as f64 / columns.resized as f64,
            rows.first as f64 / rows.resized as f64,
            share(columns.kept, &columns),
            share(rows.kept, &rows),
        ]
    }

    /// The picture at the side `size`, `[H, C, W]`.
    fn fitted(&self, opaque: &[u8], [width, height]: [usize; 2], size: usize) -> Vec<u8> {
        if self.fit != Fit::Pad {
            let (columns, rows) = crop::axes(size, self.fit, width, height);
            return resize::resize(opaque, columns, rows, self.filter);
        }
        let [(left, columns), (top, rows)] =
            [width, height].map(|side| padding(side, width.max(height), size));
        let axis = |source, resized: usize| resize::Axis {
            source,
            resized: resized as u64,
            first: 0,
            kept: resized,
        };
        let inner = resize::resize(opaque, axis(width, columns), axis(height, rows), self.filter);
        let mut padded = vec![0; 3 * size * size];
        for (at, line) in inner.chunks_exact(columns).enumerate() {
            // Lines are planes of a row, one after the other.
            let start = (3 * top + at) * size + left;
            padded[start..start + columns].copy_from_slice(line);
        }
        padded
    }
}

/// What stands before a side of a padded picture, and how long it is, within `size`. At least one pixel, and rounded
/// down, as the crop's longer side is.
fn padding(side: usize, longer: usize, size: usize) -> (usize, usize) {
    let resized = ((side as u64 * size as u64 / longer as u64) as usize).max(1);
    ((size - resized) / 2, resized)
}

/// Every pixel in its grey, R = G = B, before the resize: what Keras's `load_img(color_mode="grayscale")` does by
/// Pillow's `convert("L")` (`L24` in its `Convert.c`: ITU-R 601-2 luma in 16 bits, rounded), and OpenCV's
/// `COLOR_BGR2GRAY` to within one level.
fn grey(rgba: &mut [u8]) {
    for pixel in rgba.chunks_exact_mut(4) {
        let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
        // At most 65536 · 255 + 0x8000, so the result is at most 255.
        let luma = ((19_595 * r + 38_470 * g + 7_471 * b + 0x8000) >> 16) as u8;
        pixel[..3].fill(luma);
    }
}

/// `[H, C, W]` to `[H, W, 4]`.
fn opaque_rgba(planes: &[u8], width: usize) -> Vec<u8> {
    let row = |row: &[u8]| -> Vec<u8> {
        (0..width).flat_map(|x| [row[x], row[width + x], row[2 * width + x], 255]).collect()
    };
    planes.chunks_exact(3 * width).flat_map(row).collect()
}

/// The whole picture, on white, at another size: what the trainer keeps of one.
///
/// # Shapes
/// - returns `[H, C, W]`, with C = 3: planes of one row side by side
#[cfg(feature = "train")]
pub(crate) fn resized(image: RgbaView<'_>, [width, height]: [usize; 2], filter: Filter) -> Vec<u8> {
    let opaque = alpha::on_white(image.data);
    if [width, height] == [image.width, image.height] {
        // Nothing to weigh.
        let mut planes = Vec::with_capacity(3 * width * height);
        for row in opaque.chunks_exact(4 * width) {
            (0..3).for_each(|channel| planes.extend(row.chunks_exact(4).map(|pixel| pixel[channel])));
        }
        return planes;
    }
    let axis =
        |source, resized: usize| resize::Axis { source, resized: resized as u64, first: 0, kept: resized };
    resize::resize(&opaque, axis(image.width, width), axis(image.height, height), filter)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn refusal<T>(result: Result<T>) -> String {
        result.err().expect("refused").to_string()
    }

    #[test]
    fn a_picture_without_pixels_is_refused() {
        let message = refusal(RgbaView::new(&[], 0, 7));
        assert!(message.contains("0x7") && message.contains("at least 1"));
    }

    #[test]
    fn a_picture_with_the_wrong_number_of_bytes_is_refused() {
        let message = refusal(RgbaView::new(&[0; 45], 5, 3));
        assert!(message.contains("5x3") && message.contains("45") && message.contains("60"));
        assert!(RgbaView::new(&[0; 60], usize::MAX, 3).is_err());
        assert!(RgbaView::new(&[0; 60], 5, 3).is_ok());
    }

    #[test]
    fn published_settings_are_valid() {
        for crop_pct in [0.8975, 0.903, 0.94, 1.0] {
            Preprocess::timm(299, crop_pct).validate().unwrap();
        }
        Preprocess::keras(299).validate().unwrap();
        Preprocess::keras(1).validate().unwrap();
        Preprocess::keras(MAX_SIZE).validate().unwrap();
    }

    #[test]
    fn sizes_and_crops_out_of_range_are_refused() {
        for size in [0, MAX_SIZE + 1, usize::MAX] {
            assert!(refusal(Preprocess::keras(size).validate()).contains(&size.to_string()));
        }
        for crop_pct in [0.0, -0.5, 1.000_001, f64::NAN, f64::INFINITY, 1e-300, 1e-3] {
            assert!(refusal(Preprocess::timm(299, crop_pct).validate()).contains("crop_pct"));
        }
    }

    #[test]
    fn what_is_seen_is_all_or_the_middle() {
        assert_eq!(Preprocess::keras(299).seen(40, 30), [0.0, 0.0, 1.0, 1.0]);
        // Resized to 200×100, of which the middle 50×50 is kept.
        assert_eq!(Preprocess::timm(50, 0.5).seen(400, 200), [0.375, 0.25, 0.25, 0.5]);
        // 6×3 of 6×6, below one line of black and above two.
        let pad = Preprocess { fit: Fit::Pad, ..Preprocess::keras(6) };
        assert_eq!(pad.seen(40, 20), [0.0, -1.0 / 3.0, 1.0, 2.0]);
    }

    #[test]
    fn finer_detail_than_a_network_knows_does_not_reach_it() {
        let rgba = |side: usize| -> Vec<u8> {
            (0..side * side * 4).map(|i| if i % 4 == 3 { 255 } else { (i * 37 % 251) as u8 }).collect()
        };
        let plain = Preprocess::timm(12, 1.0);
        let coarse = Preprocess { detail: Some(8), ..plain.clone() };
        let (large, small) = (rgba(24), rgba(8));
        let view = |rgba, side| RgbaView::new(rgba, side, side).unwrap();
        // What is small anyway comes as it is; what is larger as if someone had reduced it before.
        assert_eq!(coarse.apply(view(&small, 8)).unwrap(), plain.apply(view(&small, 8)).unwrap());
        let byte = |v: &f32| ((v + 1.0) * 127.5).round() as u8;
        let planes: Vec<u8> =
            Preprocess::timm(8, 1.0).apply(view(&large, 24)).unwrap().iter().map(byte).collect();
        let reduced: Vec<u8> =
            (0..64).flat_map(|p| [planes[p], planes[64 + p], planes[128 + p], 255]).collect();
        assert_eq!(coarse.apply(view(&large, 24)).unwrap(), plain.apply(view(&reduced, 8)).unwrap());
        assert_ne!(coarse.apply(view(&large, 24)).unwrap(), plain.apply(view(&large, 24)).unwrap());
        for detail in [0, 13] {
            let refused = Preprocess { detail: Some(detail), ..plain.clone() };
            assert!(refusal(refused.validate()).contains("detail"));
        }
    }

    #[test]
    fn padding_keeps_the_aspect_between_black() {
        let pad = Preprocess { fit: Fit::Pad, mean: [0.0; 3], std: [1.0; 3], ..Preprocess::keras(6) };
        let rgba = [255, 128, 0, 255].repeat(12 * 4);
        let found = pad.apply(RgbaView::new(&rgba, 12, 4).unwrap()).unwrap();
        let row = |channel: usize, y: usize| &found[(channel * 6 + y) * 6..][..6];
        for (channel, value) in [(0, 1.0), (1, 128.0 / 255.0), (2, 0.0)] {
            for y in 0..6 {
                let expected = if (2..4).contains(&y) { value } else { 0.0 };
                assert_eq!(row(channel, y), [expected; 6], "{channel} {y}");
            }
        }
        let upright = pad.apply(RgbaView::new(&rgba, 4, 12).unwrap()).unwrap();
        assert_eq!(upright[..6], [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
        // A line of pixels is no less than a pixel.
        assert!(pad.apply(RgbaView::new(&[9; 400], 100, 1).unwrap()).is_ok());
    }

    #[test]
    fn grey_is_pillows_and_one_channel() {
        // `Image.fromarray(...).convert("L")` of Pillow 13.
        for (pixel, luma) in PILLOW_L {
            let mut rgba = [pixel[0], pixel[1], pixel[2], 255];
            grey(&mut rgba);
            assert_eq!(rgba, [luma, luma, luma, 255], "{pixel:?}");
        }
        let grey = Preprocess { grey: true, ..Preprocess::keras(5) };
        let found = grey.apply(RgbaView::new(&[10, 200, 30, 255].repeat(12), 4, 3).unwrap()).unwrap();
        assert_eq!(found, [PILLOW_L[4].1; 25].map(|luma| (f32::from(luma) / 255.0 - 0.5) / 0.5));
    }

    const PILLOW_L: [([u8; 3], u8); 6] = [
        ([0, 0, 0], 0),
        ([255, 255, 255], 255),
        ([255, 0, 0], 76),
        ([1, 2, 3], 2),
        ([10, 200, 30], 124),
        ([77, 133, 254], 130),
    ];

    #[test]
    fn means_and_stds_that_make_no_numbers_are_refused() {
        for bad in [f32::NAN, f32::INFINITY] {
            let mut preprocess = Preprocess::keras(5);
            preprocess.mean[1] = bad;
            assert!(refusal(preprocess.validate()).contains("mean"));
        }
        for bad in [0.0, -0.0, f32::NAN, f32::NEG_INFINITY] {
            let mut preprocess = Preprocess::keras(5);
            preprocess.std[2] = bad;
            assert!(refusal(preprocess.validate()).contains("std"));
        }
    }

    #[test]
    fn applying_invalid_settings_is_an_error_and_no_panic() {
        let image = RgbaView::new(&[9; 4], 1, 1).unwrap();
        assert!(Preprocess::timm(0, 0.9).apply(image).is_err());
    }

    #[test]
    fn metadata_keeps_its_names() {
        let json = serde_json::to_value(Preprocess::timm(299, 0.8975)).unwrap();
        let expected = serde_json::json!({
            "size": 299, "fit": "center_crop", "crop_pct": 0.8975, "filter": "bicubic",
            "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5],
        });
        assert_eq!(json, expected);
        let back: Preprocess = serde_json::from_value(json).unwrap();
        assert_eq!(back, Preprocess::timm(299, 0.8975));
    }
}
