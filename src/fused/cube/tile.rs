//! What a unit of a product makes, by the kind of adapter and the product's shape.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::kernels::Tile;
use crate::kernels::PANEL;

/// Pixels by vectors of four output channels.
type Sides = [usize; 2];

/// Tiles that were measured.
pub const TILES: [Sides; 9] = [[2, 1], [4, 1], [8, 1], [2, 2], [4, 2], [8, 2], [4, 4], [8, 4], [12, 4]];

/// A CPU has no use for many units, and reads least with large tiles: of 361 pixels with 728 channels, SwiftShader makes
/// twice as many products a second by 12×4 as by 8×4, and seven times as many as by 1×2.
const SOFTWARE_TILE: Sides = [12, 4];
/// A GPU needs units more than anything else.
const HARDWARE_TILE: Sides = [4, 2];
/// Of single channels, where they do not divide by four: right, and rarely met.
const NARROW_TILE: Sides = [4, 4];

/// Whether the adapter is itself a CPU; one adapter is brought up per process.
static SOFTWARE: AtomicBool = AtomicBool::new(false);
/// What is used instead of the table.
static GIVEN: Mutex<Option<Sides>> = Mutex::new(None);

/// Tells what is known of the adapter, before anything runs on it.
pub fn set_software(software: bool) {
    SOFTWARE.store(software, Ordering::Relaxed);
}

/// Has every product use this tile instead of the table's, to measure what the table should say.
pub fn set_tile(tile: Option<Sides>) {
    if let Ok(mut given) = GIVEN.lock() {
        *given = tile;
    }
}

/// The tile for `pixels` rows in vectors of `lanes`.
pub(super) fn tile(pixels: usize, lanes: usize) -> Tile {
    let given = GIVEN.lock().ok().and_then(|given| *given);
    let [rows, columns] = match (given, lanes, SOFTWARE.load(Ordering::Relaxed)) {
        (Some(tile), ..) => tile,
        (None, 1, _) => NARROW_TILE,
        (None, _, true) => SOFTWARE_TILE,
        (None, _, false) => HARDWARE_TILE,
    };
    // A single pixel, as the classifier's, has no use for more rows.
    let [rows, columns] = if pixels == 1 { [1, 1] } else { [rows, columns] };
    Tile { rows, columns, panel: PANEL / lanes }
}

/// Numbers of a pixel that a product takes at a time, of as many as `lanes` divide its channels. With four, the loop's
/// body is four times as long: a GPU loads less often, a CPU gains nothing, and takes a second to compile each.
pub(super) fn taken(lanes: usize) -> usize {
    if SOFTWARE.load(Ordering::Relaxed) { 1 } else { lanes }
}
