//! What a unit of a product makes, by the kind of adapter and the product's shape.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::LANES;

/// What one unit of a product makes, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tile {
    /// Pixels that a unit makes.
    pub rows: usize,
    /// Vectors of output channels that it makes of each.
    pub columns: usize,
    /// Numbers of a pixel that are taken at a time: one, or, where its channels divide so, four.
    pub taken: usize,
    /// Units that sum up a tile together, each a part of its products.
    pub splits: usize,
    /// Steps whose numbers are read before the first of them is used.
    pub ahead: usize,
    /// Units of a workgroup: 256 at most by WebGPU's default limits, whose 16 KiB must hold the sums where tiles are
    /// shared.
    pub units: usize,
}

impl Tile {
    /// By one unit, step by step.
    pub const fn new(rows: usize, columns: usize, taken: usize) -> Self {
        Self { rows, columns, taken, splits: 1, ahead: 1, units: UNITS }
    }

    const fn shared(self, splits: usize, ahead: usize, units: usize) -> Self {
        Self { splits, ahead, units, ..self }
    }

    /// Tiles that a workgroup makes side by side, in pixels and in channels: neighbours share what they read.
    pub(super) const fn group(self) -> [usize; 2] {
        let tiles = self.units / self.splits;
        let across = if tiles >= 32 { 8 } else { 4 };
        [tiles / across, across]
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, columns, taken, splits, ahead, units } = self;
        write!(f, "{rows}×{columns}/{taken} {splits}+{ahead} {units}")
    }
}

/// Units of a workgroup where it does not matter.
pub(super) const UNITS: usize = 64;

/// Tiles that can be measured.
pub const TILES: [Tile; 14] = [
    Tile::new(4, 2, 4),
    Tile::new(8, 1, 4),
    Tile::new(8, 1, 4).shared(1, 4, 64),
    Tile::new(8, 1, 4).shared(1, 4, 256),
    Tile::new(8, 1, 4).shared(2, 4, 128),
    Tile::new(8, 1, 4).shared(4, 2, 128),
    Tile::new(8, 1, 4).shared(4, 4, 128),
    Tile::new(8, 1, 4).shared(8, 4, 64),
    Tile::new(4, 1, 4).shared(4, 4, 256),
    Tile::new(4, 1, 4).shared(8, 2, 128),
    Tile::new(4, 2, 4).shared(8, 2, 128),
    Tile::new(8, 2, 4).shared(1, 4, 64),
    Tile::new(8, 4, 1),
    Tile::new(12, 4, 1),
];

/// A CPU has no use for many units, and reads least with large tiles: of 361 pixels with 728 channels, SwiftShader makes
/// twice as many products a second by 12×4 as by 8×4, and seven times as many as by 1×2.
const SOFTWARE_TILE: Tile = Tile::new(12, 4, 1);
/// Its compiler takes a third of a second for a shader of the tile above, more than the few layers of whole windows, at
/// the network's beginning, could win back.
const SOFTWARE_WINDOWS: Tile = Tile::new(12, 1, 1);
/// A GPU waits for its memory unless much is asked for at once, and has units to spare: on an NVIDIA H200 the paper's
/// network takes 2.1 ms by this tile, 4.8 if no tile is shared and 9.0 if nothing is read ahead either.
const HARDWARE_TILE: Tile = Tile::new(8, 1, 4).shared(4, 4, 128);
/// Of single channels, where they do not divide by four: right, and rarely met.
const NARROW_TILE: Tile = Tile::new(4, 4, 1);

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
static GIVEN: Mutex<Option<Tile>> = Mutex::new(None);

/// Tells what is known of the adapter, before anything runs on it.
pub fn set_software(software: bool) {
    SOFTWARE.store(software, Ordering::Relaxed);
}

/// Has every product use this tile instead of the table's, to measure what the table should say.
pub fn set_tile(tile: Option<Tile>) {
    if let Ok(mut given) = GIVEN.lock() {
        *given = tile;
    }
}

/// Pixels and channels that a unit of most products makes.
pub fn tile_of_adapter() -> [usize; 2] {
    let tile = if SOFTWARE.load(Ordering::Relaxed) { SOFTWARE_TILE } else { HARDWARE_TILE };
    [tile.rows, tile.columns * LANES]
}

/// The tile for `pixels` of `inputs` channels, with outputs in vectors of `lanes`.
pub(super) fn tile(product: Product, pixels: usize, inputs: usize, lanes: usize) -> Tile {
    let given = GIVEN.lock().ok().and_then(|given| *given);
    let mut tile = match (given, lanes, SOFTWARE.load(Ordering::Relaxed)) {
        (Some(tile), ..) => tile,
        (None, 1, _) => NARROW_TILE,
        (None, _, true) if product == Product::Windows => SOFTWARE_WINDOWS,
        (None, _, true) => SOFTWARE_TILE,
        (None, ..) => HARDWARE_TILE,
    };
    // A single pixel, as the classifier's, has no use for more rows.
    if pixels == 1 {
        (tile.rows, tile.columns) = (1, 1);
    }
    // The few plain convolutions have pixels enough.
    if product == Product::Windows {
        tile = Tile::new(tile.rows, tile.columns, tile.taken);
    }
    if !inputs.is_multiple_of(tile.taken) {
        tile.taken = 1;
    }
    tile
}
