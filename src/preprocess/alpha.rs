//! Lays a picture on white, as Pillow's `alpha_composite` does with an opaque white background.
//!
//! It happens before the resize, so that no colour hidden under a transparent pixel bleeds out.

use std::borrow::Cow;

/// The picture without transparency. The alpha bytes left in it mean nothing any more.
///
/// Opaque pictures, nearly all of them, are handed back as they are.
pub(super) fn on_white(rgba: &[u8]) -> Cow<'_, [u8]> {
    // Folded per block, without an early exit inside one, so that the search runs as vectors.
    let opaque = rgba.chunks(4096).all(|block| block.chunks_exact(4).fold(255, |and, p| and & p[3]) == 255);
    if opaque {
        return Cow::Borrowed(rgba);
    }
    let mut on_white = rgba.to_vec();
    for pixel in on_white.chunks_exact_mut(4) {
        let alpha = pixel[3];
        if alpha < 255 {
            for value in &mut pixel[..3] {
                *value = over_white(*value, alpha);
            }
        }
    }
    Cow::Owned(on_white)
}

/// `(value * alpha + 255 * (255 - alpha)) / 255`, rounded to the nearest.
///
/// Pillow carries seven extra bits for backgrounds that are transparent themselves;
/// on an opaque one they change nothing.
fn over_white(value: u8, alpha: u8) -> u8 {
    let (value, alpha) = (u32::from(value), u32::from(alpha));
    // At most 255 * 255, so the quotient is at most 255.
    ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opaque_pictures_are_not_copied() {
        let rgba = [1, 2, 3, 255].repeat(5 * 7);
        assert!(matches!(on_white(&rgba), Cow::Borrowed(same) if same == rgba));
    }

    #[test]
    fn one_translucent_pixel_at_the_end_is_found() {
        let mut rgba = [1, 2, 3, 255].repeat(41 * 53);
        let last = rgba.len() - 1;
        rgba[last] = 0;
        let white = on_white(&rgba);
        assert_eq!(white[last - 3..last], [255; 3]);
        assert_eq!(white[..last - 3], rgba[..last - 3]);
    }

    #[test]
    fn full_alpha_keeps_the_colour_and_none_gives_white() {
        for value in 0..=255 {
            assert_eq!(over_white(value, 255), value);
            assert_eq!(over_white(value, 0), 255);
        }
    }

    #[test]
    fn compositing_rounds_to_the_nearest() {
        for value in 0..=255u8 {
            for alpha in 0..=255u8 {
                let share = f64::from(alpha) / 255.0;
                let exact = f64::from(value) * share + 255.0 * (1.0 - share);
                // A tie cannot occur: 255 is odd.
                assert_eq!(over_white(value, alpha), exact.round() as u8);
            }
        }
    }
}
