use burn::nn::pool::MaxPool2dConfig;
use burn::tensor::activation::relu;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Distribution, Gradients, Tensor, Tolerance, s};

use super::*;

/// Sums of some hundred products in another order.
fn near() -> Tolerance<f32> {
    Tolerance::rel_abs(1e-3, 1e-4)
}

/// Numbers that ask for their gradients.
fn leaf<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), &Device::flex().autodiff()).require_grad()
}

/// Values and gradients of `ours` on that device, from numbers of another.
#[cfg(feature = "webgpu")]
fn on<const D: usize>(
    device: &Device,
    x: &Tensor<4>,
    w: &Tensor<D>,
    ours: impl Fn(Tensor<4>, Tensor<D>) -> Tensor<4>,
) -> Vec<burn::tensor::TensorData> {
    let x = Tensor::<4>::from_data(x.to_data(), device).require_grad();
    let w = Tensor::<D>::from_data(w.to_data(), device).require_grad();
    let y = ours(x.clone(), w.clone());
    let numbers = (0..y.dims().iter().product()).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
    let back = Tensor::from_data(burn::tensor::TensorData::new(numbers, y.dims()), device);
    let gradients = (y.clone() * back).sum().backward();
    let gradients = [x.grad(&gradients).map(Tensor::into_data), w.grad(&gradients).map(Tensor::into_data)];
    [Some(y.into_data())].into_iter().chain(gradients).flatten().collect()
}

/// Holds values and gradients on the GPU to those on the CPU.
#[cfg(feature = "webgpu")]
fn same_on_gpu<const D: usize>(
    x: &Tensor<4>,
    w: &Tensor<D>,
    ours: impl Fn(Tensor<4>, Tensor<D>) -> Tensor<4>,
) {
    use crate::recipe::accelerator::Accelerator;
    let [cpu, gpu] =
        [Accelerator::Cpu, Accelerator::Webgpu].map(|device| on(&device.open().unwrap(), x, w, &ours));
    assert_eq!(cpu.len(), gpu.len());
    // Sums of up to 35 thousand products, some of them about zero, in another order.
    let near = Tolerance::<f32>::rel_abs(1e-3, 2e-3);
    for (cpu, gpu) in cpu.iter().zip(&gpu) {
        gpu.assert_approx_eq(cpu, near);
    }
}

/// Sides and channels that a GPU's kernels treat in different ways: those that divide into vectors, and those that do
/// not; sums that one unit adds up, and those that take several.
#[cfg(feature = "webgpu")]
#[test]
fn a_gpu_has_the_values_and_the_gradients_of_the_cpu() {
    for [b, h, wd, c, to] in [[2, 9, 6, 11, 5], [3, 8, 7, 12, 8], [40, 30, 29, 4, 20]] {
        let x = leaf([b, h, wd, c]);
        same_on_gpu(&x, &leaf([9, c]), depthwise);
        for act in [Act::None, Act::Relu] {
            same_on_gpu(&x, &leaf([2, c]), |x, w: Tensor<2>| {
                let [gamma, beta] = [0, 1].map(|row| w.clone().slice(s![row..row + 1, ..]).reshape([c]));
                batch_norm(x, [gamma, beta], 1e-3, act).0
            });
        }
        for dialect in [Dialect::Keras, Dialect::Timm] {
            same_on_gpu(&x, &leaf([1]), |x, _| max_pool(x, dialect));
        }
        for stride in [1, 2] {
            let [rows, columns] = [h, wd].map(|side| (side - 3) / stride + 1);
            same_on_gpu(&x, &leaf([9 * c, to]), |x, w| {
                product(windows(x, stride).0, w).reshape([b, rows, columns, to])
            });
        }
    }
}

/// `[B, H, W, C]` of odd, unequal sides; channels that are no multiple of a vector's width.
fn pictures() -> Tensor<4> {
    leaf([2, 9, 6, 11])
}

fn by_planes(x: Tensor<4>) -> Tensor<4> {
    x.permute([0, 3, 1, 2])
}

