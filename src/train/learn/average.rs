//! A running mean of the weights, batch-norm statistics included: the paper's Polyak averaging. It is
//! the model that is judged and kept; the one that is stepped is noisier.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};

use xception_web::error::{Error, Result};
use xception_web::model::Xception;

/// The mean so far, tensor by tensor in the network's order.
#[derive(Clone, Debug)]
pub struct Average {
    means: Vec<Vec<f32>>,
    steps: u64,
}

impl Average {
    /// Starts at `model`, after `steps` steps.
    pub fn new(model: &Xception, steps: u64) -> Result<Self> {
        Ok(Self { means: values(model)?, steps })
    }

    /// Moves towards `model`, which is `steps` steps further: by a tenth at first, in the end by `1 - decay` a step.
    pub fn add(&mut self, model: &Xception, decay: f64, steps: u64) -> Result<()> {
        self.steps += steps;
        let decay = decay.powf(steps as f64).min(self.steps as f64 / (self.steps as f64 + 9.0)) as f32;
        for (mean, new) in self.means.iter_mut().zip(values(model)?) {
            for (mean, new) in mean.iter_mut().zip(new) {
                // In this form what does not change stays as it is, to the bit.
                *mean += (new - *mean) * (1.0 - decay);
            }
        }
        Ok(())
    }

    /// A model like `model` with the mean in place of its weights, for use and not for training.
    pub fn model(&self, model: &Xception) -> Xception {
        // `valid` gives running statistics of their own; those of a clone are the original's, so that
        // filling it would put the mean into the model that is being trained.
        model.valid().map(&mut Fill { means: self.means.iter() })
    }
}

/// All weights, the last batch's share of the running statistics included.
fn values(model: &Xception) -> Result<Vec<Vec<f32>>> {
    let mut reader = Reader::default();
    // Only `valid` brings in the last batch: a plain visit is one step late.
    model.valid().visit(&mut reader);
    match reader.failure {
        Some(failure) => Err(failure),
        None => Ok(reader.found),
    }
}

#[derive(Default)]
struct Reader {
    found: Vec<Vec<f32>>,
    failure: Option<Error>,
}

impl ModuleVisitor for Reader {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        match param.val().into_data().try_into_vec_as::<f32>() {
            Ok(values) => self.found.push(values),
            Err(error) => {
                self.failure = Some(Error::Training(format!("cannot read the weights back: {error:?}")));
            }
        }
    }
}

struct Fill<'a> {
    means: std::slice::Iter<'a, Vec<f32>>,
}

impl ModuleMapper for Fill<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(mean) = self.means.next() else { return param };
        let data = TensorData::new(mean.clone(), param.lazy_shape());
        let (tensor, id) = (Tensor::from_data(data, &param.lazy_device()), param.id);
        param.transform_for_load(tensor, id)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;
    use xception_web::model::{Dialect, XceptionConfig};

    #[test]
    fn the_average_of_one_model_is_that_model() {
        let device = Device::flex().autodiff();
        let config = XceptionConfig::mini(Dialect::Timm, 3);
        let (model, other) = (config.init(&device), config.init(&device));
        let mut average = Average::new(&model, 0).unwrap();
        average.add(&model, 0.9, 1).unwrap();
        assert_eq!(values(&average.model(&other)).unwrap(), average.means);
        for (mean, value) in average.means.iter().flatten().zip(values(&model).unwrap().iter().flatten()) {
            assert!((mean - value).abs() <= 1e-6 * value.abs().max(1.0));
        }
    }

    #[test]
    fn asking_for_the_average_leaves_the_models_running_statistics_alone() {
        let device = Device::flex().autodiff();
        let config = XceptionConfig::mini(Dialect::Timm, 3);
        let model = config.init(&device);
        let average = Average::new(&model, 0).unwrap();
        // A batch moves the model's statistics away from the mean.
        let x = Tensor::random([2, 40, 37, 3], Distribution::Normal(0.0, 1.0), &device);
        let _ = model.forward(x.permute([0, 3, 1, 2]));
        let before = values(&model).unwrap();
        assert_ne!(before, average.means);
        assert_eq!(values(&average.model(&model)).unwrap(), average.means);
        assert_eq!(values(&model).unwrap(), before);
    }
}
