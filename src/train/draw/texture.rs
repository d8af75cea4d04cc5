//! Pictures that show nothing that a network of photographs knows: plain colours, gradients, patterns, noise, text and
//! flat drawings.

use font8x8::UnicodeFonts;

use crate::draw::background::{background, colour};
use crate::draw::canvas::Canvas;
use crate::random::Random;
use xception_web::inside::square;
use xception_web::picture::Picture;

/// Their height and width.
pub const SIDE: usize = 160;
/// Side of a letter in the font.
const LETTER: usize = 8;
/// Width of an edge between two colours, in pixels.
const EDGE: f32 = 1.5;

/// A picture of any of the kinds.
pub fn texture(random: &mut Random) -> Picture {
    let kind = random.pick(&[noise, pattern, text, figures]);
    kind(random)
}

/// A plain colour, a gradient or a pattern.
pub fn pattern(random: &mut Random) -> Picture {
    picture(&background(random, SIDE))
}

/// Random colours in squares of 1 to 16 pixels.
pub fn noise(random: &mut Random) -> Picture {
    let cell = 1 << random.below(5);
    let across = SIDE.div_ceil(cell);
    let colours: Vec<[f32; 3]> =
        (0..across * across).map(|_| std::array::from_fn(|_| random.unit())).collect();
    let pixel = |p: usize| colours[p / SIDE / cell * across + p % SIDE / cell];
    picture(&Canvas { side: SIDE, pixels: (0..SIDE * SIDE).map(pixel).collect() })
}

/// Lines of letters, dark on light or the other way round, large or small.
pub fn text(random: &mut Random) -> Picture {
    let dark = std::array::from_fn(|_| random.range(0.0, 0.3));
    let light = std::array::from_fn(|_| random.range(0.75, 1.0));
    let [paper, ink] = if random.chance(0.7) { [light, dark] } else { [dark, light] };
    let size = random.range(0.6, 4.0);
    let (line, left) = (size * LETTER as f32 * random.range(1.1, 2.0), random.range(0.0, 24.0));
    let mut canvas = Canvas { side: SIDE, pixels: vec![paper; SIDE * SIDE] };
    let columns = (SIDE as f32 / (size * LETTER as f32)) as usize + 1;
    for row in 0..(SIDE as f32 / line) as usize + 1 {
        // Lines end anywhere, and some are empty.
        let length = if random.chance(0.1) { 0 } else { random.below(columns) + columns / 3 };
        for column in 0..length.min(columns) {
            let letter = if random.chance(0.18) { b' ' } else { b'!' + random.below(93) as u8 };
            let bits = font8x8::BASIC_FONTS.get(letter.into()).unwrap_or_default();
            let at = [left + column as f32 * size * LETTER as f32, row as f32 * line];
            write(&mut canvas, &bits, at, size, ink);
        }
    }
    picture(&canvas)
}

/// One letter, each pixel mixed of four samples.
fn write(canvas: &mut Canvas, bits: &[u8; LETTER], [left, top]: [f32; 2], size: f32, ink: [f32; 3]) {
    let end = |start: f32| ((start + size * LETTER as f32).ceil() as usize).min(SIDE);
    for y in top as usize..end(top) {
        for x in left as usize..end(left) {
            let inked = |n: usize| {
                let [u, v] = [
                    x as f32 + 0.25 + 0.5 * (n % 2) as f32 - left,
                    y as f32 + 0.25 + 0.5 * (n / 2) as f32 - top,
                ]
                .map(|offset| (offset / size).floor());
                let inside = (0.0..LETTER as f32).contains(&u) && (0.0..LETTER as f32).contains(&v);
                inside && bits[v as usize] >> u as usize & 1 == 1
            };
            let share = (0..4).filter(|&n| inked(n)).count() as f32 / 4.0;
            mix(&mut canvas.pixels[y * SIDE + x], ink, share);
        }
    }
}

/// A few discs, rings, boxes and strokes of one colour each, some with a dark outline: what clip art is made of, and
/// nothing that it shows.
pub fn figures(random: &mut Random) -> Picture {
    let mut canvas = if random.chance(0.3) {
        background(random, SIDE)
    } else {
        Canvas { side: SIDE, pixels: vec![colour(random); SIDE * SIDE] }
    };
    let outline = random.chance(0.5).then(|| random.range(1.5, 5.0));
    for _ in 0..2 + random.below(9) {
        let (fill, distance) = (colour(random), figure(random));
        for (p, pixel) in canvas.pixels.iter_mut().enumerate() {
            let distance = distance([(p % SIDE) as f32, (p / SIDE) as f32]);
            let covered = |reach: f32| ((reach - distance) / EDGE + 0.5).clamp(0.0, 1.0);
            if let Some(width) = outline {
                mix(pixel, [0.05; 3], covered(width));
            }
            mix(pixel, fill, covered(0.0));
        }
    }
    picture(&canvas)
}

type Distance = Box<dyn Fn([f32; 2]) -> f32>;

/// How far a pixel is outside a figure.
fn figure(random: &mut Random) -> Distance {
    let side = SIDE as f32;
    let centre: [f32; 2] = std::array::from_fn(|_| random.range(0.1, 0.9) * side);
    let size: [f32; 2] = std::array::from_fn(|_| random.range(0.03, 0.3) * side);
    let (sin, cos) = random.range(0.0, std::f32::consts::TAU).sin_cos();
    // In the figure's own axes.
    let turned = move |[x, y]: [f32; 2]| {
        let (x, y) = (x - centre[0], y - centre[1]);
        [x * cos + y * sin, y * cos - x * sin]
    };
    let round = random.range(0.0, 1.0) * size[0].min(size[1]);
    match random.below(4) {
        0 => Box::new(move |at| {
            let [x, y] = turned(at);
            x.hypot(y) - size[0]
        }),
        1 => Box::new(move |at| {
            let [x, y] = turned(at);
            (x.hypot(y) - size[0]).abs() - 0.2 * size[1]
        }),
        2 => Box::new(move |at| {
            let [x, y] = turned(at);
            let [x, y] = [x.abs() - size[0] + round, y.abs() - size[1] + round];
            x.max(0.0).hypot(y.max(0.0)) + x.max(y).min(0.0) - round
        }),
        _ => Box::new(move |at| {
            let [x, y] = turned(at);
            (x.abs() - 2.0 * size[0]).max(0.0).hypot(y) - 0.15 * size[1]
        }),
    }
}

fn mix(pixel: &mut [f32; 3], with: [f32; 3], share: f32) {
    for (old, new) in pixel.iter_mut().zip(with) {
        *old += (new - *old) * share;
    }
}

fn picture(canvas: &Canvas) -> Picture {
    square(canvas.rgba(), canvas.side)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::config::preprocess;

    #[test]
    fn every_kind_is_seeded_and_shows_more_than_one_colour() {
        for kind in [noise, text, figures] {
            let pictures: Vec<Picture> = (0..20).map(|n| kind(&mut Random::new(1, 2, n))).collect();
            let again = kind(&mut Random::new(1, 2, 3));
            assert!(again == pictures[3] && pictures[3] != pictures[4]);
            for picture in &pictures {
                let values = preprocess(SIDE).apply(picture.view().unwrap()).unwrap();
                assert!(values.iter().any(|value| *value != values[0]));
            }
        }
    }
}
