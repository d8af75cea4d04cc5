//! What a camera and a screen do to a picture: light, lens, sensor, compression. Lengths are relative
//! to the picture's side, so that the same trouble can be had at any size.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageFormat};

use crate::draw::canvas::Canvas;
use crate::random::Random;

/// How bad the camera is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trouble {
    /// Chance of each kind of fault.
    pub chance: f32,
    /// Strength of each kind, 1 being what a poor webcam does.
    pub strength: f32,
}

/// Takes a photograph of `canvas`, off a screen or a sheet of paper.
pub fn photograph(random: &mut Random, canvas: &mut Canvas, trouble: Trouble) {
    let Trouble { chance, strength } = trouble;
    if random.chance(chance) {
        moire(random, canvas, 0.12 * strength);
    }
    if random.chance(chance) {
        light(random, canvas, 0.35 * strength);
    }
    if random.chance(0.6 * chance) {
        glare(random, canvas, 0.8 * strength);
    }
    if random.chance(chance) {
        defocus(random, canvas, 0.016 * strength);
    }
    if random.chance(0.5 * chance) {
        shake(random, canvas, 0.03 * strength);
    }
    if random.chance(chance) {
        grain(random, canvas, 0.09 * strength);
    }
    if random.chance(chance) {
        compress(random, canvas);
    }
}

fn each(canvas: &mut Canvas, mut change: impl FnMut(f32, f32, &mut [f32; 3])) {
    let (side, unit) = (canvas.side, 1.0 / canvas.side as f32);
    for (p, pixel) in canvas.pixels.iter_mut().enumerate() {
        let (x, y) = (((p % side) as f32 + 0.5) * unit, ((p / side) as f32 + 0.5) * unit);
        change(x, y, pixel);
        for v in pixel {
            *v = v.clamp(0.0, 1.0);
        }
    }
}

/// The beat between a screen's dots and a sensor's: two gratings, each colour a little apart.
fn moire(random: &mut Random, canvas: &mut Canvas, most: f32) {
    let amplitude = random.range(0.2, 1.0) * most;
    let gratings: [_; 2] = std::array::from_fn(|_| {
        let (sin, cos) = random.range(0.0, std::f32::consts::TAU).sin_cos();
        let waves = random.range(6.0, 45.0) * std::f32::consts::TAU;
        (cos * waves, sin * waves, random.range(0.0, 6.0), random.range(0.0, 2.0))
    });
    each(canvas, |x, y, pixel| {
        for (c, v) in pixel.iter_mut().enumerate() {
            for (a, b, phase, apart) in gratings {
                *v += amplitude * *v * (a * x + b * y + phase + apart * c as f32).sin();
            }
        }
    });
}

/// The lamp's colour, exposure and contrast, brighter on one side, darker towards the corners.
fn light(random: &mut Random, canvas: &mut Canvas, most: f32) {
    let gains: [f32; 3] = std::array::from_fn(|_| 1.0 + random.range(-0.6, 0.6) * most);
    let (lift, gamma) = (random.range(-0.1, 0.5) * most, (random.range(-1.0, 1.0) * most).exp());
    let (sin, cos) = random.range(0.0, std::f32::consts::TAU).sin_cos();
    let (slope, vignette) = (random.range(0.0, 1.2) * most, random.range(0.0, 1.2) * most);
    each(canvas, |x, y, pixel| {
        let (x, y) = (x - 0.5, y - 0.5);
        let shade = 1.0 + slope * (cos * x + sin * y) - vignette * (x * x + y * y);
        for (v, gain) in pixel.iter_mut().zip(gains) {
            *v = (v.max(0.0).powf(gamma) * gain * (1.0 - lift) + lift) * shade;
        }
    });
}

/// A lamp's reflection: a soft ellipse or a bar of white.
fn glare(random: &mut Random, canvas: &mut Canvas, most: f32) {
    let (cx, cy) = (random.unit(), random.unit());
    let (sin, cos) = random.range(0.0, std::f32::consts::TAU).sin_cos();
    let (long, wide) = (random.range(0.1, 0.6), random.range(0.04, 0.2));
    let strength = random.range(0.3, 1.0) * most;
    each(canvas, |x, y, pixel| {
        let (x, y) = (x - cx, y - cy);
        let (u, v) = ((cos * x + sin * y) / long, (cos * y - sin * x) / wide);
        let share = strength * (-(u * u + v * v)).exp();
        for c in pixel {
            *c += (1.0 - *c) * share;
        }
    });
}

