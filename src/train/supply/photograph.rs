//! A photograph as the trainer keeps it, and the endless ways to show it: another part, mirrored, in other light.
//!
//! From bytes to bytes in one pass over the rows, since this competes with the training itself for
//! the processor. Every part is resampled with a triangle that widens as the picture shrinks, as `preprocess` does.

use crate::draw::augment::hue_matrix;
use crate::random::Random;
use crate::recipe::variation::Variation;
use crate::supply::batch::byte;
use crate::supply::resample::{Triangles, blend, squeeze};
use xception_web::error::Result;
use xception_web::inside::resized;
use xception_web::preprocess::{Filter, RgbaView};

/// At full `colour`: by how much brightness is raised or lowered, by which share contrast and saturation are, and by
/// how many radians hues turn.
const BRIGHT: f32 = 0.5;
const CONTRAST: f32 = 1.0;
const SATURATION: f32 = 1.3;
const HUE: f32 = 0.3;

/// A picture in memory: bytes, on white, its shorter side no longer than is of use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Photograph {
    width: u32,
    height: u32,
    /// `[H, C, W]`: planes of one row side by side, so that everything vectorises along a row.
    rows: Box<[u8]>,
}

/// Buffers for [`Photograph::show`], used again for every picture.
#[derive(Clone, Debug, Default)]
pub struct Room {
    /// One row between the passes, `[C, W]`.
    between: Vec<f32>,
    /// One row of the result, `[C, W]`.
    row: Vec<f32>,
}

/// The part of a picture that is shown, in its pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Part {
    x: f32,
    y: f32,
    width: f32,
    height: f32,
    mirrored: bool,
}

/// From a byte of each of three colours to what the network sees of one: three factors and a summand.
type Light = [[f32; 4]; 3];

impl Photograph {
    /// Keeps a picture as it is, or with its shorter side reduced to `most`.
    ///
    /// # Errors
    ///
    /// When the picture has no pixels.
    pub fn new(picture: RgbaView<'_>, most: usize) -> Result<Self> {
        let (width, height) = (picture.width(), picture.height());
        let short = width.min(height);
        let reduced = |side: usize| if short > most { (side * most / short).max(1) } else { side };
        let size = [reduced(width), reduced(height)];
        let rows = resized(picture, size, Filter::Bilinear).into_boxed_slice();
        Ok(Self { width: size[0] as u32, height: size[1] as u32, rows })
    }

    /// Shows it to a network, varied by chance.
    ///
    /// # Shapes
    /// - `out` `[H, W, C]`, with H = W = `side` and C = 3
    pub fn show(
        &self,
        variation: &Variation,
        random: &mut Random,
        side: usize,
        room: &mut Room,
        out: &mut [u8],
    ) {
        let part = self.part(variation, random);
        let light = light(variation.colour, random);
        self.sample(&part, &light, side, room, out);
    }

    fn part(&self, variation: &Variation, random: &mut Random) -> Part {
        let (width, height) = (self.width as f32, self.height as f32);
        let size = width.min(height) * random.range(variation.area[0], variation.area[1]).sqrt();
        let log_aspect = variation.aspect.ln();
        let stretch = (random.range(-log_aspect, log_aspect) / 2.0).exp();
        let (w, h) = ((size * stretch).min(width), (size / stretch).min(height));
        // Without variation, in the middle.
        let varied = *variation != Variation::NONE;
        let [across, down] = [random.unit(), random.unit()].map(|at| if varied { at } else { 0.5 });
        let mirrored = random.chance(0.5) && variation.mirror;
        Part { x: across * (width - w), y: down * (height - h), width: w, height: h, mirrored }
    }

