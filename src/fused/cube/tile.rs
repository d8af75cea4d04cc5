//! What a unit of a product makes, by the kind of adapter and the product's shape.

use std::sync::atomic::{AtomicBool, Ordering};

use super::kernels::Tile;
use crate::kernels::PANEL;

/// Whether the adapter is itself a CPU; one adapter is brought up per process.
static SOFTWARE: AtomicBool = AtomicBool::new(false);

/// Tells what is known of the adapter, before anything runs on it.
pub fn set_software(software: bool) {
    SOFTWARE.store(software, Ordering::Relaxed);
}

/// Whether the adapter is itself a CPU.
pub(super) fn is_software() -> bool {
    SOFTWARE.load(Ordering::Relaxed)
}

/// Pixels by vectors of four output channels. A CPU has no use for many units, and reads least with large tiles: of
/// 361 pixels with 728 channels, SwiftShader makes twice as many products a second by 12×4 as by 8×4, and seven times as
/// many as by 1×2. A GPU needs units more than anything else.
const SOFTWARE_TILE: [usize; 2] = [12, 4];
const HARDWARE_TILE: [usize; 2] = [4, 2];
/// Of single channels, where they do not divide by four: right, and rarely met.
const NARROW_TILE: [usize; 2] = [4, 4];

/// The tile for `pixels` rows in vectors of `lanes`.
pub(super) fn tile(pixels: usize, lanes: usize) -> Tile {
    let [rows, columns] = match (lanes, is_software()) {
        (1, _) => NARROW_TILE,
        (_, true) => SOFTWARE_TILE,
        (_, false) => HARDWARE_TILE,
    };
    // A single pixel, as the classifier's, has no use for more rows.
    let [rows, columns] = if pixels == 1 { [1, 1] } else { [rows, columns] };
    Tile { rows, columns, panel: PANEL / lanes }
}
