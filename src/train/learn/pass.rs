//! How a training step goes through the network.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::learn::forward;
use crate::recipe::accelerator::Accelerator;
use crate::recipe::config::TrainConfig;
use xception_web::model::{Xception, XceptionConfig};

/// The ways that there are; all give the same function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// By the engine in [`crate::learn::engine`]: on the CPU, for the paper's own structure.
    Ours,
    /// By the operations in [`crate::learn::ops`] and Burn's autodiff: on a GPU, for the paper's own structure.
    Operations,
    /// By Burn's own operations.
    Plain,
    /// The backbone as in use, running statistics and all; only the head learns.
    Head,
}

impl Pass {
    /// The one that a run's network and device allow.
    pub fn of(config: &TrainConfig) -> Self {
        match config.device {
            _ if config.freeze => Self::Head,
            _ if config.network.aligned.is_some() => Self::Plain,
            Accelerator::Cpu => Self::Ours,
            Accelerator::Webgpu => Self::Operations,
        }
    }

    /// Logits of a batch for Burn's autodiff: [`Pass::Ours`] has an engine of its own.
    ///
    /// # Shapes
    ///
    /// - `x`: `[B, H, W, 3]`, normalised
    /// - output: `[B, classes]`
    pub fn logits(self, model: &Xception, config: &XceptionConfig, x: Tensor<4>) -> Tensor<2> {
        match self {
            Self::Operations => forward::logits(model, config, x),
            Self::Ours | Self::Plain => model.forward(x.permute([0, 3, 1, 2])),
            Self::Head => {
                let features = model.valid().features(x.permute([0, 3, 1, 2]).inner());
                model.head.forward(features.autodiff())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::schedule::Budget;

    #[test]
    fn a_frozen_backbone_goes_its_own_way() {
        let cpu = TrainConfig::new(Budget::Samples(1));
        assert_eq!(Pass::of(&TrainConfig { freeze: true, ..cpu.clone() }), Pass::Head);
        let aligned = XceptionConfig::xception41p(2);
        assert_eq!(Pass::of(&TrainConfig { network: aligned, ..cpu }), Pass::Plain);
    }
}

#[cfg(all(test, feature = "webgpu"))]
mod on_a_gpu {
    use std::path::Path;

    use burn::optim::AdamWConfig;

    use super::*;
    use crate::draw::icons::INSTALLED;
    use crate::learn::init::fresh;
    use crate::learn::step::step;
    use crate::recipe::schedule::Budget;
    use crate::supply::batch::Batch;
    use crate::supply::drawings::Drawings;
    use crate::supply::mix::plain;
    use xception_web::model::{Dialect, XceptionConfig};

    /// Two sums of some thousand products in another order, and a step of Adam in between.
    const TOLERANCE: f64 = 2e-3;

    fn config(device: Accelerator) -> TrainConfig {
        let network = XceptionConfig {
            stem: [4, 6],
            entry: vec![vec![8, 8]],
            middle_blocks: 1,
            middle_units: 1,
            exit: vec![8, 12],
            tail: vec![16],
            ..XceptionConfig::mini(Dialect::Timm, crate::draw::classes::CLASSES.len())
        };
        TrainConfig { device, network, ..TrainConfig::new(Budget::Samples(1)) }
    }

    fn losses(config: &TrainConfig, batch: &Batch) -> Vec<f64> {
        let mut model = fresh(&config.network, &config.device.open().unwrap(), 1);
        let (mut optimizer, mut engine) = (AdamWConfig::new().init(), None);
        let (pass, targets) = (Pass::of(config), plain(batch));
        let mut step = || {
            let (optimizer, engine) = (&mut optimizer, &mut engine);
            let mut batch = batch.clone();
            let (next, score) =
                step(model.clone(), config, pass, engine, optimizer, &mut batch, &targets, 1e-2).unwrap();
            model = next;
            score.wait().unwrap().mean_loss()
        };
        (0..3).map(|_| step()).collect()
    }

    #[test]
    fn a_gpu_takes_the_steps_that_the_cpu_takes() {
        let batch = Drawings::read(Path::new(INSTALLED), 0).unwrap().batch(24, 1, 0, 0, 8);
        let [cpu, gpu] = [Accelerator::Cpu, Accelerator::Webgpu].map(config);
        assert_eq!([Pass::of(&cpu), Pass::of(&gpu)], [Pass::Ours, Pass::Operations]);
        let (cpu, gpu) = (losses(&cpu, &batch), losses(&gpu, &batch));
        assert!(cpu[2] < cpu[0], "{cpu:?}");
        for (cpu, gpu) in cpu.iter().zip(&gpu) {
            assert!((cpu - gpu).abs() < TOLERANCE, "{cpu} and {gpu}");
        }
    }
}
