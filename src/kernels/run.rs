//! Runs a convolution: how its output is shared out among threads.

use super::conv::Conv;
use super::isa;
use super::threads::parallel;

/// Pixels per block: their rows stay in the second-level cache while all weights pass by.
const BLOCK: usize = 48;
/// The smallest block: whole tiles of every instruction set, 4 and 6 pixels on x86-64, 2 and 4 elsewhere, and
/// enough of them to be worth reading all weights.
const GRAIN: usize = if cfg!(target_arch = "x86_64") { 12 } else { 8 };

/// Runs it; the result is `[B, H', W', C']`.
pub fn conv(conv: &Conv<'_>) -> Vec<f32> {
    conv.check();
    let [rows, columns] = conv.windows.output;
    let pixels = conv.shape[0] * rows * columns;
    let outputs = conv.bias.len();
    // SAFETY: a block writes all outputs of its pixels.
    unsafe {
        parallel(pixels, outputs, GRAIN..BLOCK, |first, result: &mut [_]| isa::block(conv, first, result))
    }
}
