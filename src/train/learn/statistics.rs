//! The running statistics of batch norms, which training keeps count of.

use burn::nn::BatchNorm;
use burn::tensor::{Tensor, TensorData};

use xception_web::model::Xception;
use xception_web::model::block::Block;
use xception_web::model::separable::SeparableConv;

/// Moves all running statistics towards a batch's.
pub fn remember_all(model: &Xception, statistics: &[[Vec<f32>; 2]]) {
    let of_unit = |unit: &SeparableConv| unit.pointwise.norm.clone();
    let of_block = |block: &Block| {
        let shortcut = block.shortcut.iter().map(|conv| conv.norm.clone());
        block.units.iter().map(of_unit).chain(shortcut).collect::<Vec<_>>()
    };
    let stem = model.stem.iter().map(|conv| conv.norm.clone());
    let blocks = model.blocks().flat_map(of_block);
    let norms = stem.chain(blocks).chain(model.tail.iter().map(of_unit)).flatten();
    for (norm, batch) in norms.zip(statistics) {
        for (running, batch) in [&norm.running_mean, &norm.running_var].into_iter().zip(batch) {
            // Without autodiff, which would keep a note of each of these operations until it goes backwards.
            let before = running.value_sync().inner();
            let batch = Tensor::from_data(TensorData::new(batch.clone(), [batch.len()]), &before.device());
            running.update(before.mul_scalar(1.0 - norm.momentum) + batch.mul_scalar(norm.momentum));
        }
    }
}

/// Moves the running statistics towards a batch's, as [`BatchNorm`] does.
pub fn remember(norm: &BatchNorm, mean: Tensor<1>, variance: Tensor<1>) {
    for (running, batch) in [(&norm.running_mean, mean), (&norm.running_var, variance)] {
        let before = running.value_sync().to_device(&batch.device());
        let next = before.mul_scalar(1.0 - norm.momentum) + batch.detach().mul_scalar(norm.momentum);
        running.update(next.detach());
    }
}
