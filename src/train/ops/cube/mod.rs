//! The training operations on a GPU, by kernels of our own: Burn's convolutions by channel have a gradient that takes
//! one launch per channel.

mod kernels;

use burn::backend::TensorMetadata;
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::{CubeCount, CubeDim, calculate_cube_count_elemwise};

use super::{AdamWStep, PoolGeometry, TrainGradients, TrainOps};
use kernels::{ROWS, TAPS};

/// Units that keep a large GPU busy; sums over pixels are divided among about as many.
const UNITS: usize = 1 << 18;
/// Parts that one unit adds up in one go; more are added up in two.
const PARTS: usize = 128;
/// Rows below which it is not worth while to divide a sum further.
const FEW_ROWS: usize = 8;
/// Numbers that a unit reads at once, where channels allow it.
const LANES: usize = 4;

fn empty<const D: usize>(like: &CubeTensor, shape: [usize; D]) -> CubeTensor {
    empty_device_dtype(like.client.clone(), like.device.clone(), shape.into(), like.dtype)
}

/// As many units as asked for, and a few more that end at once.
fn units(like: &CubeTensor, count: usize) -> (CubeCount, CubeDim) {
    let dim = CubeDim::new(&like.client, count);
    (calculate_cube_count_elemwise(&like.client, count, dim), dim)
}

/// How rows are divided among units that sum up `width` numbers of each: parts, and rows of each.
fn divided(rows: usize, width: usize) -> (usize, usize) {
    let span = rows.div_ceil((UNITS / width).max(1)).max(FEW_ROWS);
    (rows.div_ceil(span), span)
}

/// The sum of `count` parts, which are `parts`' first dimension; `shape` is that of each.
fn summed<const D: usize>(mut parts: CubeTensor, mut count: usize, shape: [usize; D]) -> CubeTensor {
    let length = shape.iter().product::<usize>();
    loop {
        let span = if count > PARTS { count.isqrt() } else { count };
        let left = count.div_ceil(span);
        let sums = empty(&parts, [left, length]);
        let (cubes, dim) = units(&parts, left * length);
        // SAFETY: as many numbers as `sums` has are written, and parts beyond the last are not read.
        unsafe {
            kernels::sum_parts::launch_unchecked(
                &sums.client,
                cubes,
                dim,
                parts.into_tensor_arg(),
                sums.clone().into_tensor_arg(),
                count,
                length,
                span,
            );
        }
        if left == 1 {
            return CubeBackend::float_reshape(sums, shape.into());
        }
        (parts, count) = (sums, left);
    }
}

fn depthwise(x: CubeTensor, w: CubeTensor, flipped: bool) -> CubeTensor {
    let dims @ [_, h, wd, c] = x.shape().dims::<4>();
    let y = empty(&x, dims);
    let (cubes, dim) = units(&x, dims.iter().product());
    // SAFETY: a unit writes its own number of `y`, and reads `x` where the kernel lies inside the picture.
    unsafe {
        kernels::depthwise::launch_unchecked(
            &y.client,
            cubes,
            dim,
            x.into_tensor_arg(),
            w.into_tensor_arg(),
            y.clone().into_tensor_arg(),
            h,
            wd,
            c,
            flipped,
        );
    }
    y
}

/// `[N, I]` by `[I, O]`.
fn product(x: CubeTensor, w: CubeTensor) -> CubeTensor {
    let ([rows, inner], [_, columns]) = (x.shape().dims::<2>(), w.shape().dims::<2>());
    let lanes = lanes(inner, columns);
    let y = empty(&x, [rows, columns]);
    let columns = columns / lanes;
    let (cubes, dim) = units(&x, rows.div_ceil(ROWS) * columns);
    // SAFETY: a unit reads and writes rows below `rows` only, and all others are given by the operands' shapes.
    unsafe {
        kernels::product::launch_unchecked(
            &y.client,
            cubes,
            dim,
            lanes,
            x.into_tensor_arg(),
            w.into_tensor_arg(),
            y.clone().into_tensor_arg(),
            rows,
            inner,
            columns,
        );
    }
    y
}

fn lanes(inner: usize, columns: usize) -> usize {
    if inner.is_multiple_of(LANES) && columns.is_multiple_of(LANES) { LANES } else { 1 }
}

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
            kernels::moments::launch_unchecked(
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
            kernels::statistics::launch_unchecked(
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
            kernels::normalise::launch_unchecked(
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

    fn max_pool(x: FloatTensor<Self>, geometry: PoolGeometry) -> FloatTensor<Self> {
        let x = into_contiguous(x);
        let [b, h, wd, c] = x.shape().dims::<4>();
        let [rows, columns] = geometry.output;
        let y = empty(&x, [b, rows, columns, c]);
        let (cubes, dim) = units(&x, b * rows * columns * c);
        // SAFETY: a unit writes its own number of `y`, and reads pixels inside the picture only.
        unsafe {
            kernels::max_pool::launch_unchecked(
                &y.client,
                cubes,
                dim,
                x.into_tensor_arg(),
                y.clone().into_tensor_arg(),
                h,
                wd,
                rows,
                columns,
                geometry.before[0],
                geometry.before[1],
                c,
            );
        }
        y
    }

    fn windows(x: FloatTensor<Self>, stride: usize) -> FloatTensor<Self> {
        let x = into_contiguous(x);
        let [b, h, wd, c] = x.shape().dims::<4>();
        let [rows, columns] = [h, wd].map(|side| (side - 3) / stride + 1);
        let y = empty(&x, [b * rows * columns, TAPS * c]);
        let (cubes, dim) = units(&x, b * rows * columns * TAPS * c);
        // SAFETY: a unit writes its own number of `y`, and windows lie inside the picture.
        unsafe {
            kernels::windows::launch_unchecked(
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
            kernels::adamw::launch_unchecked(
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
            kernels::depthwise_taps::launch_unchecked(
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
            kernels::normalise_sums::launch_unchecked(
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
            kernels::normalise_backward::launch_unchecked(
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
        geometry: PoolGeometry,
    ) -> FloatTensor<Self> {
        let [x, grad] = [x, grad].map(into_contiguous);
        let dims @ [_, h, wd, c] = x.shape().dims::<4>();
        let back = empty(&x, dims);
        let (cubes, dim) = units(&x, dims.iter().product());
        // SAFETY: a unit writes its own number of `back`, and reads windows and pixels that there are.
        unsafe {
            kernels::max_pool_backward::launch_unchecked(
                &back.client,
                cubes,
                dim,
                x.into_tensor_arg(),
                grad.into_tensor_arg(),
                back.clone().into_tensor_arg(),
                h,
                wd,
                geometry.output[0],
                geometry.output[1],
                geometry.before[0],
                geometry.before[1],
                c,
            );
        }
        back
    }

    fn windows_backward(grad: FloatTensor<Self>, shape: [usize; 4], stride: usize) -> FloatTensor<Self> {
        let grad = into_contiguous(grad);
        let [_, h, wd, c] = shape;
        let [rows, columns] = [h, wd].map(|side| (side - 3) / stride + 1);
        let back = empty(&grad, shape);
        let (cubes, dim) = units(&grad, shape.iter().product());
        // SAFETY: a unit writes its own number of `back`, and reads windows that there are.
        unsafe {
            kernels::windows_backward::launch_unchecked(
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
            kernels::product_weights::launch_unchecked(
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