    fn sample(&self, part: &Part, light: &Light, side: usize, room: &mut Room, out: &mut [u8]) {
        let width = self.width as usize;
        let columns = Triangles::new(width, part.x, part.width, side);
        let rows = Triangles::new(self.height as usize, part.y, part.height, side);
        // Of a row only the columns that the part needs.
        let first = columns.starts.first().copied().unwrap_or(0);
        let span = columns.starts.last().map_or(0, |last| last + columns.taps - first);
        room.between.resize(3 * span, 0.0);
        room.row.resize(3 * side, 0.0);
        for ((start, weights), out) in rows.iter().zip(out.chunks_exact_mut(3 * side)) {
            for (channel, between) in room.between.chunks_exact_mut(span).enumerate() {
                let source = |row: usize| &self.rows[((start + row) * 3 + channel) * width + first..][..span];
                blend(source, weights, between);
            }
            squeeze(&room.between, span, first, &columns, &mut room.row);
            expose(&mut room.row, side, light);
            interleave(&room.row, side, part.mirrored, out);
        }
    }
}

/// Brings one row of three planes from bytes to what the network sees of it.
fn expose(row: &mut [f32], side: usize, light: &Light) {
    let (red, others) = row.split_at_mut(side);
    let (green, blue) = others.split_at_mut(side);
    for ((r, g), b) in red.iter_mut().zip(green).zip(blue) {
        let seen = light.map(|[of_red, of_green, of_blue, more]| {
            (of_red * *r + of_green * *g + of_blue * *b + more).clamp(-1.0, 1.0)
        });
        [*r, *g, *b] = seen;
    }
}

/// Planes to pixels, from the right where the picture is mirrored.
fn interleave(row: &[f32], side: usize, mirrored: bool, out: &mut [u8]) {
    let (red, others) = row.split_at(side);
    let (green, blue) = others.split_at(side);
    let planes = red.iter().zip(green).zip(blue);
    let pixels = out.as_chunks_mut::<3>().0;
    let put = |(pixel, ((r, g), b)): (&mut [u8; 3], ((&f32, &f32), &f32))| {
        *pixel = [byte(*r), byte(*g), byte(*b)];
    };
    if mirrored {
        pixels.iter_mut().rev().zip(planes).for_each(put)
    } else {
        pixels.iter_mut().zip(planes).for_each(put)
    }
}

