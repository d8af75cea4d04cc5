//! Picture files to RGBA, natively; in the browser, the browser decodes.

use std::io::Cursor;

use image::{DynamicImage, ImageBuffer, ImageDecoder, ImageFormat, ImageReader, Limits, Pixel, RgbImage};
use mozjpeg::ColorSpace;

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
        let rgba = in_eight_bits(image).into_rgba8();
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

/// The upper eight of sixteen bits, as Pillow, libpng and all browsers but Firefox take them.
fn in_eight_bits(image: DynamicImage) -> DynamicImage {
    match image {
        DynamicImage::ImageLuma16(wide) => DynamicImage::ImageLuma8(upper(&wide)),
        DynamicImage::ImageLumaA16(wide) => DynamicImage::ImageLumaA8(upper(&wide)),
        DynamicImage::ImageRgb16(wide) => DynamicImage::ImageRgb8(upper(&wide)),
        DynamicImage::ImageRgba16(wide) => DynamicImage::ImageRgba8(upper(&wide)),
        narrow => narrow,
    }
}

fn upper<W, N>(wide: &ImageBuffer<W, Vec<u16>>) -> ImageBuffer<N, Vec<u8>>
where
    W: Pixel<Subpixel = u16>,
    N: Pixel<Subpixel = u8>,
{
    let mut narrow = ImageBuffer::new(wide.width(), wide.height());
    for (to, from) in narrow.iter_mut().zip(wide.iter()) {
        *to = from.to_be_bytes()[0];
    }
    narrow
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
        let inks = matches!(header.color_space(), ColorSpace::JCS_CMYK | ColorSpace::JCS_YCCK);
        let mut image = if inks { header.to_colorspace(ColorSpace::JCS_CMYK)? } else { header.rgb()? };
        let pixels = if inks {
            image.read_scanlines::<[u8; 4]>()?.into_iter().map(without_inks).collect()
        } else {
            image.read_scanlines::<[u8; 3]>()?
        };
        image.finish()?;
        Ok(pixels.into_flattened())
    });
    RgbImage::from_raw(size[0], size[1], pixels.ok()?.ok()?).map(DynamicImage::ImageRgb8)
}

/// Cyan, magenta, yellow and black, each as the light that it leaves, as red, green and blue: the way of browsers,
/// which heed no colour profile here.
fn without_inks([cyan, magenta, yellow, black]: [u8; 4]) -> [u8; 3] {
    [cyan, magenta, yellow].map(|ink| (u16::from(ink) * u16::from(black) / 255) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_sixteen_bits_the_upper_eight_are_taken() {
        let wide =
            ImageBuffer::from_fn(7, 3, |x, y| image::Rgb([0x01ff, 0x8000 + x as u16, 0xff00 - y as u16]));
        let mut file = Cursor::new(Vec::new());
        DynamicImage::ImageRgb16(wide).write_to(&mut file, ImageFormat::Png).unwrap();
        let picture = Picture::decode(file.get_ref()).unwrap();
        assert_eq!(picture.rgba[..4], [0x01, 0x80, 0xff, 255]);
        assert_eq!(picture.rgba[picture.rgba.len() - 4..], [0x01, 0x80, 0xfe, 255]);
    }

    #[test]
    fn inks_take_light_away() {
        assert_eq!(without_inks([255; 4]), [255; 3]);
        assert_eq!(without_inks([200, 100, 0, 255]), [200, 100, 0]);
        assert_eq!(without_inks([200, 100, 0, 128]), [100, 50, 0]);
        let mut writer = mozjpeg::Compress::new(ColorSpace::JCS_CMYK);
        writer.set_size(16, 8);
        writer.set_quality(100.0);
        let mut writer = writer.start_compress(Vec::new()).unwrap();
        writer.write_scanlines(&[240, 120, 60, 200].repeat(16 * 8)).unwrap();
        let picture = Picture::decode(&writer.finish().unwrap()).unwrap();
        for pixel in picture.rgba.chunks_exact(4) {
            for (found, expected) in pixel.iter().zip([188, 94, 47, 255]) {
                // At the best quality a level is lost, twice.
                assert!(found.abs_diff(expected) <= 2, "{pixel:?}");
            }
        }
    }

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
