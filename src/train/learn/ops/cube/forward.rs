//! Values, and a step of AdamW.

use burn::backend::TensorMetadata;
use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_dtype;
use burn_cubecl::tensor::CubeTensor;

use super::super::{AdamWStep, TrainOps};
use super::kernels::{self, TAPS};
use super::{depthwise, divided, empty, product, summed, units};
use xception_kernels::Windows;

impl TrainOps for CubeBackend {
    fn depthwise(x: FloatTensor<Self>, w: FloatTensor<Self>) -> FloatTensor<Self> {
        depthwise(into_contiguous(x), into_contiguous(w), false)
    }

    fn batch_norm_act(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
        floor: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let [x, gamma, beta] = [x, gamma, beta].map(into_contiguous);
        let dims @ [b, h, wd, c] = x.shape().dims::<4>();
        let rows = b * h * wd;
        let (count, span) = divided(rows, c);
        let parts = empty(&x, [count, 2, c]);
        let (cubes, dim) = units(&x, count * c);
        // SAFETY: a unit writes its own two numbers of `parts`, of which there are as many as units that do not end.
        unsafe {
            kernels::norm::moments::launch_unchecked(
                &x.client,
                cubes,
                dim,
                x.clone().into_tensor_arg(),
                parts.clone().into_tensor_arg(),
                c,
                rows,
                span,
            );
        }
        let sums = summed(parts, count, [2, c]);
        let saved = empty(&x, [4, c]);
        let (cubes, dim) = units(&x, c);
        // SAFETY: units below `c` write four numbers each.
        unsafe {
            kernels::norm::statistics::launch_unchecked(
                &x.client,
                cubes,
                dim,
                x.clone().into_tensor_arg(),
                sums.into_tensor_arg(),
                gamma.into_tensor_arg(),
                beta.into_tensor_arg(),
                saved.clone().into_tensor_arg(),
                c,
                1.0 / rows as f32,
            );
        }
        let y = empty(&x, dims);
        let (cubes, dim) = units(&x, rows * c);
        // SAFETY: a unit reads and writes its own number.
        unsafe {
            kernels::norm::normalise::launch_unchecked(
                &x.client,
                cubes,
                dim,
                x.clone().into_tensor_arg(),
                saved.clone().into_tensor_arg(),
                y.clone().into_tensor_arg(),
                c,
                epsilon,
                floor == 0.0,
            );
        }
        (y, saved)
    }

    fn max_pool(x: FloatTensor<Self>, windows: Windows) -> FloatTensor<Self> {
        let x = into_contiguous(x);
        let [b, h, wd, c] = x.shape().dims::<4>();
        let [rows, columns] = windows.output;
        let y = empty(&x, [b, rows, columns, c]);
        let (cubes, dim) = units(&x, b * rows * columns * c);
        // SAFETY: a unit writes its own number of `y`, and reads pixels inside the picture only.
        unsafe {
            kernels::pool::max_pool::launch_unchecked(
                &y.client,
                cubes,
                dim,
                x.into_tensor_arg(),
                y.clone().into_tensor_arg(),
                h,
                wd,
                rows,
                columns,
                windows.before[0],
                windows.before[1],
                c,
            );
        }
        y
    }

    fn windows(x: FloatTensor<Self>, windows: Windows) -> FloatTensor<Self> {
        let x = into_contiguous(x);
        let [b, h, wd, c] = x.shape().dims::<4>();
        let Windows { stride, output: [rows, columns], .. } = windows;
        let y = empty(&x, [b * rows * columns, TAPS * c]);
        let (cubes, dim) = units(&x, b * rows * columns * TAPS * c);
        // SAFETY: a unit writes its own number of `y`, and windows lie inside the picture.
        unsafe {
            kernels::windows::windows::launch_unchecked(
                &y.client,
                cubes,
                dim,
                x.into_tensor_arg(),
                y.clone().into_tensor_arg(),
                h,
                wd,
                rows,
                columns,
                c,
                stride,
            );
        }
        y
    }

    fn product(x: FloatTensor<Self>, w: FloatTensor<Self>) -> FloatTensor<Self> {
        product(into_contiguous(x), into_contiguous(w))
    }

    fn adamw(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        step: AdamWStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [parameter, gradient, first, second] = [parameter, gradient, first, second].map(into_contiguous);
        let like = |tensor: &CubeTensor| {
            empty_device_dtype(tensor.client.clone(), tensor.device.clone(), tensor.shape(), tensor.dtype)
        };
        let after = [&parameter, &first, &second].map(like);
        let (cubes, dim) = units(&after[0], parameter.meta.num_elements());
        // SAFETY: a unit reads and writes its own numbers, and all seven tensors have one shape.
        unsafe {
            kernels::adamw::adamw::launch_unchecked(
                &after[0].client,
                cubes,
                dim,
                parameter.into_tensor_arg(),
                gradient.into_tensor_arg(),
                first.into_tensor_arg(),
                second.into_tensor_arg(),
                after[0].clone().into_tensor_arg(),
                after[1].clone().into_tensor_arg(),
                after[2].clone().into_tensor_arg(),
                step.betas[0],
                step.betas[1],
                step.rate,
                step.scale,
                step.epsilon,
                step.keep,
            );
        }
        after.into()
    }
}
