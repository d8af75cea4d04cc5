//! The few operations that take most of a training step, as one pass over memory each: on a GPU, and on the CPU for the
//! networks that are compared in the ablation. Else the CPU has an engine of its own, [`crate::learn::engine`].
//!
//! Pictures lie here as `[B, H, W, C]`: channels are then contiguous, so the pointwise convolutions
//! are single matrix products and everything else vectorises over channels. Values and gradients
//! are those of the plain operations of [`xception_web::model`]; the tests prove it.

mod autodiff;
#[cfg(feature = "webgpu")]
mod cube;
mod flex;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Dispatch, backend_extension};
use burn::tensor::{Tensor, s};

use xception_kernels::{Act, Windows};
use xception_web::model::{Dialect, Window};

/// What a step of AdamW does to each number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWStep {
    /// Weights of the past in the means of gradients and of their squares.
    pub betas: [f32; 2],
    /// The learning rate, by what the first mean is short of for being young.
    pub rate: f32,
    /// Factor of the second mean, for the same reason.
    pub scale: f32,
    /// Added to the root of the second mean.
    pub epsilon: f32,
    /// What the decay leaves of a number.
    pub keep: f32,
}

/// What the training forward needs beyond Burn's own operations.
#[backend_extension(Autodiff, Flex, Cube: cfg(feature = "webgpu"))]
pub trait TrainOps: burn::backend::Backend {
    /// 3×3 convolution per channel, stride 1, zero padding of one; `w` is `[9, C]`.
    fn depthwise(x: FloatTensor<Self>, w: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Batch norm by the batch's own statistics, then ReLU if `floor` is zero (minus infinity: none).
    /// Returns the output and `[4, C]`: mean, biased variance, gamma, beta.
    fn batch_norm_act(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
        floor: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// 3×3 max-pool with stride 2.
    fn max_pool(x: FloatTensor<Self>, windows: Windows) -> FloatTensor<Self>;

    /// 3×3 windows without padding, as the rows of a matrix `[B·H'·W', 9·C]`.
    fn windows(x: FloatTensor<Self>, windows: Windows) -> FloatTensor<Self>;

    /// Matrix product of tall `x` `[N, I]` and small `w` `[I, O]`.
    fn product(x: FloatTensor<Self>, w: FloatTensor<Self>) -> FloatTensor<Self>;

    /// A parameter and the means of its gradients and of their squares after a step.
    fn adamw(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        step: AdamWStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// The gradients of [`TrainOps`], for a backend that computes them: gradients have no gradients.
pub trait TrainGradients: TrainOps {
    /// Gradients of [`TrainOps::depthwise`] for `x` and `w`.
    fn depthwise_backward(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// Gradients of [`TrainOps::batch_norm_act`] for `x`, `gamma` and `beta`; `saved` is what it returned.
    fn batch_norm_act_backward(
        x: FloatTensor<Self>,
        saved: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        epsilon: f32,
        floor: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// Gradient of [`TrainOps::max_pool`]; ties go to the first pixel.
    fn max_pool_backward(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        windows: Windows,
    ) -> FloatTensor<Self>;

    /// Gradient of [`TrainOps::windows`] for an input of `shape`.
    fn windows_backward(grad: FloatTensor<Self>, shape: [usize; 4], windows: Windows) -> FloatTensor<Self>;

    /// Gradients of [`TrainOps::product`] for `x` and `w`.
    fn product_backward(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// See [`TrainOps::depthwise`].
pub fn depthwise(x: Tensor<4>, w: Tensor<2>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::depthwise(x.into_dispatch(), w.into_dispatch()))
}

/// See [`TrainOps::batch_norm_act`]; `act` stands after it.
pub fn batch_norm(
    x: Tensor<4>,
    [gamma, beta]: [Tensor<1>; 2],
    epsilon: f64,
    act: Act,
) -> (Tensor<4>, Tensor<1>, Tensor<1>) {
    let floor = match act {
        Act::Relu => 0.0,
        Act::None => f32::NEG_INFINITY,
    };
    let (y, saved) = Dispatch::batch_norm_act(
        x.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        epsilon as f32,
        floor,
    );
    let saved = Tensor::<2>::from_dispatch(saved);
    let row = |at: usize| saved.clone().slice(s![at..at + 1, ..]).reshape([-1]);
    (Tensor::from_dispatch(y), row(0), row(1))
}

/// See [`TrainOps::max_pool`]; padded as `dialect` has it.
pub fn max_pool(x: Tensor<4>, dialect: Dialect) -> Tensor<4> {
    let [_, h, w, _] = x.dims();
    let output = [h, w].map(|size| size.div_ceil(2));
    let windows = Windows { stride: 2, before: [h, w].map(|size| dialect.pool_before(size)), output };
    Tensor::from_dispatch(Dispatch::max_pool(x.into_dispatch(), windows))
}

/// See [`TrainOps::windows`]; with how many there are below and beside each other.
pub fn windows(x: Tensor<4>, stride: usize) -> (Tensor<2>, [usize; 2]) {
    let [_, h, w, _] = x.dims();
    let output = [h, w].map(|size| Window::square(stride, 0).output(size));
    let windows = Windows { stride, before: [0; 2], output };
    (Tensor::from_dispatch(Dispatch::windows(x.into_dispatch(), windows)), output)
}

/// See [`TrainOps::product`].
pub fn product(x: Tensor<2>, w: Tensor<2>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::product(x.into_dispatch(), w.into_dispatch()))
}

/// See [`TrainOps::adamw`].
pub fn adamw<const D: usize>(
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    [first, second]: [Tensor<D>; 2],
    step: AdamWStep,
) -> [Tensor<D>; 3] {
    let [parameter, gradient, first, second] =
        [parameter, gradient, first, second].map(Tensor::into_dispatch);
    let (parameter, first, second) = Dispatch::adamw(parameter, gradient, first, second, step);
    [parameter, first, second].map(Tensor::from_dispatch)
}

#[cfg(test)]
mod tests;
