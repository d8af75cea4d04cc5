//! Every kernel in every shape that the paper's network has at 299×299, natively:
//!
//! ```sh
//! cargo bench --bench kernels                 # all, in one thread
//! cargo bench --bench kernels -- middle       # some, by name
//! cargo bench --bench kernels -- --test       # each once, without the clock
//! ```

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use xception_web::kernels::{
    Act, Conv, MaxPool, PackedQ8, Residual, Rows, TAPS, Weights, conv, max_pool, mean, pack, pack_q8,
    set_threads,
};

/// How a convolution's rows are made.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// The stem: 3×3 without padding.
    Plain,
    /// Around a block: 1×1 with stride 2.
    Bridge,
    /// Separable 3×3.
    Separable,
}

/// A convolution of the network: its name, kind, side of the input, channels in and out, stride.
type Shape = (&'static str, Kind, usize, [usize; 2], usize);

const SHAPES: [Shape; 17] = [
    ("stem.0", Kind::Plain, 299, [3, 32], 2),
    ("stem.1", Kind::Plain, 149, [32, 64], 1),
    ("entry.0.bridge", Kind::Bridge, 147, [64, 128], 2),
    ("entry.0.unit.0", Kind::Separable, 147, [64, 128], 1),
    ("entry.0.unit.1", Kind::Separable, 147, [128, 128], 1),
    ("entry.1.bridge", Kind::Bridge, 74, [128, 256], 2),
    ("entry.1.unit.0", Kind::Separable, 74, [128, 256], 1),
    ("entry.1.unit.1", Kind::Separable, 74, [256, 256], 1),
    ("entry.2.bridge", Kind::Bridge, 37, [256, 728], 2),
    ("entry.2.unit.0", Kind::Separable, 37, [256, 728], 1),
    ("entry.2.unit.1", Kind::Separable, 37, [728, 728], 1),
    ("middle", Kind::Separable, 19, [728, 728], 1),
    ("exit.bridge", Kind::Bridge, 19, [728, 1024], 2),
    ("exit.unit.1", Kind::Separable, 19, [728, 1024], 1),
    ("tail.0", Kind::Separable, 10, [1024, 1536], 1),
    ("tail.1", Kind::Separable, 10, [1536, 2048], 1),
    ("head", Kind::Bridge, 1, [2048, 1000], 1),
];

/// Side and channels of what the max-pools halve.
const POOLS: [[usize; 2]; 4] = [[147, 128], [74, 256], [37, 728], [19, 1024]];

/// Numbers in −1 … 1 that look like noise.
fn noise(len: usize) -> Vec<f32> {
    let mut state = 2_463_534_242_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / u32::MAX as f32 * 2.0 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

fn convolutions(criterion: &mut Criterion) {
    set_threads(1);
    for (name, kind, side, [channels, outputs], stride) in SHAPES {
        let (taps, padding) = match kind {
            Kind::Plain => (TAPS, 0),
            Kind::Bridge => (1, 0),
            Kind::Separable => (1, 1),
        };
        let depth = taps * channels;
        let input = noise(side * side * channels);
        let (kernel, bias) = (noise(outputs * depth), noise(outputs));
        let (depthwise, between) = (noise(TAPS * channels), Act::None);
        let rows = match kind {
            Kind::Plain => Rows::Windows { stride, before: [padding; 2] },
            Kind::Bridge => Rows::Points { stride },
            Kind::Separable => {
                Rows::Depthwise { kernel: &depthwise, bias: None, stride, before: [padding; 2], between }
            }
        };
        let window = if kind == Kind::Bridge { 1 } else { 3 };
        let output = [(side + 2 * padding - window) / stride + 1; 2];
        // As at the end of the middle flow's blocks.
        let identity = noise(output[0] * output[1] * outputs);
        let residual = (name == "middle").then_some(Residual { values: &identity, scale: None });
        let plain = pack(&kernel, outputs, depth);
        let PackedQ8 { values, scales, sums } = pack_q8(&kernel, outputs, depth);
        let q8 = Weights::Q8 { values: &values, scales: &scales, sums: &sums };
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements((output[0] * output[1] * depth * outputs) as u64));
        for (precision, weights) in [("f32", Weights::F32(&plain)), ("q8", q8)] {
            let shape = [1, side, side, channels];
            let (lead, act, bias, input) = (Act::None, Act::Relu, &bias[..], &input[..]);
            let given = Conv { input, shape, lead, rows, output, weights, bias, residual, act };
            group.bench_function(precision, |bencher| bencher.iter(|| conv(&given)));
        }
    }
}

fn pools(criterion: &mut Criterion) {
    set_threads(1);
    for [side, channels] in POOLS {
        let half = side.div_ceil(2);
        let (input, bridge) = (noise(side * side * channels), noise(half * half * channels));
        let (shape, output, before) = ([1, side, side, channels], [half; 2], [side % 2; 2]);
        let given = MaxPool { input: &input, shape, output, before, bridge: &bridge };
        criterion.bench_function(&format!("pool.{side}"), |bencher| bencher.iter(|| max_pool(&given)));
    }
    let input = noise(10 * 10 * 2048);
    criterion.bench_function("mean", |bencher| bencher.iter(|| mean(&input, [1, 10, 10, 2048])));
}

criterion_group!(kernels, convolutions, pools);
criterion_main!(kernels);