fn by_pixels(x: Tensor<4>) -> Tensor<4> {
    x.permute([0, 2, 3, 1])
}

/// Holds values and gradients of `ours` to those of `plain`, for both inputs.
fn same<const D: usize>(
    x: &Tensor<4>,
    w: &Tensor<D>,
    ours: impl Fn(Tensor<4>, Tensor<D>) -> Tensor<4>,
    plain: impl Fn(Tensor<4>, Tensor<D>) -> Tensor<4>,
) {
    let (found, expected) = (ours(x.clone(), w.clone()), plain(x.clone(), w.clone()));
    found.to_data().assert_approx_eq(&expected.to_data(), near());
    let back = Tensor::random(found.dims(), Distribution::Normal(0.0, 1.0), &found.device());
    let [found, expected] = [found, expected].map(|y| (y * back.clone()).sum().backward());
    let of = |gradients: &Gradients| {
        [x.grad(gradients).map(Tensor::into_data), w.grad(gradients).map(Tensor::into_data)]
    };
    for (found, expected) in of(&found).into_iter().zip(of(&expected)) {
        assert_eq!(found.is_some(), expected.is_some());
        if let (Some(found), Some(expected)) = (found, expected) {
            found.assert_approx_eq(&expected, near());
        }
    }
}

#[test]
fn depthwise_is_a_convolution_in_as_many_groups() {
    let plain = |x, w: Tensor<2>| {
        let kernel = w.reshape([3, 3, 11, 1]).permute([2, 3, 0, 1]);
        by_pixels(conv2d(by_planes(x), kernel, None, ConvOptions::new([1, 1], [1, 1], [1, 1], 11)))
    };
    same(&pictures(), &leaf([9, 11]), depthwise, plain);
}

#[test]
fn the_product_of_all_windows_is_a_plain_convolution() {
    for stride in [1, 2] {
        let [h, w] = [9, 6].map(|side| (side - 3) / stride + 1);
        let ours = |x, kernel| product(windows(x, stride).0, kernel).reshape([2, h, w, 5]);
        let plain = |x, kernel: Tensor<2>| {
            let kernel = kernel.reshape([3, 3, 11, 5]).permute([3, 2, 0, 1]);
            let options = ConvOptions::new([stride; 2], [0, 0], [1, 1], 1);
            by_pixels(conv2d(by_planes(x), kernel, None, options))
        };
        same(&pictures(), &leaf([99, 5]), ours, plain);
    }
}

#[test]
fn batch_norm_is_by_the_batchs_own_statistics() {
    for act in [Act::None, Act::Relu] {
        let ours = |x, w: Tensor<2>| {
            let [gamma, beta] = [0, 1].map(|row| w.clone().slice(s![row..row + 1, ..]).reshape([11]));
            batch_norm(x, [gamma, beta], 1e-3, act).0
        };
        let plain = |x: Tensor<4>, w: Tensor<2>| {
            let [gamma, beta] =
                [0, 1].map(|row| w.clone().slice(s![row..row + 1, ..]).reshape([1, 1, 1, 11]));
            let rows = x.clone().reshape([108, 11]);
            let mean = rows.clone().mean_dim(0).reshape([1, 1, 1, 11]);
            let variance = (x.clone() - mean.clone()).square().reshape([108, 11]).mean_dim(0);
            let y = (x - mean) / variance.reshape([1, 1, 1, 11]).add_scalar(1e-3).sqrt() * gamma + beta;
            if act == Act::Relu { relu(y) } else { y }
        };
        same(&pictures(), &leaf([2, 11]), ours, plain);
    }
}

#[test]
fn max_pool_is_padded_as_the_dialect_has_it() {
    for dialect in [Dialect::Keras, Dialect::Timm] {
        let plain =
            MaxPool2dConfig::new([3, 3]).with_strides([2, 2]).with_padding(dialect.pool_padding()).init();
        let (ours, plain) =
            (|x, _| max_pool(x, dialect), |x, _: Tensor<1>| by_pixels(plain.forward(by_planes(x))));
        same(&pictures(), &leaf([1]), ours, plain);
    }
}