/// Out of focus: two box blurs, which is nearly a Gaussian.
fn defocus(random: &mut Random, canvas: &mut Canvas, most: f32) {
    let reach = random.range(0.15, 1.0) * most * canvas.side as f32;
    for _ in 0..2 {
        for step in [[1, 0], [0, 1]] {
            smear(canvas, step, reach);
        }
    }
}

/// The hand moved: a blur along one line, here one of four.
fn shake(random: &mut Random, canvas: &mut Canvas, most: f32) {
    let reach = random.range(0.2, 1.0) * most * canvas.side as f32;
    let step = random.pick(&[[1, 0], [0, 1], [1, 1], [1, -1]]);
    smear(canvas, step, reach);
}

/// Mean over `reach` pixels on either side along `step`; the last one counts by the part that is reached.
fn smear(canvas: &mut Canvas, step: [isize; 2], reach: f32) {
    let side = canvas.side as isize;
    let whole = reach.floor() as isize;
    let part = reach - reach.floor();
    let before = canvas.pixels.clone();
    let total = 1.0 + 2.0 * reach;
    for y in 0..side {
        for x in 0..side {
            let mut sum = [0.0; 3];
            for k in -whole - 1..=whole + 1 {
                let weight = if k.abs() > whole { part } else { 1.0 };
                let (i, j) = ((y + k * step[1]).clamp(0, side - 1), (x + k * step[0]).clamp(0, side - 1));
                for c in 0..3 {
                    sum[c] += weight * before[(i * side + j) as usize][c];
                }
            }
            canvas.pixels[(y * side + x) as usize] = sum.map(|v| v / total);
        }
    }
}

/// A sensor in poor light: more noise in the dark.
fn grain(random: &mut Random, canvas: &mut Canvas, most: f32) {
    let amplitude = random.range(0.15, 1.0) * most;
    let colourful = random.range(0.3, 1.0);
    each(canvas, |_, _, pixel| {
        let normal = |random: &mut Random| random.unit() + random.unit() + random.unit() - 1.5;
        let shared = normal(random);
        for v in pixel {
            let own = normal(random);
            *v += amplitude * (1.3 - *v) * (shared + (own - shared) * colourful);
        }
    });
}

/// Through a JPEG file of low to middling quality.
fn compress(random: &mut Random, canvas: &mut Canvas) {
    let quality = 20 + random.below(60) as u8;
    let bytes: Vec<u8> = canvas.pixels.iter().flatten().map(|v| (v * 255.0).round() as u8).collect();
    let side = canvas.side as u32;
    let mut file = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut file, quality);
    // Pictures of this kind cannot fail to encode; one that did would simply stay uncompressed.
    if { encoder }.encode(&bytes, side, side, ExtendedColorType::Rgb8).is_err() {
        return;
    }
    let Ok(decoded) = image::load_from_memory_with_format(&file, ImageFormat::Jpeg) else { return };
    for (pixel, new) in canvas.pixels.iter_mut().zip(decoded.to_rgb8().pixels()) {
        *pixel = new.0.map(|v| f32::from(v) / 255.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photograph_depends_on_its_seed_alone_and_stays_in_bounds() {
        let blank = Canvas { side: 33, pixels: vec![[0.9, 0.4, 0.1]; 33 * 33] };
        for item in 0..20 {
            let take = || {
                let mut canvas = blank.clone();
                photograph(&mut Random::new(5, 0, item), &mut canvas, Trouble { chance: 0.7, strength: 1.0 });
                canvas
            };
            assert_eq!(take(), take());
            assert!(take().pixels.iter().flatten().all(|v| (0.0..=1.0).contains(v)));
        }
    }

    #[test]
    fn blurs_keep_a_plain_picture() {
        let mut canvas = Canvas { side: 9, pixels: vec![[0.5; 3]; 81] };
        smear(&mut canvas, [1, -1], 1.7);
        assert!(canvas.pixels.iter().flatten().all(|v| (v - 0.5).abs() < 1e-6));
    }
}
