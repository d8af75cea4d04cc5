//! Gradients.

use burn::backend::TensorMetadata;
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;

use super::super::TrainGradients;
use super::kernels::{self, TAPS};
use super::{depthwise, divided, empty, lanes, product, summed, units};
use xception_kernels::Windows;

impl TrainGradients for CubeBackend {
    fn depthwise_backward(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let [x, w, grad] = [x, w, grad].map(into_contiguous);
        let [b, h, wd, c] = x.shape().dims::<4>();
        let rows = b * h;
        let (count, span) = divided(rows, c);
        let parts = empty(&x, [count, TAPS, c]);
        let (cubes, dim) = units(&x, count * c);
        // SAFETY: a unit writes its own nine numbers of `parts`, and reads `x` inside the picture only.
        unsafe {
            kernels::depthwise::depthwise_taps::launch_unchecked(
                &x.client,
                cubes,
                dim,
                x.clone().into_tensor_arg(),
                grad.clone().into_tensor_arg(),
                parts.clone().into_tensor_arg(),
                h,
                wd,
                c,
                rows,
                span,
            );
        }
        (depthwise(grad, w, true), summed(parts, count, [TAPS, c]))
    }

    fn batch_norm_act_backward(
        x: FloatTensor<Self>,
        saved: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        epsilon: f32,
        floor: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [x, saved, grad] = [x, saved, grad].map(into_contiguous);
        let dims @ [b, h, wd, c] = x.shape().dims::<4>();
        let rows = b * h * wd;
        let (count, span) = divided(rows, c);
        let parts = empty(&x, [count, 2, c]);
        let (cubes, dim) = units(&x, count * c);
        // SAFETY: as in the forward pass.
        unsafe {
            kernels::norm::normalise_sums::launch_unchecked(
                &x.client,
                cubes,
                dim,
                x.clone().into_tensor_arg(),
                saved.clone().into_tensor_arg(),
                grad.clone().into_tensor_arg(),
                parts.clone().into_tensor_arg(),
                c,
                rows,
                span,
                epsilon,
                floor == 0.0,
            );
        }
        let sums = summed(parts, count, [2, c]);
        let back = empty(&x, dims);
        let (cubes, dim) = units(&x, rows * c);
        // SAFETY: a unit reads and writes its own number.
        unsafe {
            kernels::norm::normalise_backward::launch_unchecked(
                &x.client,
                cubes,
                dim,
                x.clone().into_tensor_arg(),
                saved.into_tensor_arg(),
                grad.into_tensor_arg(),
                sums.clone().into_tensor_arg(),
                back.clone().into_tensor_arg(),
                c,
                1.0 / rows as f32,
                epsilon,
                floor == 0.0,
            );
        }
        let [beta, gamma] = [0, 1].map(|at| {
            let part = Self::float_slice(sums.clone(), &[(at..at + 1).into(), (0..c).into()]);
            Self::float_reshape(into_contiguous(part), [c].into())
        });
        (back, gamma, beta)
    }

    fn max_pool_backward(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        windows: Windows,
    ) -> FloatTensor<Self> {
        let [x, grad] = [x, grad].map(into_contiguous);
        let dims @ [_, h, wd, c] = x.shape().dims::<4>();
        let back = empty(&x, dims);
        let (cubes, dim) = units(&x, dims.iter().product());
        // SAFETY: a unit writes its own number of `back`, and reads windows and pixels that there are.
        unsafe {
            kernels::pool::max_pool_backward::launch_unchecked(
                &back.client,
                cubes,
                dim,
                x.into_tensor_arg(),
                grad.into_tensor_arg(),
                back.clone().into_tensor_arg(),
                h,
                wd,
                windows.output[0],
                windows.output[1],
                windows.before[0],
                windows.before[1],
                c,
            );
        }
        back
    }

    fn windows_backward(grad: FloatTensor<Self>, shape: [usize; 4], windows: Windows) -> FloatTensor<Self> {
        let grad = into_contiguous(grad);
        let [_, h, wd, c] = shape;
        let Windows { stride, output: [rows, columns], .. } = windows;
        let back = empty(&grad, shape);
        let (cubes, dim) = units(&grad, shape.iter().product());
        // SAFETY: a unit writes its own number of `back`, and reads windows that there are.
        unsafe {
            kernels::windows::windows_backward::launch_unchecked(
                &back.client,
                cubes,
                dim,
                grad.into_tensor_arg(),
                back.clone().into_tensor_arg(),
                h,
                wd,
                rows,
                columns,
                c,
                stride,
            );
        }
        back
    }

    fn product_backward(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let [x, grad] = [x, grad].map(into_contiguous);
        let transposed = into_contiguous(Self::float_transpose(w));
        let ([rows, inner], [_, columns]) = (x.shape().dims::<2>(), grad.shape().dims::<2>());
        let lanes = lanes(inner, columns);
        let (vectors, across) = (inner / lanes, columns / lanes);
        let blocks = vectors.div_ceil(2) * across;
        let (count, span) = divided(rows, blocks);
        let parts = empty(&x, [count, inner, columns]);
        let (cubes, dim) = units(&x, count * blocks);
        // SAFETY: a unit writes its own block of its part, and reads rows below `rows`.
        unsafe {
            kernels::product::product_weights::launch_unchecked(
                &parts.client,
                cubes,
                dim,
                lanes,
                x.into_tensor_arg(),
                grad.clone().into_tensor_arg(),
                parts.clone().into_tensor_arg(),
                rows,
                vectors,
                across,
                span,
            );
        }
        (product(grad, transposed), summed(parts, count, [inner, columns]))
    }
}
