use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor, TensorData, Tolerance};

use super::*;
use crate::learn::init::fresh;
use crate::learn::step::pictures;
use crate::supply::batch::Batch;
use xception_web::model::{Dialect, Xception};

/// Odd channels that fill no panels, blocks of each kind.
fn network(dialect: Dialect) -> XceptionConfig {
    XceptionConfig {
        architecture: "test".into(),
        dialect,
        classes: 5,
        stem: [5, 7],
        entry: vec![vec![9, 11], vec![13, 10]],
        middle_blocks: 2,
        middle_units: 2,
        exit: vec![10, 14],
        tail: vec![17, 19],
        aligned: None,
        face: None,
        hidden: Vec::new(),
    }
}

/// The plan's tensors of a module, or their gradients.
struct Reader<'a> {
    gradients: Option<&'a burn::tensor::Gradients>,
    found: Vec<Option<TensorData>>,
}

impl ModuleVisitor for Reader<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        self.found.push(match self.gradients {
            None => Some(value.into_data()),
            Some(gradients) => value.grad(gradients).map(|gradient| gradient.into_data()),
        });
    }
}

fn read(model: &Xception, gradients: Option<&burn::tensor::Gradients>) -> Vec<Option<TensorData>> {
    let mut reader = Reader { gradients, found: Vec::new() };
    model.visit(&mut reader);
    reader.found
}

/// A whole network and its gradients, in sums of some thousand products in another order.
fn near() -> Tolerance<f32> {
    Tolerance::rel_abs(2e-3, 2e-5)
}

#[test]
fn loss_gradients_and_statistics_are_those_of_burns_autodiff() {
    for (dialect, side, batch) in [(Dialect::Keras, 45, 3), (Dialect::Timm, 38, 19)] {
        let config = network(dialect);
        let device = Device::flex().autodiff();
        let model = fresh(&config, &device, 7);
        let pixels = (0..batch * side * side * 3).map(|i| (i * 7919 % 2003) as u8).collect();
        let pixels = Batch { pixels, classes: vec![0; batch] };
        let targets: Vec<_> = (0..batch)
            .map(|i| Target {
                class: i % 5,
                other: (i + 2) % 5,
                share: if i % 2 == 0 { 1.0 } else { 0.7 },
                sure: if i == 1 { 0.0 } else { 1.0 },
            })
            .collect();
        let smoothing = 0.1;
        let floats = |data: Option<TensorData>| data.unwrap().try_into_vec_as::<f32>().unwrap();
        let weights: Vec<_> = read(&model, None).into_iter().map(floats).collect();
        let mut engine = Engine::new(&config, side, batch).unwrap();
        // Twice: nothing of the first step must be left in the second.
        engine.step(&weights, &pixels.pixels, &targets, smoothing).unwrap();
        let found = engine.step(&weights, &pixels.pixels, &targets, smoothing).unwrap();

        // Written down once more, from the papers.
        let wanted = |target: &Target, class: usize| {
            let own = if class == target.class { target.share } else { 0.0 };
            let other = if class == target.other { 1.0 - target.share } else { 0.0 };
            if target.sure == 0.0 { 0.2 } else { smoothing / 5.0 + (1.0 - smoothing) * (own + other) }
        };
        let wanted: Vec<f32> =
            targets.iter().flat_map(|target| (0..5).map(|class| wanted(target, class))).collect();
        let wanted = Tensor::<2>::from_data(TensorData::new(wanted, [batch, 5]), &device);
        let x = pictures(&pixels, &device).permute([0, 3, 1, 2]);
        let loss = (log_softmax(model.forward(x), 1) * wanted).sum_dim(1).neg().mean();
        let expected: f32 = loss.clone().into_data().try_into_vec_as::<f32>().unwrap()[0];
        assert!((found.loss / batch as f64 - f64::from(expected)).abs() < 1e-4, "{found:?} and {expected}");
        let gradients = loss.backward();
        let expected = read(&model, Some(&gradients));
        let tensors = config.plan().tensors();
        assert_eq!(expected.len(), found.gradients.len());
        let mut compared = 0;
        for ((expected, found), (id, shape)) in expected.iter().zip(&found.gradients).zip(&tensors) {
            let Some(expected) = expected else {
                assert!(found.is_none() || !id.part.is_trained(), "{id}");
                continue;
            };
            let found = TensorData::new(found.clone().unwrap_or_else(|| panic!("{id}")), shape.clone());
            found.assert_approx_eq(expected, near());
            compared += 1;
        }
        assert!(compared > 60, "{compared}");
        let running = |norm: &burn::nn::BatchNorm| norm.running_mean.value_sync().into_data();
        let norm = model.tail[0].pointwise.norm.clone().unwrap();
        let mean = found.statistics[found.statistics.len() - 2][0].iter().map(|mean| 0.1 * mean).collect();
        TensorData::new(mean, [17]).assert_approx_eq::<f32>(&running(&norm), near());
    }
}

#[test]
fn a_step_does_not_depend_on_the_number_of_threads() {
    let config = network(Dialect::Timm);
    let model = fresh(&config, &Device::flex(), 3);
    let weights: Vec<_> =
        read(&model, None).into_iter().map(|data| data.unwrap().try_into_vec_as::<f32>().unwrap()).collect();
    let pixels: Vec<u8> = (0..35 * 33 * 33 * 3).map(|i| (i * 7919 % 2003) as u8).collect();
    let targets: Vec<_> = (0..35).map(|i| Target::of(i % 5)).collect();
    let of = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut engine = Engine::new(&config, 33, 35).unwrap();
        pool.install(|| engine.step(&weights, &pixels, &targets, 0.0).unwrap().gradients)
    };
    assert!(of(1) == of(3));
}
