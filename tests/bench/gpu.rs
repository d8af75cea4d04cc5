//! Every convolution of the paper's network at 299×299 on a GPU, natively, the whole of it for several pictures at once,
//! and what the tiles of the table are chosen by:
//!
//! ```sh
//! cargo bench --features webgpu --bench gpu                      # by the tiles of the table
//! cargo bench --features webgpu --bench gpu -- --tiles middle    # by each tile, some shapes by name
//! cargo test --release --features webgpu --bench gpu             # each once, without the clock
//! ```
//!
//! Kernels are queued until they take a while and waited for together, as those of a picture are, and find their weights
//! in the GPU's cache, which those of the whole network are too many for. Of a separable convolution the whole is timed
//! and its pointwise half alone; GFLOP/s count the pointwise half.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod noise;
mod shapes;

use std::time::{Duration, Instant};

use burn::backend::Dispatch;
use burn::tensor::{Device, Tensor, TensorData};
use noise::noise;
use shapes::{Kind, SHAPES};
use xception_web::backend::{Backend, BackendKind};
use xception_web::fused::ops::{ConvInput, FusedOps, Geometry, ResidualInput, RowsInput, WeightsInput};
use xception_web::fused::{Fused, Precision, TILES, Tile, set_tile};
use xception_web::kernels::{Act, TAPS, pack};
use xception_web::model::{Dialect, Planes, Window, XceptionConfig};
use xception_web::preprocess::Preprocess;
use xception_web::weights::ModelFile;

/// How long each kernel is timed at least, in how many goes, the best of which counts.
const PATIENCE: Duration = Duration::from_millis(50);
const GOES: usize = 3;
/// Pictures in one run of the whole network.
const BATCHES: [usize; 3] = [1, 4, 16];
/// Runs of it, the median of which counts, after as many as it takes until its launches are recorded.
const RUNS: usize = 20;
const RECORDED: usize = 3;

/// A convolution with all its tensors on the GPU.
struct Given {
    input: ConvInput<Dispatch>,
    macs: usize,
}

impl Given {
    /// One of [`SHAPES`], or its pointwise half alone.
    fn new(
        (name, kind, side, [channels, outputs], stride): shapes::Shape,
        half: bool,
        device: &Device,
    ) -> Self {
        let tensor = |len: usize| {
            Tensor::<1>::from_data(TensorData::new(noise(len, 1), [len]), device).into_dispatch()
        };
        let picture = |channels: usize, side: usize| {
            // Channels last, as the kernels leave them.
            let shape = [1, side, side, channels];
            let numbers = noise(shape.iter().product(), 1);
            Tensor::<4>::from_data(TensorData::new(numbers, shape), device)
                .permute([0, 3, 1, 2])
                .into_dispatch()
        };
        let separable = kind == Kind::Separable && !half;
        let (taps, padding) = match kind {
            Kind::Plain => (TAPS, 0),
            _ => (1, usize::from(separable)),
        };
        let depth = taps * channels;
        let packed = pack(&noise(outputs * depth, 1), outputs, depth);
        let len = packed.len();
        let values = Tensor::<1>::from_data(TensorData::new(packed, [len]), device).into_dispatch();
        let window = Window { side: if kind == Kind::Plain || separable { 3 } else { 1 }, stride, padding };
        let output = window.output(side);
        let rows = match kind {
            Kind::Plain => RowsInput::Windows,
            Kind::Separable if separable => RowsInput::Depthwise {
                kernel: Tensor::<2>::from_data(
                    TensorData::new(noise(TAPS * channels, 2), [TAPS, channels]),
                    device,
                )
                .into_dispatch(),
                bias: tensor(channels),
                between: Act::None,
            },
            _ => RowsInput::Points,
        };
        let residual = match name {
            // As at the end of the middle flow's blocks.
            "middle" => ResidualInput::Sum { values: picture(outputs, output) },
            _ => ResidualInput::None,
        };
        let input = ConvInput {
            x: picture(channels, side),
            rows,
            weights: WeightsInput::F32 { values },
            bias: tensor(outputs),
            residual,
            geometry: Geometry { window, lead: Act::None, act: Act::Relu },
        };
        Self { input, macs: output * output * depth * outputs }
    }

