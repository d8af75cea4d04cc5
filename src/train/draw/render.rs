//! From an SVG to pixels.

use resvg::{tiny_skia, usvg};

use xception_web::error::{Error, Result};

/// A square picture with straight (not premultiplied) alpha, 4 bytes a pixel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawing {
    /// Width and height.
    pub side: usize,
    /// RGBA, row by row.
    pub rgba: Vec<u8>,
}

/// Renders `svg` as large as fits a transparent square of `side` pixels, in the middle.
pub fn render(svg: &str, side: usize) -> Result<Drawing> {
    let tree = usvg::Tree::from_str(svg, &usvg::Options::default())
        .map_err(|error| Error::Icons(format!("an icon is no valid SVG: {error}")))?;
    let mut pixels = tiny_skia::Pixmap::new(side as u32, side as u32)
        .ok_or_else(|| Error::Icons(format!("cannot draw into {side} by {side} pixels")))?;
    let (w, h) = (tree.size().width(), tree.size().height());
    let scale = side as f32 / w.max(h);
    let shift = |length: f32| (side as f32 - length * scale) / 2.0;
    let transform = tiny_skia::Transform::from_scale(scale, scale).post_translate(shift(w), shift(h));
    resvg::render(&tree, transform, &mut pixels.as_mut());
    let rgba = pixels
        .pixels()
        .iter()
        .flat_map(|pixel| {
            let c = pixel.demultiply();
            [c.red(), c.green(), c.blue(), c.alpha()]
        })
        .collect();
    Ok(Drawing { side, rgba })
}
