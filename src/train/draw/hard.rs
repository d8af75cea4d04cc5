//! The hard set: drawings as a webcam sees them, small or large, tilted, in front of other things. A
//! seed decides every pixel, so that anyone gets the same pictures.

use crate::draw::background::background;
use crate::draw::camera::{Trouble, photograph};
use crate::draw::canvas::{Canvas, Pyramid};
use crate::random::{Random, Stream};

/// Seed of the set that figures are given for.
pub const SEED: u64 = 2017;
/// Pictures of each class.
pub const TAKES: usize = 3;
/// Share of the frame's side that a drawing takes, before the tilt.
const SIZES: [f32; 2] = [0.3, 1.0];
/// A middling webcam: each kind of trouble in three of five pictures.
const TROUBLE: Trouble = Trouble { chance: 0.6, strength: 0.9 };

/// Picture number `item` of the set: `drawing` in front of some of `clutter`.
pub fn picture(seed: u64, item: u64, side: usize, drawing: &Pyramid, clutter: &[&Pyramid]) -> Canvas {
    let random = &mut Random::new(seed, Stream::Hard.number(), item);
    let mut canvas = background(random, side);
    if random.chance(0.5) {
        for other in &clutter[..random.below(clutter.len() + 1)] {
            let size = random.range(0.15, 0.35);
            let (along, edge) = (random.range(-0.4, 0.4), random.pick(&[-0.42, 0.42]));
            let at = if random.chance(0.5) { [along, edge] } else { [edge, along] };
            canvas.draw(&other.sample(side, &placed(random, size, at)));
        }
    }
    let size = random.range(SIZES[0], SIZES[1]);
    let slack = (1.0 - size) / 2.0;
    let at = [random.range(-slack, slack), random.range(-slack, slack)];
    canvas.draw(&drawing.sample(side, &placed(random, size, at)));
    photograph(random, &mut canvas, TROUBLE);
    canvas
}

/// The map that [`Pyramid::sample`] takes: `size` of the frame, round `at`, a little turned and tilted.
fn placed(random: &mut Random, size: f32, [x, y]: [f32; 2]) -> [f32; 8] {
    let (sin, cos) = random.range(-0.25, 0.25).sin_cos();
    let (a, b, d, e) = (cos / size, sin / size, -sin / size, cos / size);
    let (g, h) = (random.range(-0.25, 0.25), random.range(-0.25, 0.25));
    [a, b, -(a * x + b * y), d, e, -(d * x + e * y), g, h]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::render::Drawing;

    #[test]
    fn a_picture_depends_on_seed_and_number_alone_and_shows_the_drawing() {
        let pyramid = |alpha| Pyramid::new(&Drawing { side: 64, rgba: [255, 0, 0, alpha].repeat(64 * 64) });
        let (red, nothing) = (pyramid(255), pyramid(0));
        let take = |seed, item, drawing| picture(seed, item, 48, drawing, &[&nothing, &nothing]);
        for item in 0..8 {
            assert_eq!(take(1, item, &red), take(1, item, &red));
            assert_ne!(take(1, item, &red), take(1, item, &nothing));
            assert_ne!(take(1, item, &red), take(2, item, &red));
            assert!(take(1, item, &red).pixels.iter().flatten().all(|v| (0.0..=1.0).contains(v)));
        }
    }
}
