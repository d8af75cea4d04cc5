//! Redraws a layer in other manners: outlined, flat, as line art. Icon sets differ in these far more
//! than in what they show.

use crate::draw::canvas::Layer;
use crate::random::Random;

/// Perhaps changes the manner of `layer`.
pub fn restyle(random: &mut Random, layer: &mut Layer) {
    match random.unit() {
        p if p < 0.52 => {}
        p if p < 0.64 => outline(random, layer),
        p if p < 0.82 => draw_edges(random, layer, Fill::Keep),
        p if p < 0.87 => draw_edges(random, layer, Fill::White),
        p if p < 0.92 => draw_edges(random, layer, Fill::None),
        p if p < 0.95 => silhouette(random, layer),
        _ => shadow(random, layer),
    }
}

/// What becomes of the area between drawn edges.
#[derive(Clone, Copy, PartialEq)]
enum Fill {
    Keep,
    White,
    None,
}

fn dark(random: &mut Random) -> [f32; 3] {
    if random.chance(0.7) { [0.0; 3] } else { std::array::from_fn(|_| random.range(0.0, 0.35)) }
}

/// A dark or white rim around the shape.
fn outline(random: &mut Random, layer: &mut Layer) {
    let ink = if random.chance(0.25) { [1.0; 3] } else { dark(random) };
    let mut alpha: Vec<f32> = layer.pixels.iter().map(|p| p[3]).collect();
    for _ in 0..1 + random.below(2) {
        alpha = grown(&alpha, layer.side);
    }
    under(layer, &alpha, ink, 1.0);
}

/// Strokes where colour or alpha change, over flattened fills.
fn draw_edges(random: &mut Random, layer: &mut Layer, fill: Fill) {
    let side = layer.side;
    let ink = dark(random);
    let (low, high) = (random.range(0.12, 0.35), random.range(0.45, 0.9));
    let mut edge = edges(layer);
    for e in &mut edge {
        *e = ((*e - low) / (high - low)).clamp(0.0, 1.0);
    }
    if random.chance(0.4) {
        edge = grown(&edge, side);
    }
    let levels = if random.chance(0.5) { random.range(2.0, 6.0) } else { 0.0 };
    let (lift, keep) = (random.range(0.0, 0.5), random.range(0.4, 1.0));
    for (p, &e) in layer.pixels.iter_mut().zip(&edge) {
        let a = p[3];
        for c in 0..3 {
            let mut value = match fill {
                Fill::Keep if levels > 0.0 => {
                    (p[c] * levels).round() / levels * keep + lift * a * (1.0 - keep)
                }
                Fill::Keep => p[c],
                Fill::White => a,
                Fill::None => 0.0,
            };
            value = value.clamp(0.0, 1.0);
            p[c] = ink[c] * e + value * (1.0 - e);
        }
        let a = if fill == Fill::None { 0.0 } else { a };
        p[3] = e + a * (1.0 - e);
        for c in 0..3 {
            p[c] = p[c].min(p[3]);
        }
    }
}

/// One flat colour.
fn silhouette(random: &mut Random, layer: &mut Layer) {
    let ink = dark(random);
    for p in &mut layer.pixels {
        for c in 0..3 {
            p[c] = ink[c] * p[3];
        }
    }
}

/// The shape again, moved, grey and soft, below.
fn shadow(random: &mut Random, layer: &mut Layer) {
    let side = layer.side as isize;
    let (dx, dy) = (random.below(7) as isize - 3, random.below(5) as isize);
    let alpha: Vec<f32> = (0..side * side)
        .map(|p| {
            let (x, y) = (p % side - dx, p / side - dy);
            let inside = x >= 0 && y >= 0 && x < side && y < side;
            if inside { layer.pixels[(y * side + x) as usize][3] } else { 0.0 }
        })
        .collect();
    under(layer, &alpha, [0.0; 3], random.range(0.2, 0.6));
}

/// Puts `ink` below the layer wherever `alpha` says.
fn under(layer: &mut Layer, alpha: &[f32], ink: [f32; 3], opacity: f32) {
    for (p, &a) in layer.pixels.iter_mut().zip(alpha) {
        let below = a * opacity * (1.0 - p[3]);
        for c in 0..3 {
            p[c] += ink[c] * below;
        }
        p[3] += below;
    }
}

/// Each pixel becomes the largest of itself and its four neighbours.
fn grown(values: &[f32], side: usize) -> Vec<f32> {
    let mut result = values.to_vec();
    for y in 0..side {
        for x in 0..side {
            let p = y * side + x;
            let mut most = values[p];
            if x > 0 {
                most = most.max(values[p - 1]);
            }
            if x + 1 < side {
                most = most.max(values[p + 1]);
            }
            if y > 0 {
                most = most.max(values[p - side]);
            }
            if y + 1 < side {
                most = most.max(values[p + side]);
            }
            result[p] = most;
        }
    }
    result
}

/// How much each pixel differs from its right and lower neighbours, in colour and alpha.
fn edges(layer: &Layer) -> Vec<f32> {
    let side = layer.side;
    let mut result = vec![0.0; side * side];
    for y in 0..side - 1 {
        for x in 0..side - 1 {
            let p = y * side + x;
            let here = &layer.pixels[p];
            let (right, below) = (&layer.pixels[p + 1], &layer.pixels[p + side]);
            let (mut across, mut down) = (0.0, 0.0);
            for c in 0..4 {
                across += (here[c] - right[c]).powi(2);
                down += (here[c] - below[c]).powi(2);
            }
            result[p] = (across + down).sqrt();
        }
    }
    result
}
