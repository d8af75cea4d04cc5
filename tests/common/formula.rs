//! Numbers and pictures by a formula, which is written twice: here and in `tests/fixtures/formula.py`, which says
//! what it is.

use burn::tensor::{Device, Tensor, TensorData};

use super::SEED;

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

fn fnv1a64(text: &str) -> u64 {
    text.bytes()
        .fold(0xCBF2_9CE4_8422_2325, |value, byte| (value ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

fn splitmix64(x: u64) -> u64 {
    let x = x.wrapping_add(GOLDEN);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// Numbers from `lo` to `hi`.
pub fn uniform(key: &str, count: usize, lo: f64, hi: f64) -> Vec<f32> {
    let base = fnv1a64(key);
    (0..count as u64)
        .map(|i| {
            let hash = splitmix64(base.wrapping_add(i.wrapping_mul(GOLDEN)));
            let u = (hash >> 40) as f64 / f64::from(1 << 24);
            (lo + (hi - lo) * u) as f32
        })
        .collect()
}

/// An RGB picture, `[H, W, 3]`.
pub fn pixels(key: &str, [height, width]: [usize; 2]) -> Vec<u8> {
    let byte = |part: &str| {
        let base = fnv1a64(&format!("{key}/{part}"));
        move |i: usize| (splitmix64(base.wrapping_add((i as u64).wrapping_mul(GOLDEN))) >> 56) as usize
    };
    let (tint, coarse, fine) = (byte("tint"), byte("coarse"), byte("fine"));
    let cell = 5 + byte("cell")(0) % 32;
    let mut picture = Vec::with_capacity(height * width * 3);
    for y in 0..height {
        for x in 0..width {
            for c in 0..3 {
                let value =
                    (coarse(((y / cell) * 4096 + x / cell) * 3 + c) * 3 + fine((y * 4096 + x) * 3 + c)) / 4;
                picture.push((value * (64 + tint(c) * 3 / 4) / 255) as u8);
            }
        }
    }
    picture
}

/// Key of the picture whose file was classified.
pub fn picture_key() -> String {
    format!("file@{SEED}")
}

/// The first `batch` normalised pictures, `[batch, 3, H, W]`.
pub fn network_input([height, width]: [usize; 2], batch: usize, device: &Device) -> Tensor<4> {
    let mut values = Vec::with_capacity(batch * 3 * height * width);
    for b in 0..batch {
        let picture = pixels(&format!("picture{b}@{SEED}"), [height, width]);
        for c in 0..3 {
            values.extend(picture.iter().skip(c).step_by(3).map(|&v| (f64::from(v) / 127.5 - 1.0) as f32));
        }
    }
    Tensor::from_data(TensorData::new(values, [batch, 3, height, width]), device)
}
