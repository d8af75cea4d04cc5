//! Fresh weights from the run's own seed: Burn's generator is one for the whole process, and anything
//! else that draws from it would change a run.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData};

use crate::random::{Random, Stream};
use xception_web::inside::BATCH_NORM_MOMENTUM;
use xception_web::model::{Xception, XceptionConfig};

/// The network of `config` on `device`: kernels uniform within one over the root of their inputs, as
/// Burn and PyTorch do; batch norms as they start everywhere, the bias at zero.
pub fn fresh(config: &XceptionConfig, device: &Device, seed: u64) -> Xception {
    seeded(config.init(device), seed)
}

/// Any module with weights of that kind in place of its own; matrices are `[in, out]`.
pub fn seeded<M: Module>(module: M, seed: u64) -> M {
    module.map(&mut Init { seed, item: 0, name: String::new() })
}

/// A fresh model after its first batch, with that batch's statistics for its running ones. These start at
/// zero and one, and each batch replaces a tenth of them: after the few dozen steps of a short run, what is
/// left of the ones would still be a good part of variances of some hundredths, in layer after layer.
pub fn settled(model: Xception) -> Xception {
    // For its side effect: until then the batch is only noted down.
    let _ = model.valid();
    model.map(&mut Settle { name: String::new() })
}

struct Settle {
    name: String,
}

impl ModuleMapper for Settle {
    fn enter_module(&mut self, name: &str, _container: &str) {
        name.clone_into(&mut self.name);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let start = match self.name.as_str() {
            "running_mean" => 0.0,
            "running_var" => 1.0,
            _ => return param,
        };
        let left = start * (1.0 - BATCH_NORM_MOMENTUM);
        let batch = |running: Tensor<D>| running.detach().sub_scalar(left).div_scalar(BATCH_NORM_MOMENTUM);
        // What is left of rounding must not make a variance negative.
        param.map(|running| if start > 0.0 { batch(running).clamp_min(0.0) } else { batch(running) })
    }
}

struct Init {
    seed: u64,
    item: u64,
    name: String,
}

impl ModuleMapper for Init {
    fn enter_module(&mut self, name: &str, _container: &str) {
        name.clone_into(&mut self.name);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let shape = param.lazy_shape();
        self.item += 1;
        let dims = shape.dims::<D>();
        let bound = match D {
            // Matrices are stored [in, out], convolutions [out, in, h, w].
            2 => 1.0 / (dims[0] as f32).sqrt(),
            4 => 1.0 / (dims[1..].iter().product::<usize>() as f32).sqrt(),
            _ if self.name == "bias" => 0.0,
            // Batch norms start the same everywhere.
            _ => return param,
        };
        let mut random = Random::new(self.seed, Stream::Init.number(), self.item);
        let values: Vec<f32> = (0..shape.num_elements()).map(|_| random.range(-bound, bound)).collect();
        let (device, id) = (param.lazy_device(), param.id);
        param.transform_for_load(Tensor::from_data(TensorData::new(values, shape), &device), id)
    }
}
