//! Preprocessing against real Pillow and timm, recorded by `tests/fixtures/preprocess.py`.
//!
//! No tolerance: the resize repeats Pillow's integer arithmetic, and the normalisation is three `f32`
//! operations that IEEE 754 defines to the last bit.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde::Deserialize;
use xception_web::preprocess::{Preprocess, RgbaView};

#[derive(Deserialize)]
struct Fixture {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    width: usize,
    height: usize,
    alpha: bool,
    preprocess: Preprocess,
    /// Of the whole output as little-endian `f32`.
    crc32: u32,
    /// The whole output as bytes, or three rows and columns of each channel.
    #[serde(flatten)]
    sample: Sample,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Sample {
    All { planes: String },
    Lines { lines: Vec<usize>, rows: String, columns: String },
}

fn cases() -> Vec<Case> {
    let fixture: Fixture = serde_json::from_str(include_str!("fixtures/preprocess.json")).unwrap();
    fixture.cases
}

/// The picture that `picture` in the generator draws.
fn picture(width: usize, height: usize, alpha: bool) -> Vec<u8> {
    let noise = |x: u32, y: u32, c: u32| {
        let mut h = x.wrapping_mul(73_856_093) ^ y.wrapping_mul(19_349_663);
        h ^= c.wrapping_mul(83_492_791);
        h = (h ^ (h >> 13)).wrapping_mul(0x5bd1_e995);
        (h ^ (h >> 15)) as u8
    };
    let mut rgba = Vec::with_capacity(width * height * 4);
    for y in 0..height as u32 {
        for x in 0..width as u32 {
            for c in 0..3 {
                rgba.push(match (x / 7 + y / 5) % 3 {
                    0 => noise(x, y, c),
                    1 => (x * 5 + y * 3 + c * 80) as u8,
                    _ => (((x / 3) ^ (y / 2)) & 1) as u8 * 255,
                });
            }
            rgba.push(match (x / 4 + y / 4) % 3 {
                _ if !alpha => 255,
                0 => 0,
                1 => 255,
                _ => noise(x, y, 3),
            });
        }
    }
    rgba
}

fn prepare(case: &Case, preprocess: &Preprocess) -> Vec<f32> {
    let rgba = picture(case.width, case.height, case.alpha);
    let view = RgbaView::new(&rgba, case.width, case.height).unwrap();
    preprocess.apply(view).unwrap()
}

fn unhex(hex: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

fn crc32(bytes: impl Iterator<Item = u8>) -> u32 {
    !bytes.fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    })
}

#[test]
fn the_crc_is_the_common_one() {
    assert_eq!(crc32(b"123456789".iter().copied()), 0xcbf4_3926);
}

#[test]
fn pixels_are_pillows() {
    for case in cases() {
        let size = case.preprocess.size;
        let bare = Preprocess { mean: [0.0; 3], std: [1.0; 3], ..case.preprocess.clone() };
        let bytes: Vec<u8> = prepare(&case, &bare).iter().map(|v| (v * 255.0).round() as u8).collect();
        let compare = |expected: &str, position: &dyn Fn(usize) -> usize, length: usize| {
            let expected = unhex(expected);
            assert_eq!(expected.len(), length, "{}", case.name);
            for (index, expected) in expected.into_iter().enumerate() {
                let at = position(index);
                let (c, y, x) = (at / size / size, at / size % size, at % size);
                assert!(
                    bytes[at] == expected,
                    "{}: {} instead of Pillow's {expected} at channel {c}, row {y}, column {x}",
                    case.name,
                    bytes[at]
                );
            }
        };
        match &case.sample {
            Sample::All { planes } => compare(planes, &|index| index, 3 * size * size),
            Sample::Lines { lines, rows, columns } => {
                let n = lines.len();
                let at = |c, y, x| (c * size + y) * size + x;
                let in_rows = |i: usize| at(i / size / n, lines[i / size % n], i % size);
                let in_columns = |i: usize| at(i / n / size, i / n % size, lines[i % n]);
                compare(rows, &in_rows, 3 * size * n);
                compare(columns, &in_columns, 3 * size * n);
            }
        }
    }
}

#[test]
fn floats_are_timms_to_the_last_bit() {
    for case in cases() {
        let values = prepare(&case, &case.preprocess);
        assert_eq!(values.len(), 3 * case.preprocess.size.pow(2));
        let crc = crc32(values.iter().flat_map(|value| value.to_le_bytes()));
        assert_eq!(crc, case.crc32, "{}", case.name);
    }
}

#[test]
fn colours_under_full_transparency_do_not_show() {
    let (width, height) = (31, 23);
    let rgba: Vec<u8> = picture(width, height, false)
        .chunks_exact(4)
        .flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 0])
        .collect();
    let view = RgbaView::new(&rgba, width, height).unwrap();
    let values = Preprocess::timm(17, 0.9).apply(view).unwrap();
    assert!(values.iter().all(|&value| value == 1.0));
}

#[test]
fn a_flat_picture_stays_flat() {
    for grey in [0, 1, 127, 128, 254, 255] {
        let rgba = [grey, grey, grey, 255].repeat(67 * 29);
        let view = RgbaView::new(&rgba, 67, 29).unwrap();
        for preprocess in [Preprocess::timm(31, 0.8975), Preprocess::keras(41)] {
            let expected = (f32::from(grey) / 255.0 - 0.5) / 0.5;
            let values = preprocess.apply(view).unwrap();
            assert!(values.iter().all(|&value| value == expected));
        }
    }
}

#[test]
fn a_line_of_a_million_pixels_is_cropped_without_resizing_all_of_it() {
    let length = 1_000_003;
    let rgba = picture(length, 1, false);
    // In full, the resized picture would have 299 rows of 299 million pixels.
    for (width, height) in [(length, 1), (1, length)] {
        let view = RgbaView::new(&rgba, width, height).unwrap();
        let values = Preprocess::timm(299, 1.0).apply(view).unwrap();
        assert_eq!(values.len(), 3 * 299 * 299);
    }
}
