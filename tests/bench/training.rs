//! How many pictures a second each way of training takes, at equal settings in one run.
//!
//! `cargo bench --bench training -- [--side 80] [--batch 128] [--steps 12] [--gpu]`; with `cargo test` it runs once, small.

use std::time::Instant;

use burn::module::Module;
use burn::optim::{AdamWConfig, ModuleOptimizer};
use xception_train::learn::adamw::AdamW;
use xception_train::learn::init::fresh;
use xception_train::learn::pass::Pass;
use xception_train::learn::step::step;
use xception_train::recipe::accelerator::Accelerator;
use xception_train::recipe::config::{TrainConfig, network};
use xception_train::recipe::schedule::Budget;
use xception_train::supply::batch::Batch;
use xception_train::supply::mix::plain;
use xception_web::model::{Dialect, Xception, XceptionConfig};

/// Classes of the bundled network.
const CLASSES: usize = 150;
const RATE: f64 = 1e-3;
const DECAY: f32 = 0.03;

struct Trainer {
    pass: Pass,
    config: TrainConfig,
    model: Xception,
    optimizer: ModuleOptimizer,
    engine: Option<xception_train::learn::engine::Engine>,
}

impl Trainer {
    fn new(pass: Pass, device: Accelerator, network: &XceptionConfig) -> Self {
        let config = TrainConfig { device, network: network.clone(), ..TrainConfig::new(Budget::Samples(1)) };
        let model = fresh(network, &device.open().expect("a device"), 1);
        // What the engine is measured against had Burn's.
        let ours = pass == Pass::Ours || device == Accelerator::Webgpu;
        let optimizer =
            if ours { AdamW::init(DECAY) } else { AdamWConfig::new().with_weight_decay(DECAY).init() };
        Self { pass, config, model, optimizer, engine: None }
    }

    /// One step; the loss.
    fn step(&mut self, mut batch: Batch) -> f64 {
        let (model, targets) = (self.model.clone(), plain(&batch));
        let (config, engine, optimizer) = (&self.config, &mut self.engine, &mut self.optimizer);
        let done = step(model, config, self.pass, engine, optimizer, &mut batch, &targets, RATE);
        let (model, score) = done.expect("a step");
        self.model = model;
        score.wait().expect("a loss").mean_loss()
    }
}

fn batch(side: usize, count: usize) -> Batch {
    let pixels = (0..count * side * side * 3).map(|i| (i * 7919 % 2003) as u8).collect();
    Batch { pixels, classes: (0..count).map(|i| i * 31 % CLASSES).collect() }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let option = |name: &str, default: usize| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(default)
    };
    let bench = arguments.iter().any(|argument| argument == "--bench");
    let (side, count, steps) = if bench {
        (option("--side", 80), option("--batch", 128), option("--steps", 12))
    } else {
        (33, 8, 1)
    };
    let network = if bench {
        network(CLASSES)
    } else {
        XceptionConfig { middle_blocks: 1, ..XceptionConfig::mini(Dialect::Timm, CLASSES) }
    };
    let batch = batch(side, count);
    let gpu = arguments.iter().any(|argument| argument == "--gpu");
    let device = |pass| if gpu && pass == Pass::Operations { Accelerator::Webgpu } else { Accelerator::Cpu };
    let ways = [
        ("Burn's own operations", Pass::Plain),
        (if gpu { "own operations, GPU" } else { "own operations" }, Pass::Operations),
        ("engine", Pass::Ours),
    ];
    // For a profiler: one of them alone.
    let only = option("--only", ways.len());
    let mut trainers: Vec<_> = (0..ways.len())
        .filter(|&i| only >= ways.len() || only == i)
        .map(|i| (ways[i].0, Trainer::new(ways[i].1, device(ways[i].1), &network), f64::INFINITY))
        .collect();
    // The first step warms up, and shows that all do the same.
    let losses: Vec<_> = trainers.iter_mut().map(|(_, trainer, _)| trainer.step(batch.clone())).collect();
    assert!(losses.iter().all(|loss| (loss - losses[0]).abs() < 1e-3 * losses[0]), "{losses:?}");
    // In turn, so that what else the machine does meets all of them.
    for _ in 0..steps {
        for (_, trainer, best) in &mut trainers {
            let batch = batch.clone();
            let start = Instant::now();
            trainer.step(batch);
            *best = best.min(start.elapsed().as_secs_f64());
        }
    }
    let macs = network.macs(side) as f64;
    println!(
        "{count} pictures of {side} px, {:.1} million multiply-accumulates each, {} numbers, AdamW; best of {steps} steps",
        macs / 1e6,
        trainers[0].1.model.num_params()
    );
    let before = trainers.iter().find(|(name, ..)| *name == ways[1].0).map(|(.., seconds)| *seconds);
    for (name, _, seconds) in &trainers {
        let (speed, ratio) = (count as f64 / seconds, before.map_or(f64::NAN, |before| before / seconds));
        println!(
            "{name:24} {speed:7.1} pictures/s  {ratio:5.2}x own operations  {:6.1} GFLOP/s",
            3.0 * 2.0 * macs * speed / 1e9
        );
    }
}
