//! What a unit of a product makes, by the kind of adapter and the product's shape.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::LANES;
use super::kernels::Tile;
use crate::kernels::PANEL;

/// Pixels; vectors of four output channels; and numbers of a pixel that are taken at a time, one or, where its channels
/// divide so, four.
pub type Sides = [usize; 3];

/// Tiles that can be measured.
pub const TILES: [Sides; 10] = [
    [2, 1, 4],
    [4, 1, 4],
    [8, 1, 4],
    [4, 2, 4],
    [8, 2, 4],
    [4, 4, 4],
    [8, 4, 4],
    [8, 4, 1],
    [12, 4, 4],
    [12, 4, 1],
];

/// A CPU has no use for many units, and reads least with large tiles: of 361 pixels with 728 channels, SwiftShader makes
/// twice as many products a second by 12×4 as by 8×4, and seven times as many as by 1×2.
const SOFTWARE_TILE: Sides = [12, 4, 1];
/// Its compiler takes a third of a second for a shader of the tile above, more than the few layers of whole windows, at
/// the network's beginning, could win back.
const SOFTWARE_WINDOWS: Sides = [12, 1, 1];
/// A GPU needs units more than anything else.
const HARDWARE_TILE: Sides = [4, 2, 4];
/// Of single channels, where they do not divide by four: right, and rarely met.
const NARROW_TILE: Sides = [4, 4, 1];

/// What a product sums up for each of its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Product {
    /// The pixel's channels: nearly all of the arithmetic.
    Points,
    /// Those of its 3×3 window.
    Windows,
}

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

/// Pixels and channels that a unit of most products makes.
pub fn tile_of_adapter() -> [usize; 2] {
    let [rows, columns, _] = if SOFTWARE.load(Ordering::Relaxed) { SOFTWARE_TILE } else { HARDWARE_TILE };
    [rows, columns * LANES]
}

/// The tile for `pixels` rows of `inputs` channels, with outputs in vectors of `lanes`; and in what vectors the pixels
/// are taken.
pub(super) fn tile(product: Product, pixels: usize, inputs: usize, lanes: usize) -> (Tile, usize) {
    let given = GIVEN.lock().ok().and_then(|given| *given);
    let [rows, columns, taken] = match (given, lanes, SOFTWARE.load(Ordering::Relaxed)) {
        (Some(tile), ..) => tile,
        (None, 1, _) => NARROW_TILE,
        (None, _, true) if product == Product::Windows => SOFTWARE_WINDOWS,
        (None, _, true) => SOFTWARE_TILE,
        (None, _, false) => HARDWARE_TILE,
    };
    // A single pixel, as the classifier's, has no use for more rows.
    let [rows, columns] = if pixels == 1 { [1, 1] } else { [rows, columns] };
    let taken = if inputs.is_multiple_of(taken) { taken } else { 1 };
    (Tile { rows, columns, panel: PANEL / lanes }, taken)
}
