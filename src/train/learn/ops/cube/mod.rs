//! The training operations on a GPU, by kernels of our own: Burn's convolutions by channel have a gradient that takes
//! one launch per channel.

mod backward;
mod forward;
mod kernels;

use burn::backend::TensorMetadata;
use burn::backend::ops::FloatTensorOps;
use burn_cubecl::CubeBackend;
use burn_cubecl::ops::numeric::empty_device_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::{CubeCount, CubeDim, calculate_cube_count_elemwise};

use kernels::product::ROWS;

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
            kernels::sum::sum_parts::launch_unchecked(
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
        kernels::depthwise::depthwise::launch_unchecked(
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
        kernels::product::product::launch_unchecked(
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
