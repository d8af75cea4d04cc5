//! A picture's bytes.

use crate::error::{Error, Result};

/// A picture that someone else holds: rows from the top, four bytes (R, G, B, alpha) per pixel,
/// alpha not multiplied in. It is what a canvas's `ImageData` and the `image` crate's `RgbaImage` hold.
#[derive(Clone, Copy, Debug)]
pub struct RgbaView<'a> {
    pub(super) data: &'a [u8],
    pub(super) width: usize,
    pub(super) height: usize,
}

impl<'a> RgbaView<'a> {
    /// Borrows the bytes of a picture.
    ///
    /// # Errors
    /// [`Error::Image`] where the picture has no pixels, or the bytes do not number
    /// `width * height * 4`.
    pub fn new(data: &'a [u8], width: usize, height: usize) -> Result<Self> {
        if width == 0 || height == 0 {
            return Err(Error::Image(format!(
                "the picture is {width}x{height}; width and height must be at least 1: \
                 wait until the picture has loaded, or leave it out"
            )));
        }
        let expected = width.checked_mul(height).and_then(|n| n.checked_mul(4));
        if expected != Some(data.len()) {
            let expected = expected.map_or("more than memory holds".to_string(), |n| n.to_string());
            return Err(Error::Image(format!(
                "a picture of {width}x{height} came with {} bytes; RGBA, one byte each, takes {expected}: \
                 pass four bytes per pixel without padding between rows",
                data.len()
            )));
        }
        Ok(Self { data, width, height })
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }
}
