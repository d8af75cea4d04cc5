//! Pictures that show nothing: plain colours, gradients, patterns and noise.

use super::background::background;
use super::canvas::Canvas;
use super::random::Random;
use crate::picture::Picture;

/// Their height and width.
pub const SIDE: usize = 160;
/// How often one is noise.
const NOISE: f32 = 0.5;

/// Any of them.
pub fn texture(random: &mut Random) -> Picture {
    if random.chance(NOISE) { noise(random) } else { pattern(random) }
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

fn picture(canvas: &Canvas) -> Picture {
    Picture::of_square(canvas.rgba(), canvas.side)
}
