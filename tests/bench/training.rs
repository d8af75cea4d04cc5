//! How many pictures a second each way of training takes, at equal settings in one run.
//!
//! `cargo bench --bench training -- [--side 80] [--batch 64] [--steps 12]`; with `cargo test` it runs once, small.

mod autodiff;

use std::time::Instant;

use burn::module::Module;
use burn::optim::{AdamWConfig, ModuleOptimizer};
use burn::tensor::Device;
use xception_web::model::{Dialect, Xception, XceptionConfig};
use xception_web::train::config::{TrainConfig, network};
use xception_web::train::dataset::Batch;
use xception_web::train::init::fresh;
use xception_web::train::mix::plain;
use xception_web::train::pass::Pass;
use xception_web::train::schedule::Budget;
use xception_web::train::step::{descend, pictures, step};

/// Classes of the bundled network.
const CLASSES: usize = 150;
const RATE: f64 = 1e-3;

#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// Burn's operations and autodiff.
    Burn,
    /// Operations with gradients of their own, by Burn's autodiff.
    Autodiff,
    /// The engine.
    Engine,
}

struct Trainer {
    way: Way,
    config: TrainConfig,
    model: Xception,
    optimizer: ModuleOptimizer,
    engine: Option<xception_web::train::learn::Engine>,
}

impl Trainer {
    fn new(way: Way, network: &XceptionConfig) -> Self {
        let config = TrainConfig { network: network.clone(), ..TrainConfig::new(Budget::Samples(1)) };
        let model = fresh(network, &Device::flex().autodiff(), 1);
        Self { way, config, model, optimizer: AdamWConfig::new().init(), engine: None }
    }

    /// One step; the loss.
    fn step(&mut self, batch: &Batch) -> f64 {
        let (model, targets) = (self.model.clone(), plain(batch));
        let (config, optimizer) = (&self.config, &mut self.optimizer);
        let done = match self.way {
            Way::Autodiff => {
                let x = pictures(batch, &model.head.weight.val().device());
                let logits = autodiff::logits(&model, &config.network, x);
                descend(model, logits, optimizer, batch, &targets, RATE, config.label_smoothing)
            }
            way => {
                let pass = if way == Way::Engine { Pass::Ours } else { Pass::Plain };
                step(model, config, pass, &mut self.engine, optimizer, batch, &targets, RATE)
            }
        };
        let (model, score) = done.expect("a step");
        self.model = model;
        score.mean_loss()
    }
}

fn batch(side: usize, count: usize) -> Batch {
    let pixels = (0..count * side * side * 3).map(|i| (i * 7919 % 2003) as f32 / 1001.5 - 1.0).collect();
    Batch { pixels, classes: (0..count).map(|i| i * 31 % CLASSES).collect() }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let option = |name: &str, default: usize| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(default)
    };
    let bench = arguments.iter().any(|argument| argument == "--bench");
    let (side, count, steps) =
        if bench { (option("--side", 80), option("--batch", 64), option("--steps", 12)) } else { (33, 8, 1) };
    let network = if bench {
        network(CLASSES)
    } else {
        XceptionConfig { middle_blocks: 1, ..XceptionConfig::mini(Dialect::Timm, CLASSES) }
    };
    let batch = batch(side, count);
    let ways =
        [("Burn's own operations", Way::Burn), ("own operations", Way::Autodiff), ("engine", Way::Engine)];
    // For a profiler: one of them alone.
    let only = option("--only", ways.len());
    let mut trainers: Vec<_> = (0..ways.len())
        .filter(|&i| only >= ways.len() || only == i)
        .map(|i| (ways[i].0, Trainer::new(ways[i].1, &network), f64::INFINITY))
        .collect();
    // The first step warms up, and shows that all do the same.
    let losses: Vec<_> = trainers.iter_mut().map(|(_, trainer, _)| trainer.step(&batch)).collect();
    assert!(losses.iter().all(|loss| (loss - losses[0]).abs() < 1e-3 * losses[0]), "{losses:?}");
    // In turn, so that what else the machine does meets all of them.
    for _ in 0..steps {
        for (_, trainer, best) in &mut trainers {
            let start = Instant::now();
            trainer.step(&batch);
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
