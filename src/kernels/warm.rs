//! For engines that compile a function well only once it has run for a while, as those of WebAssembly do.

use super::pack::{Weights, packed_len};
use super::{Act, Conv, MaxPool, Rows, conv, max_pool, mean};

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
    let output = [h.div_ceil(2), w.div_ceil(2)];
    let bridge = vec![0.0; output[0] * output[1] * CHANNELS];
    for _ in 0..TURNS {
        // All kinds of convolution are one function for the engine.
        conv(&Conv {
            input: &input,
            shape,
            lead: Act::None,
            rows: Rows::Points { stride: 1 },
            output: SIDES,
            weights: Weights::F32(&weights),
            bias: &bias,
            residual: None,
            act: Act::None,
        });
        max_pool(&MaxPool { input: &input, shape, output, before: [1, 1], bridge: &bridge });
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