/// Other light: saturation and hue about the grey axis, then contrast about the middle, then brightness.
fn light(colour: f32, random: &mut Random) -> Light {
    let mut change = |most: f32| random.range(-most, most) * colour;
    let (bright, contrast) = (change(BRIGHT), (1.0 + change(CONTRAST)).max(0.0));
    let (saturation, turn) = ((1.0 + change(SATURATION)).max(0.0), change(HUE));
    let rows = if colour > 0.0 {
        hue_matrix(turn, saturation, 1.0)
    } else {
        [[1., 0., 0.], [0., 1., 0.], [0., 0., 1.]]
    };
    // With v / 255 for each byte: 2 · (contrast · (rows · v - 1/2) + 1/2 + bright) - 1.
    let factor = 2.0 * contrast / 255.0;
    rows.map(|[r, g, b]| [factor * r, factor * g, factor * b, 2.0 * bright - contrast])
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::recipe::config::preprocess;
    use xception_web::picture::Picture;

    /// `preprocess` rounds to bytes after each of its two passes, and here the end alone is rounded.
    const ROUNDED: u8 = 1;

    fn noise(width: usize, height: usize) -> Picture {
        let mut random = Random::new(1, 2, 3);
        // Rough enough to tell one pixel from the next, smooth enough to be a picture.
        let value = |p: usize| (p % width * 3 + p / width * 2) as u8 / 2 + (random.below(90)) as u8;
        let rgba =
            (0..width * height * 4).map(value).enumerate().map(|(at, v)| if at % 4 == 3 { 255 } else { v });
        Picture::new(rgba.collect(), width, height).unwrap()
    }

    fn shown(kept: &Photograph, variation: &Variation, item: u64, side: usize) -> Vec<u8> {
        let mut out = vec![9; side * side * 3];
        kept.show(variation, &mut Random::new(5, 6, item), side, &mut Room::default(), &mut out);
        out
    }

    #[test]
    fn a_picture_shown_as_it_is_looks_as_it_does_to_a_classifier() {
        // Shapes of which timm's whole pixels are the middle exactly.
        for ([width, height], side) in
            [([64, 64], 64), ([64, 64], 48), ([50, 50], 33), ([96, 64], 32), ([20, 30], 40), ([1, 5], 9)]
        {
            let picture = noise(width, height);
            let kept = Photograph::new(picture.view().unwrap(), 80).unwrap();
            let found = shown(&kept, &Variation::NONE, 0, side);
            let planes = preprocess(side).apply(picture.view().unwrap()).unwrap();
            for (at, value) in found.iter().enumerate() {
                let expected = byte(planes[at % 3 * side * side + at / 3]);
                let near = value.abs_diff(expected) <= ROUNDED;
                assert!(near, "{width}x{height} at {at}: {value}, {expected}");
            }
        }
        let same = Photograph::new(noise(64, 64).view().unwrap(), 64).unwrap();
        let bytes = shown(&same, &Variation::NONE, 0, 64).into_iter();
        let stored = (0..64 * 64 * 3).map(|at| same.rows[at / 192 * 192 + at % 3 * 64 + at / 3 % 64]);
        assert!(bytes.eq(stored), "not a byte is changed at the same size");
    }

    #[test]
    fn small_pictures_are_kept_as_they_are_and_large_ones_reduced_with_their_aspect() {
        let size = |width, height, most| {
            let kept = Photograph::new(noise(width, height).view().unwrap(), most).unwrap();
            assert_eq!(kept.rows.len(), (kept.width * kept.height * 3) as usize);
            [kept.width, kept.height]
        };
        assert_eq!(size(64, 64, 74), [64, 64]);
        assert_eq!(size(50, 400, 74), [50, 400]);
        assert_eq!(size(400, 300, 75), [100, 75]);
        assert_eq!(size(300, 401, 75), [75, 100]);
    }

    #[test]
    fn every_kind_of_variation_is_seeded_and_stays_within_bounds() {
        let kept = Photograph::new(noise(61, 47).view().unwrap(), 80).unwrap();
        let plain = shown(&kept, &Variation::NONE, 0, 33);
        for variation in [
            Variation { area: [0.3, 0.6], ..Variation::NONE },
            Variation { aspect: 1.3, ..Variation::NONE },
            Variation { colour: 1.0, ..Variation::NONE },
            Variation { mirror: true, ..Variation::NONE },
            Variation::default(),
        ] {
            let all: Vec<_> = (0..20).map(|item| shown(&kept, &variation, item, 33)).collect();
            assert!(all.iter().any(|one| *one != plain), "{variation:?}");
            assert_eq!(all[7], shown(&kept, &variation, 7, 33));
        }
    }

    #[test]
    fn a_mirrored_picture_is_the_same_from_the_right() {
        let kept = Photograph::new(noise(40, 40).view().unwrap(), 80).unwrap();
        let part = Part { x: 3.0, y: 5.0, width: 30.0, height: 31.0, mirrored: false };
        let [mut plain, mut mirrored] = [vec![0; 17 * 17 * 3], vec![0; 17 * 17 * 3]];
        let light = light(0.0, &mut Random::new(1, 1, 1));
        kept.sample(&part, &light, 17, &mut Room::default(), &mut plain);
        kept.sample(&Part { mirrored: true, ..part }, &light, 17, &mut Room::default(), &mut mirrored);
        let back = mirrored.chunks(17 * 3).flat_map(|row| row.chunks(3).rev().flatten().copied());
        assert!(back.eq(plain.iter().copied()) && plain != mirrored);
    }

    /// A picture takes no longer than this on any machine that may run the tests; the aim is 80 microseconds.
    const LONGEST: Duration = Duration::from_millis(2);

    #[test]
    fn a_picture_is_varied_in_no_time() {
        let kept = Photograph::new(noise(64, 64).view().unwrap(), 80).unwrap();
        let (mut room, mut out) = (Room::default(), vec![0; 64 * 64 * 3]);
        // The best of many: others may be using the machine.
        let mut best = Duration::MAX;
        for round in 0..50 {
            let start = Instant::now();
            for item in 0..20 {
                kept.show(&Variation::default(), &mut Random::new(1, round, item), 64, &mut room, &mut out);
            }
            best = best.min(start.elapsed() / 20);
        }
        println!("a picture of 64x64 varied in {best:?}");
        assert!(best < LONGEST, "{best:?}");
    }
}
