//! For engines that compile a function well only once it has run for a while, as those of WebAssembly do.

use super::conv::{Act, Conv, Rows, Windows};
use super::pack::{Weights, packed_len};
use super::pool::{MaxPool, max_pool, mean};
use super::run::conv;

/// Times that each kernel runs: V8, the most patient of the engines, compiles a function after about a third
/// of these, a few milliseconds in all.
const TURNS: usize = 12;

/// Pixels, channels and output channels of what it runs on.
const SIDES: [usize; 2] = [8, 6];
const CHANNELS: usize = 256;
const OUTPUTS: usize = 128;

/// Runs the kernels on nothing that matters, so that the engine compiles them while the model is still on its
/// way and not while the first picture waits.
pub fn warm_up() {
    let [h, w] = SIDES;
    let shape = [1, h, w, CHANNELS];
    let input = vec![0.0; h * w * CHANNELS];
    let weights = vec![0.0; packed_len(OUTPUTS, CHANNELS)];
    let bias = vec![0.0; OUTPUTS];
    let halved = Windows { stride: 2, before: [1, 1], output: [h.div_ceil(2), w.div_ceil(2)] };
    let bridge = vec![0.0; halved.output[0] * halved.output[1] * CHANNELS];
    for _ in 0..TURNS {
        // All kinds of convolution are one function for the engine.
        conv(&Conv {
            input: &input,
            shape,
            lead: Act::None,
            windows: Windows { stride: 1, before: [0, 0], output: SIDES },
            rows: Rows::Points,
            weights: Weights::F32(&weights),
            bias: &bias,
            residual: None,
            act: Act::None,
        });
        max_pool(&MaxPool { input: &input, shape, windows: halved, bridge: &bridge });
        mean(&input, shape);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_it_runs_on_fits_together() {
        super::warm_up();
    }
}