    fn run(&self) -> Tensor<4> {
        Tensor::from_dispatch(Dispatch::fused_conv(self.input.clone()))
    }

    /// Milliseconds of one run.
    fn time(&self, device: &Device) -> f64 {
        let go = |count: usize| {
            let start = Instant::now();
            for _ in 0..count {
                drop(self.run());
            }
            device.sync().unwrap();
            start.elapsed()
        };
        go(1);
        let mut count = 1;
        while go(count) < PATIENCE {
            count *= 2;
        }
        (0..GOES).map(|_| go(count).as_secs_f64() * 1e3 / count as f64).fold(f64::INFINITY, f64::min)
    }
}

/// The whole network by each tile, pixels sent and logits read.
fn time_network(tiles: &[Option<Tile>], device: &Device) {
    const SIZE: usize = 299;
    let config = XceptionConfig::xception(Dialect::Keras, 1000);
    let macs = config.macs(SIZE) as f64;
    let file = ModelFile::seeded(config, Preprocess::keras(SIZE)).unwrap();
    let network = Fused::new(&file.config, &|name| file.read(name), Precision::F32, device).unwrap();
    for &tile in tiles {
        set_tile(tile);
        for batch in BATCHES {
            let network = network.clone(); // It records its launches anew.
            let shape = [batch, 3, SIZE, SIZE];
            let pictures = Planes { values: noise(shape.iter().product(), 1), shape };
            let run = || {
                let pictures = pictures.clone();
                let start = Instant::now();
                pollster::block_on(network.logits(pictures)).unwrap();
                start.elapsed().as_secs_f64() * 1e3 / batch as f64
            };
            let mut times: Vec<_> = (0..RECORDED + RUNS).map(|_| run()).skip(RECORDED).collect();
            times.sort_by(f64::total_cmp);
            let ms = times[RUNS / 2];
            println!(
                "{:16} {batch:6} {:16} {ms:9.4} ms {:8.1} GFLOP/s a picture",
                "network",
                named(tile),
                2e-6 * macs / ms
            );
        }
    }
}

fn named(tile: Option<Tile>) -> String {
    tile.map_or(String::new(), |tile| tile.to_string())
}

fn main() {
    let (flags, names): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|arg| arg.starts_with("--"));
    let has = |flag: &str| flags.iter().any(|given| given == flag);
    let backend = pollster::block_on(Backend::named(BackendKind::Webgpu)).unwrap();
    println!("{}", backend.adapter.as_deref().unwrap_or("an adapter without a name"));
    let mut tiles = vec![None];
    if has("--tiles") {
        tiles.extend(TILES.map(Some));
    }
    for shape @ (name, kind, ..) in SHAPES {
        if !names.is_empty() && !names.iter().any(|part| name.contains(part)) {
            continue;
        }
        // Tiles are the pointwise half's.
        let halves: &[bool] = match kind {
            Kind::Separable if has("--tiles") => &[true],
            Kind::Separable => &[false, true],
            _ => &[false],
        };
        for &half in halves {
            let given = Given::new(shape, half, &backend.device);
            for &tile in &tiles {
                set_tile(tile);
                let start = Instant::now();
                let numbers = given.run().into_data().try_into_vec_as::<f32>().unwrap();
                assert!(numbers.iter().all(|x| x.is_finite()), "{name} gave a number that is not finite");
                if !has("--bench") {
                    continue;
                }
                let first = start.elapsed().as_secs_f64() * 1e3;
                let ms = given.time(&backend.device);
                let part = if half { "points" } else { "" };
                let tile = named(tile);
                println!(
                    "{name:16} {part:6} {tile:16} {ms:9.4} ms {:8.1} GFLOP/s, first {first:.0} ms",
                    2e-6 * given.macs as f64 / ms
                );
            }
        }
    }
    if has("--bench") && (names.is_empty() || names.iter().any(|part| part == "network")) {
        time_network(&tiles, &backend.device);
    }
}
