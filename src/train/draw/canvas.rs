//! Square pictures of floats, and sampling one through an affine map.

use crate::draw::render::Drawing;

/// A square of RGB pixels in 0..1, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Canvas {
    /// Width and height.
    pub side: usize,
    /// The pixels.
    pub pixels: Vec<[f32; 3]>,
}

/// A square of RGBA pixels in 0..1, colours multiplied by alpha.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Width and height.
    pub side: usize,
    /// The pixels.
    pub pixels: Vec<[f32; 4]>,
}

impl Canvas {
    /// From 4 bytes a pixel, opaque.
    pub fn from_rgba(rgba: &[u8], side: usize) -> Self {
        let pixel = |p: &[u8]| std::array::from_fn(|c| f32::from(p[c]) / 255.0);
        Self { side, pixels: rgba.chunks_exact(4).map(pixel).collect() }
    }

    /// As 4 bytes a pixel, opaque.
    pub fn rgba(&self) -> Vec<u8> {
        let byte = |v: f32| (v * 255.0).round() as u8;
        self.pixels.iter().flat_map(|&[r, g, b]| [byte(r), byte(g), byte(b), 255]).collect()
    }

    /// Puts `layer` on top.
    pub fn draw(&mut self, layer: &Layer) {
        for (below, above) in self.pixels.iter_mut().zip(&layer.pixels) {
            for c in 0..3 {
                below[c] = above[c] + below[c] * (1.0 - above[3]);
            }
        }
    }
}

/// Moves rows sideways and columns up and down, smoothly: other proportions of the same drawing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bend {
    /// By how much each row moves.
    pub across: Wave,
    /// By how much each column moves.
    pub down: Wave,
}

/// A sine along a side; lengths in sides.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wave {
    /// The furthest that anything moves.
    pub amplitude: f32,
    /// Waves along the side.
    pub waves: f32,
    /// Where they begin, in radians.
    pub phase: f32,
}

impl Wave {
    fn at(self, along: f32) -> f32 {
        self.amplitude * (std::f32::consts::TAU * self.waves * along + self.phase).sin()
    }
}

/// A drawing at halving sizes, so that shrinking it does not alias.
#[derive(Clone, Debug)]
pub struct Pyramid(Vec<(usize, Vec<[u8; 4]>)>);

impl Pyramid {
    /// Halves `drawing` until it is smaller than 32 pixels.
    pub fn new(drawing: &Drawing) -> Self {
        let premultiplied = drawing.rgba.chunks_exact(4).map(|p| {
            let a = u32::from(p[3]);
            let by = |c: u8| ((u32::from(c) * a + 127) / 255) as u8;
            [by(p[0]), by(p[1]), by(p[2]), p[3]]
        });
        let mut levels = vec![(drawing.side, premultiplied.collect::<Vec<_>>())];
        while let Some((side, pixels)) = levels.last().filter(|(side, _)| *side >= 32) {
            let (side, half) = (*side, side / 2);
            let smaller = (0..half * half).map(|p| {
                let (x, y) = (p % half * 2, p / half * 2);
                let four =
                    [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)].map(|(x, y)| pixels[y * side + x]);
                std::array::from_fn(|c| (four.iter().map(|p| u32::from(p[c])).sum::<u32>() / 4) as u8)
            });
            let smaller = smaller.collect();
            levels.push((half, smaller));
        }
        Self(levels)
    }

    /// Draws into a square of `side` pixels. `map` takes coordinates in -0.5..0.5 of the result to
    /// the same of the drawing: `[a, b, c, d, e, f, g, h]` as in `u = (a·x + b·y + c) / w`,
    /// `v = (d·x + e·y + f) / w` with `w = 1 + g·x + h·y`.
    pub fn sample(&self, side: usize, map: &[f32; 8]) -> Layer {
        self.sample_bent(side, map, &Bend::default())
    }

    /// The same, bent as well.
    pub fn sample_bent(&self, side: usize, map: &[f32; 8], bend: &Bend) -> Layer {
        let [a, b, c, d, e, f, g, h] = *map;
        let zoom = (a * e - b * d).abs().sqrt();
        let wanted = self.0[0].0 as f32 / (zoom * self.0[0].0 as f32 / side as f32).max(1.0);
        let level = self.0.iter().rev().find(|(side, _)| *side as f32 >= wanted * 0.9);
        let (from, pixels) = level.unwrap_or(&self.0[0]);
        let at = |x: isize, y: isize| {
            let inside = x >= 0 && y >= 0 && x < *from as isize && y < *from as isize;
            if inside { pixels[y as usize * from + x as usize].map(f32::from) } else { [0.0; 4] }
        };
        let unit = 1.0 / side as f32;
        let along: Vec<f32> = (0..side).map(|p| (p as f32 + 0.5) * unit - 0.5).collect();
        let shifts =
            [bend.across, bend.down].map(|wave| along.iter().map(|v| wave.at(*v)).collect::<Vec<_>>());
        let result = (0..side * side).map(|p| {
            let (column, row) = (p % side, p / side);
            let (x, y) = (along[column] + shifts[0][row], along[row] + shifts[1][column]);
            let w = 1.0 + g * x + h * y;
            let u = ((a * x + b * y + c) / w + 0.5) * *from as f32 - 0.5;
            let v = ((d * x + e * y + f) / w + 0.5) * *from as f32 - 0.5;
            let outside = |u: f32| u <= -1.0 || u >= *from as f32;
            if outside(u) || outside(v) {
                return [0.0; 4];
            }
            let (left, top) = (u.floor(), v.floor());
            let (s, t) = (u - left, v - top);
            let (left, top) = (left as isize, top as isize);
            let corners = [at(left, top), at(left + 1, top), at(left, top + 1), at(left + 1, top + 1)];
            std::array::from_fn(|c| {
                let above = corners[0][c] * (1.0 - s) + corners[1][c] * s;
                let below = corners[2][c] * (1.0 - s) + corners[3][c] * s;
                (above * (1.0 - t) + below * t) / 255.0
            })
        });
        Layer { side, pixels: result.collect() }
    }
}
