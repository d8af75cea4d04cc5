//! Picture files to RGBA, natively; in the browser, the browser decodes.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};

use crate::error::{Error, Result};
use crate::preprocess::RgbaView;

/// Most bytes of RGBA that a picture may unpack to, and that a decoder may allocate besides.
const MAX_UNPACKED: u64 = 512 << 20;
/// The same in pixels.
const MAX_PIXELS: u64 = MAX_UNPACKED / 4;

/// A decoded picture: straight RGBA, eight bits per channel, upright.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    rgba: Vec<u8>,
    width: usize,
    height: usize,
}

impl Picture {
    /// Decodes PNG, JPEG, WebP, GIF (first frame) or BMP, by content, and honours EXIF orientation.
    ///
    /// # Errors
    ///
    /// When the bytes are no such picture, are cut short, or would unpack to more than 512 MiB.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let refuse = |error: image::ImageError| {
            // Some decoders explain themselves over several lines.
            let why = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
            Error::Image(format!(
                "cannot read the picture ({why}); give a whole PNG, JPEG, WebP, GIF or BMP file"
            ))
        };
        let mut reader = ImageReader::new(Cursor::new(bytes))
            .with_guessed_format()
            .map_err(|error| refuse(image::ImageError::IoError(error)))?;
        let mut limits = Limits::default();
        limits.max_alloc = Some(MAX_UNPACKED);
        reader.limits(limits);
        let format = reader.format();
        let mut decoder = reader.into_decoder().map_err(refuse)?;
        // Only the header was read so far. Not every decoder heeds the limits: that of JPEG takes seven bytes for each
        // pixel that a header of a few bytes claims.
        let (width, height) = decoder.dimensions();
        if u64::from(width) * u64::from(height) > MAX_PIXELS {
            return Err(Error::Image(format!(
                "the picture says that it is {width}×{height}, which would unpack to more than {} MiB; give one of at \
                 most {} megapixels",
                MAX_UNPACKED >> 20,
                MAX_PIXELS / 1_000_000
            )));
        }
        let orientation = decoder.orientation().map_err(refuse)?;
        let mut image = DynamicImage::from_decoder(decoder).map_err(refuse)?;
        if format == Some(ImageFormat::Jpeg) {
            image = by_libjpeg(bytes, &image).unwrap_or(image);
        }
        image.apply_orientation(orientation);
        let rgba = image.into_rgba8();
        let (width, height) = (rgba.width() as usize, rgba.height() as usize);
        Ok(Self { rgba: rgba.into_raw(), width, height })
    }

    /// A picture of pixels that are already here.
    ///
    /// # Errors
    ///
    /// When `rgba` is not `width × height × 4` bytes, or a side is zero.
    pub fn new(rgba: Vec<u8>, width: usize, height: usize) -> Result<Self> {
        RgbaView::new(&rgba, width, height)?;
        Ok(Self { rgba, width, height })
    }

    /// A square picture of pixels that were made here.
    #[cfg(feature = "train")]
    pub(crate) fn of_square(rgba: Vec<u8>, side: usize) -> Self {
        debug_assert_eq!(rgba.len(), side * side * 4);
        Self { rgba, width: side, height: side }
    }

    /// The pixels, for [`crate::preprocess`].
    ///
    /// # Errors
    ///
    /// When a side is zero.
    pub fn view(&self) -> Result<RgbaView<'_>> {
        RgbaView::new(&self.rgba, self.width, self.height)
    }
}

/// The pixels of a JPEG file, `decoded` before and so known to be whole, as libjpeg decodes it. Decoders round
/// differently, and libjpeg's are the pixels that Pillow and browsers see. None where it has no RGB for the file.
fn by_libjpeg(bytes: &[u8], decoded: &DynamicImage) -> Option<DynamicImage> {
    // It tells of errors by unwinding.
    let size = [decoded.width(), decoded.height()];
    let pixels = std::panic::catch_unwind(|| {
        let header = mozjpeg::Decompress::new_mem(bytes)?;
        // As large as was found allowed.
        if [header.width(), header.height()] != size.map(|side| side as usize) {
            return Err(std::io::Error::other("the decoders do not agree on the size"));
        }
        let mut image = header.rgb()?;
        let pixels = image.read_scanlines::<[u8; 3]>()?;
        image.finish()?;
        Ok(pixels.into_flattened())
    });
    RgbImage::from_raw(size[0], size[1], pixels.ok()?.ok()?).map(DynamicImage::ImageRgb8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jpeg_files_have_the_pixels_that_pillow_sees() {
        let read = |name: &str| std::fs::read(format!("tests/fixtures/pictures/{name}")).unwrap();
        for stored in ["420", "422", "444", "progressive", "gray"] {
            let found = Picture::decode(&read(&format!("jpeg-{stored}.jpg"))).unwrap();
            // What Pillow decoded, stored without loss.
            let expected = Picture::decode(&read(&format!("jpeg-{stored}.png"))).unwrap();
            assert!(found == expected, "{stored}");
        }
    }
}
