//! A contact sheet: pictures with what the model said below each.

use font8x8::UnicodeFonts;
use image::{Rgb, RgbImage};

use crate::draw::canvas::Canvas;

/// Side of a picture on the sheet.
pub const TILE: usize = 112;
/// Side of a letter.
const LETTER: usize = 8;
/// A picture, two lines of text and air.
const ROW: usize = TILE + 2 * (LETTER + 2) + 6;
/// Air beside a picture.
const GAP: usize = 4;
/// Pictures side by side.
const COLUMNS: usize = 15;
const BLACK: Rgb<u8> = Rgb([20, 20, 20]);
const GREEN: Rgb<u8> = Rgb([0, 110, 40]);
const RED: Rgb<u8> = Rgb([190, 20, 20]);
const GREY: Rgb<u8> = Rgb([120, 120, 120]);

/// A picture that was shown, and what the model said.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The picture.
    pub canvas: Canvas,
    /// What it shows.
    pub label: String,
    /// The likeliest class.
    pub answer: String,
    /// Its score.
    pub score: f32,
    /// Whether the model claims to know.
    pub known: bool,
}

/// All that was shown, row by row: the truth in black; the answer below in green when it is right, in
/// red when it is wrong, in grey when the model says that it knows nothing of the kind.
pub fn sheet(shown: &[Shown]) -> RgbImage {
    let columns = COLUMNS.min(shown.len().max(1));
    let rows = shown.len().div_ceil(columns).max(1);
    let mut sheet = RgbImage::from_pixel((columns * (TILE + GAP)) as u32, (rows * ROW) as u32, Rgb([255; 3]));
    for (at, one) in shown.iter().enumerate() {
        let (left, top) = (at % columns * (TILE + GAP), at / columns * ROW);
        let side = one.canvas.side;
        for p in 0..TILE * TILE {
            let (x, y) = (p % TILE, p / TILE);
            let [r, g, b] = one.canvas.pixels[y * side / TILE * side + x * side / TILE];
            let pixel = Rgb([r, g, b].map(|v| (v * 255.0).round() as u8));
            sheet.put_pixel((left + x) as u32, (top + y) as u32, pixel);
        }
        let ink = match (one.known, one.answer == one.label) {
            (false, _) => GREY,
            (true, true) => GREEN,
            (true, false) => RED,
        };
        let said = format!("{:.0} {}", 100.0 * one.score, one.answer);
        write(&mut sheet, [left, top + TILE + 2], &one.label, BLACK);
        write(&mut sheet, [left, top + TILE + LETTER + 4], &said, ink);
    }
    sheet
}

/// One line, cut at the tile's edge; letters that the font lacks are left out.
fn write(sheet: &mut RgbImage, [left, top]: [usize; 2], text: &str, ink: Rgb<u8>) {
    for (at, letter) in text.chars().take(TILE / LETTER).enumerate() {
        for (y, row) in font8x8::BASIC_FONTS.get(letter).unwrap_or_default().iter().enumerate() {
            for x in (0..LETTER).filter(|x| row >> x & 1 == 1) {
                sheet.put_pixel((left + at * LETTER + x) as u32, (top + y) as u32, ink);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::canvas::Canvas;

    #[test]
    fn answers_are_green_when_right_red_when_wrong_and_grey_when_not_known() {
        let canvas = Canvas { side: 16, pixels: vec![[1.0; 3]; 256] };
        for (answer, known, ink) in [("cat", true, GREEN), ("dog", true, RED), ("cat", false, GREY)] {
            let shown = Shown {
                canvas: canvas.clone(),
                label: "cat".into(),
                answer: answer.into(),
                score: 0.5,
                known,
            };
            let sheet = sheet(&vec![shown; COLUMNS + 1]);
            assert_eq!(sheet.dimensions(), ((COLUMNS * (TILE + GAP)) as u32, 2 * ROW as u32));
            for other in [GREEN, RED, GREY] {
                assert_eq!(sheet.pixels().any(|pixel| *pixel == other), other == ink);
            }
        }
    }
}
