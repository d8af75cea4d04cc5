//! What a drawing is put on.

use crate::draw::canvas::Canvas;
use crate::random::Random;

/// A colour: often white or nearly so, sometimes black or nearly so, else any.
pub fn colour(random: &mut Random) -> [f32; 3] {
    match random.unit() {
        p if p < 0.30 => [1.0; 3],
        p if p < 0.45 => std::array::from_fn(|_| random.range(0.85, 1.0)),
        p if p < 0.60 => std::array::from_fn(|_| random.range(0.0, 0.2)),
        p if p < 0.70 => [random.unit(); 3],
        _ => std::array::from_fn(|_| random.unit()),
    }
}

/// A background of `side` by `side` pixels.
pub fn background(random: &mut Random, side: usize) -> Canvas {
    let first = colour(random);
    let kind = random.unit();
    if kind < 0.55 {
        return Canvas { side, pixels: vec![first; side * side] };
    }
    let second = colour(random);
    let share: Box<dyn Fn(f32, f32) -> f32> = match kind {
        p if p < 0.70 => gradient(random),
        p if p < 0.78 => disc(random),
        p if p < 0.88 => stripes(random),
        p if p < 0.92 => checks(random),
        _ => clouds(random),
    };
    let unit = 1.0 / side as f32;
    let pixels = (0..side * side).map(|p| {
        let share = share((p % side) as f32 * unit, (p / side) as f32 * unit).clamp(0.0, 1.0);
        std::array::from_fn(|c| first[c] + (second[c] - first[c]) * share)
    });
    Canvas { side, pixels: pixels.collect() }
}

type Share = Box<dyn Fn(f32, f32) -> f32>;

fn gradient(random: &mut Random) -> Share {
    let (sin, cos) = random.range(0.0, std::f32::consts::TAU).sin_cos();
    Box::new(move |x, y| 0.5 + (x - 0.5) * cos + (y - 0.5) * sin)
}

fn disc(random: &mut Random) -> Share {
    let (cx, cy, r) = (random.unit(), random.unit(), random.range(0.2, 0.8));
    let soft = random.range(0.01, 0.5);
    Box::new(move |x, y| ((x - cx).hypot(y - cy) - r) / soft)
}

fn stripes(random: &mut Random) -> Share {
    let (sin, cos) = random.range(0.0, std::f32::consts::TAU).sin_cos();
    let count = random.range(2.0, 12.0);
    Box::new(move |x, y| ((x * cos + y * sin) * count * std::f32::consts::TAU).sin() * 4.0 + 0.5)
}

fn checks(random: &mut Random) -> Share {
    let count = random.range(2.0, 10.0);
    Box::new(move |x, y| (((x * count) as i32 + (y * count) as i32) % 2) as f32)
}

/// Smooth noise: random heights on a coarse grid, interpolated.
fn clouds(random: &mut Random) -> Share {
    let cells = 2 + random.below(10);
    let heights: Vec<f32> = (0..(cells + 1) * (cells + 1)).map(|_| random.unit()).collect();
    Box::new(move |x, y| {
        let (u, v) = (x * cells as f32, y * cells as f32);
        let (i, j) = ((u as usize).min(cells - 1), (v as usize).min(cells - 1));
        let (s, t) = (u - i as f32, v - j as f32);
        let at = |i: usize, j: usize| heights[j * (cells + 1) + i];
        let above = at(i, j) * (1.0 - s) + at(i + 1, j) * s;
        let below = at(i, j + 1) * (1.0 - s) + at(i + 1, j + 1) * s;
        above * (1.0 - t) + below * t
    })
}
