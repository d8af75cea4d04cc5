//! One training picture: a drawing, moved, redrawn and recoloured, on a background.

use crate::draw::background::{background, colour};
use crate::draw::camera::{Trouble, photograph};
use crate::draw::canvas::{Bend, Canvas, Layer, Pyramid, Wave};
use crate::draw::style::restyle;
use crate::random::Random;

/// A picture of `side` pixels that shows `drawing`; now and then with some of `clutter` behind it.
pub fn picture(random: &mut Random, side: usize, drawing: &Pyramid, clutter: &[&Pyramid]) -> Canvas {
    let mut canvas = background(random, side);
    let behind = if random.chance(0.25) { 1 + random.below(clutter.len()) } else { 0 };
    for other in &clutter[..behind] {
        canvas.draw(&other.sample(side, &corner(random)));
    }
    let map = placement(random);
    let bend =
        if random.chance(0.5) { Bend { across: wave(random), down: wave(random) } } else { Bend::default() };
    let mut layer = drawing.sample_bent(side, &map, &bend);
    if random.chance(0.6) {
        recolour(random, &mut layer);
    }
    restyle(random, &mut layer);
    canvas.draw(&layer);
    if random.chance(0.12) {
        cover(random, &mut canvas);
    }
    finish(random, &mut canvas);
    canvas
}

/// Something plain in front: a strip or a corner of one colour.
fn cover(random: &mut Random, canvas: &mut Canvas) {
    let (w, h) = (random.range(0.08, 0.4), random.range(0.08, 0.4));
    let (x, y) = (random.range(-0.2, 1.0), random.range(-0.2, 1.0));
    let ink = colour(random);
    let unit = 1.0 / canvas.side as f32;
    let side = canvas.side;
    for (p, pixel) in canvas.pixels.iter_mut().enumerate() {
        let (u, v) = ((p % side) as f32 * unit, (p / side) as f32 * unit);
        if u > x && u < x + w && v > y && v < y + h {
            *pixel = ink;
        }
    }
}

/// Where the drawing stands: the map that [`Pyramid::sample`] takes.
fn placement(random: &mut Random) -> [f32; 8] {
    // The root prefers large drawings, which is how pictures of single things are taken.
    let size = 0.32 + 0.8 * random.unit().sqrt();
    let slack = (1.05 - size).max(0.06) / 2.0;
    let (dx, dy) = (random.range(-slack, slack), random.range(-slack, slack));
    let turn = if random.chance(0.7) { random.range(-0.35, 0.35) } else { 0.0 };
    let aspect = random.range(-0.16, 0.16).exp();
    let shear = if random.chance(0.4) { random.range(-0.2, 0.2) } else { 0.0 };
    let flip = if random.chance(0.4) { -1.0 } else { 1.0 };
    let (sin, cos) = turn.sin_cos();
    let (sx, sy) = (flip / (size * aspect), aspect / size);
    let (a, b) = (sx * (cos + shear * sin), sx * (sin - shear * cos));
    let (d, e) = (-sy * sin, sy * cos);
    let tilt = if random.chance(0.3) { 0.35 } else { 0.0 };
    let (g, h) = (random.range(-tilt, tilt), random.range(-tilt, tilt));
    [a, b, -(a * dx + b * dy), d, e, -(d * dx + e * dy), g, h]
}

/// Enough to see, too little to make another thing of it.
fn wave(random: &mut Random) -> Wave {
    Wave { amplitude: random.range(0.0, 0.045), waves: random.range(0.4, 1.8), phase: random.range(0.0, 6.3) }
}

/// Somewhere at the rim, small.
fn corner(random: &mut Random) -> [f32; 8] {
    let zoom = 1.0 / random.range(0.2, 0.5);
    let (dx, dy) = (random.pick(&[-0.45, 0.45]), random.range(-0.5, 0.5));
    let (dx, dy) = if random.chance(0.5) { (dx, dy) } else { (dy, dx) };
    [zoom, 0.0, -zoom * dx, 0.0, zoom, -zoom * dy, 0.0, 0.0]
}

/// Turns hues, and changes saturation and brightness, of the drawing only.
fn recolour(random: &mut Random, layer: &mut Layer) {
    // Mostly small turns; a thing keeps its colour more often than not.
    let turn = if random.chance(0.12) { random.range(-3.1, 3.1) } else { random.range(-0.3, 0.3) };
    let saturation = if random.chance(0.12) { 0.0 } else { random.range(0.4, 1.6) };
    let bright = random.range(0.75, 1.3);
    let rows = hue_matrix(turn, saturation, bright);
    for p in &mut layer.pixels {
        let [r, g, b, a] = *p;
        for c in 0..3 {
            p[c] = (rows[c][0] * r + rows[c][1] * g + rows[c][2] * b).clamp(0.0, a);
        }
    }
}

/// Rotation about the grey axis (Rodrigues), then saturation, then brightness.
pub(crate) fn hue_matrix(turn: f32, saturation: f32, bright: f32) -> [[f32; 3]; 3] {
    let (sin, cos) = turn.sin_cos();
    let third = (1.0 - cos) / 3.0;
    let root = sin / 3f32.sqrt();
    std::array::from_fn(|i| {
        std::array::from_fn(|j| {
            let turned = match (j + 3 - i) % 3 {
                0 => cos + third,
                1 => third - root,
                _ => third + root,
            };
            bright * (saturation * turned + (1.0 - saturation) / 3.0)
        })
    })
}

/// What a file format, or in two fifths of all pictures a camera, does to the whole.
fn finish(random: &mut Random, canvas: &mut Canvas) {
    if random.chance(0.4) {
        let strength = random.range(0.3, 1.1);
        return photograph(random, canvas, Trouble { chance: 0.5, strength });
    }
    let (contrast, bright) = match random.chance(0.5) {
        true => (random.range(0.6, 1.3), random.range(-0.15, 0.15)),
        false => (1.0, 0.0),
    };
    let grey = if random.chance(0.08) { 1.0 } else { 0.0 };
    for p in &mut canvas.pixels {
        let mean = (p[0] + p[1] + p[2]) / 3.0;
        for v in p.iter_mut() {
            let value = *v + (mean - *v) * grey;
            *v = ((value - 0.5) * contrast + 0.5 + bright).clamp(0.0, 1.0);
        }
    }
}
