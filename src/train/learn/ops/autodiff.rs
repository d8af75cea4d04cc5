//! Backward passes of the training operations.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, TensorMetadata};

use super::{AdamWStep, TrainGradients, TrainOps};
use xception_kernels::Windows;

#[derive(Debug)]
struct DepthwiseOp;

impl<B: TrainGradients> Backward<B, 2> for DepthwiseOp {
    type State = [FloatTensor<B>; 2];

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let [x, w] = ops.state;
        let (dx, dw) = B::depthwise_backward(x, w, grad);
        for (node, value) in ops.parents.into_iter().zip([dx, dw]) {
            if let Some(node) = node {
                grads.register::<B>(node.id, value);
            }
        }
    }
}

#[derive(Debug)]
struct ProductOp;

impl<B: TrainGradients> Backward<B, 2> for ProductOp {
    type State = [FloatTensor<B>; 2];

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let [x, w] = ops.state;
        let (dx, dw) = B::product_backward(x, w, grad);
        for (node, value) in ops.parents.into_iter().zip([dx, dw]) {
            if let Some(node) = node {
                grads.register::<B>(node.id, value);
            }
        }
    }
}

#[derive(Debug)]
struct BatchNormActOp;

impl<B: TrainGradients> Backward<B, 3> for BatchNormActOp {
    type State = (FloatTensor<B>, FloatTensor<B>, f32, f32);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (x, saved, epsilon, floor) = ops.state;
        let (dx, dgamma, dbeta) = B::batch_norm_act_backward(x, saved, grad, epsilon, floor);
        for (node, value) in ops.parents.into_iter().zip([dx, dgamma, dbeta]) {
            if let Some(node) = node {
                grads.register::<B>(node.id, value);
            }
        }
    }
}

#[derive(Debug)]
struct MaxPoolOp;

impl<B: TrainGradients> Backward<B, 1> for MaxPoolOp {
    type State = (FloatTensor<B>, Windows);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (x, windows) = ops.state;
        if let [Some(node)] = ops.parents {
            grads.register::<B>(node.id, B::max_pool_backward(x, grad, windows));
        }
    }
}

#[derive(Debug)]
struct WindowsOp;

impl<B: TrainGradients> Backward<B, 1> for WindowsOp {
    type State = ([usize; 4], Windows);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (shape, windows) = ops.state;
        if let [Some(node)] = ops.parents {
            grads.register::<B>(node.id, B::windows_backward(grad, shape, windows));
        }
    }
}

impl<B: TrainGradients, C: CheckpointStrategy> TrainOps for Autodiff<B, C> {
    fn depthwise(x: FloatTensor<Self>, w: FloatTensor<Self>) -> FloatTensor<Self> {
        match DepthwiseOp.prepare::<C>([x.node(), w.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let (x, w) = (x.into_primitive(), w.into_primitive());
                let y = B::depthwise(x.clone(), w.clone());
                prep.finish([x, w], y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::depthwise(x.into_primitive(), w.into_primitive())),
        }
    }

    fn product(x: FloatTensor<Self>, w: FloatTensor<Self>) -> FloatTensor<Self> {
        match ProductOp.prepare::<C>([x.node(), w.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let (x, w) = (x.into_primitive(), w.into_primitive());
                let y = B::product(x.clone(), w.clone());
                prep.finish([x, w], y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::product(x.into_primitive(), w.into_primitive())),
        }
    }

    fn batch_norm_act(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
        floor: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [x.node(), gamma.node(), beta.node()];
        let (x, gamma, beta) = (x.into_primitive(), gamma.into_primitive(), beta.into_primitive());
        let (y, saved) = B::batch_norm_act(x.clone(), gamma, beta, epsilon, floor);
        let y = match BatchNormActOp.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((x, saved.clone(), epsilon, floor), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        };
        (y, Self::from_inner(saved))
    }

    // What an optimizer does has no gradient.
    fn adamw(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        step: AdamWStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [parameter, gradient, first, second] =
            [parameter, gradient, first, second].map(|tensor| tensor.into_primitive());
        let (parameter, first, second) = B::adamw(parameter, gradient, first, second, step);
        (Self::from_inner(parameter), Self::from_inner(first), Self::from_inner(second))
    }

    fn max_pool(x: FloatTensor<Self>, windows: Windows) -> FloatTensor<Self> {
        match MaxPoolOp.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let x = x.into_primitive();
                let y = B::max_pool(x.clone(), windows);
                prep.finish((x, windows), y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::max_pool(x.into_primitive(), windows)),
        }
    }

    fn windows(x: FloatTensor<Self>, windows: Windows) -> FloatTensor<Self> {
        let shape = x.shape().dims::<4>();
        match WindowsOp.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((shape, windows), B::windows(x.into_primitive(), windows)),
            OpsKind::UnTracked(prep) => prep.finish(B::windows(x.into_primitive(), windows)),
        }
    }
}
