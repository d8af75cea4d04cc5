//! AdamW (Loshchilov and Hutter, 2019) as one pass over each tensor; results and state are those of
//! [`burn::optim::AdamW`], which takes fifteen.

use burn::optim::{AdamWState, AdaptiveMomentumState, LearningRate, ModuleOptimizer, Optimizer};
use burn::tensor::Tensor;

use crate::learn::ops::{AdamWStep, adamw};

/// Weight of the past in the mean of the gradients, and in that of their squares.
const BETA: [f32; 2] = [0.9, 0.999];
/// What Burn adds to the root of the second, so that nothing is divided by zero.
const EPSILON: f32 = 1e-5;

/// The optimizer of all parameters.
#[derive(Clone)]
pub struct AdamW {
    weight_decay: f32,
}

impl AdamW {
    /// An optimizer of all of a network's tensors.
    pub fn init(weight_decay: f32) -> ModuleOptimizer {
        Self { weight_decay }.into()
    }
}

impl Optimizer for AdamW {
    type State<const D: usize> = AdamWState<D>;

    fn step<const D: usize>(
        &self,
        rate: LearningRate,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let state = state
            .map(|state| state.momentum)
            .unwrap_or_else(|| AdaptiveMomentumState::new(0, parameter.zeros_like(), parameter.zeros_like()));
        let time = state.time + 1;
        let unbiased = |beta: f32| 1.0 - beta.powi(time as i32);
        let step = AdamWStep {
            betas: BETA,
            rate: rate as f32 / unbiased(BETA[0]),
            scale: unbiased(BETA[1]).recip(),
            epsilon: EPSILON,
            keep: (1.0 - rate * f64::from(self.weight_decay)) as f32,
        };
        let [parameter, first, second] = adamw(parameter, gradient, [state.moment_1, state.moment_2], step);
        (parameter, Some(AdamWState::new(AdaptiveMomentumState::new(time, first, second))))
    }

    fn to_device<const D: usize>(mut state: Self::State<D>, device: &burn::tensor::Device) -> Self::State<D> {
        state.momentum = state.momentum.to_device(device);
        state
    }
}

#[cfg(test)]
mod tests {
    use burn::optim::AdamWConfig;
    use burn::tensor::{Device, Distribution, Tolerance};

    use super::*;
    #[cfg(feature = "webgpu")]
    use crate::recipe::accelerator::Accelerator;

    #[test]
    fn it_is_burns() {
        let devices = [
            Device::flex(),
            #[cfg(feature = "webgpu")]
            Accelerator::Webgpu.open().unwrap().inner(),
        ];
        for device in devices {
            let random = |_| Tensor::<2>::random([30, 7], Distribution::Normal(0.0, 1.0), &device);
            let (ours, burns) =
                (AdamW { weight_decay: 0.05 }, AdamWConfig::new().with_weight_decay(0.05).build());
            let (mut a, mut b) = ((random(0), None), (random(0), None));
            a.0 = b.0.clone();
            for gradient in (0..5).map(random) {
                a = ours.step(1e-2, a.0, gradient.clone(), a.1);
                b = burns.step(1e-2, b.0, gradient, b.1);
            }
            a.0.into_data().assert_approx_eq(&b.0.into_data(), Tolerance::<f32>::rel_abs(1e-5, 1e-6));
        }
    }
}
