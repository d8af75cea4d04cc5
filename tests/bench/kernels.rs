//! Every kernel in every shape that the paper's network has at 299×299, natively, in one thread:
//!
//! ```sh
//! cargo bench --bench kernels                 # all
//! cargo bench --bench kernels -- middle       # some, by name
//! cargo test --release --bench kernels        # each once, without the clock
//! ```
//!
//! NOTE: a loop of its own instead of criterion, one of whose dependencies turns on a feature that Burn's share: all
//! of them would be compiled twice, once for tests and once for the command line.

mod noise;
mod shapes;

use std::hint::black_box;
use std::time::{Duration, Instant};

use shapes::{Kind, POOLS, SHAPES};
use xception_web::kernels::{
    Act, Conv, MaxPool, PackedQ8, Residual, Rows, TAPS, Weights, Windows, conv, max_pool, mean, pack,
    pack_q8, set_threads,
};

/// How long each kernel is timed, and how often at least.
const PATIENCE: Duration = Duration::from_millis(500);
const RUNS: usize = 5;

/// Times what `cargo bench` was asked for; runs it once under `cargo test`.
struct Bench {
    timed: bool,
    names: Vec<String>,
}

impl Bench {
    fn from_args() -> Self {
        let (flags, names): (Vec<_>, Vec<_>) =
            std::env::args().skip(1).partition(|arg| arg.starts_with("--"));
        Self { timed: flags.iter().any(|flag| flag == "--bench"), names }
    }

    /// `macs`: multiply-adds of one run.
    fn run(&self, name: &str, macs: usize, run: impl Fn() -> Vec<f32>) {
        if !self.names.is_empty() && !self.names.iter().any(|part| name.contains(part)) {
            return;
        }
        assert!(run().iter().all(|x| x.is_finite()), "{name} gave a number that is not finite");
        if !self.timed {
            return;
        }
        let (begin, mut times) = (Instant::now(), Vec::new());
        while times.len() < RUNS || begin.elapsed() < PATIENCE {
            let start = Instant::now();
            black_box(run());
            times.push(start.elapsed());
        }
        times.sort();
        let median = times[times.len() / 2].as_secs_f64();
        println!("{name:20} {:9.3} ms {:7.1} GFLOP/s", 1e3 * median, 2e-9 * macs as f64 / median);
    }
}

/// Which numbers they are makes no difference to the time.
fn noise(len: usize) -> Vec<f32> {
    noise::noise(len, 1)
}

fn convolutions(bench: &Bench) {
    for (name, kind, side, [channels, outputs], stride) in SHAPES {
        let (taps, padding) = match kind {
            Kind::Plain => (TAPS, 0),
            Kind::Bridge => (1, 0),
            Kind::Separable => (1, 1),
        };
        let depth = taps * channels;
        let input = noise(side * side * channels);
        let (kernel, bias) = (noise(outputs * depth), noise(outputs));
        let (depthwise, shifts, between) = (noise(TAPS * channels), noise(channels), Act::None);
        let rows = match kind {
            Kind::Plain => Rows::Windows,
            Kind::Bridge => Rows::Points,
            Kind::Separable => Rows::Depthwise { kernel: &depthwise, bias: &shifts, between },
        };
        let window = if kind == Kind::Bridge { 1 } else { 3 };
        let output = [(side + 2 * padding - window) / stride + 1; 2];
        let windows = Windows { stride, before: [padding; 2], output };
        // As at the end of the middle flow's blocks.
        let identity = noise(output[0] * output[1] * outputs);
        let residual = (name == "middle").then_some(Residual { values: &identity, scale: None });
        let plain = pack(&kernel, outputs, depth);
        let PackedQ8 { values, scales, sums } = pack_q8(&kernel, outputs, depth);
        let q8 = Weights::Q8 { values: &values, scales: &scales, sums: &sums };
        let macs = output[0] * output[1] * depth * outputs;
        for (precision, weights) in [("f32", Weights::F32(&plain)), ("q8", q8)] {
            let shape = [1, side, side, channels];
            let (lead, act, bias, input) = (Act::None, Act::Relu, &bias[..], &input[..]);
            let given = Conv { input, shape, lead, windows, rows, weights, bias, residual, act };
            bench.run(&format!("{name} {precision}"), macs, || conv(&given));
        }
    }
}

fn pools(bench: &Bench) {
    for [side, channels] in POOLS {
        let half = side.div_ceil(2);
        let (input, bridge) = (noise(side * side * channels), noise(half * half * channels));
        let (shape, windows) =
            ([1, side, side, channels], Windows { stride: 2, before: [side % 2; 2], output: [half; 2] });
        let given = MaxPool { input: &input, shape, windows, bridge: &bridge };
        bench.run(&format!("pool.{side}"), 0, || max_pool(&given));
    }
    let input = noise(10 * 10 * 2048);
    bench.run("mean", 0, || mean(&input, [1, 10, 10, 2048]));
}

fn main() {
    set_threads(1);
    let bench = Bench::from_args();
    convolutions(&bench);
    pools(&bench);
}
