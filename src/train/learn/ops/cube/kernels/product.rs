//! Matrix products.

use cubecl::prelude::*;

/// Rows of a product that one unit makes: with four columns, sixteen vectors of sums and operands, which fit into the
/// registers of every GPU.
pub const ROWS: usize = 8;

/// Product of `x` `[rows, inner]` and `w`: [`ROWS`] rows and one of `columns` vectors a unit.
#[cube(launch_unchecked)]
pub fn product<N: Size>(
    x: &Tensor<Vector<f32, N>>,
    w: &Tensor<Vector<f32, N>>,
    y: &mut Tensor<Vector<f32, N>>,
    rows: usize,
    inner: usize,
    columns: usize,
) {
    let at = ABSOLUTE_POS;
    let column = at % columns;
    let first = at / columns * ROWS;
    if first >= rows {
        terminate!();
    }
    let lanes = w.vector_size().comptime();
    let steps = inner / lanes;
    let mut starts = Array::<usize>::new(ROWS);
    let mut sums = Array::<Vector<f32, N>>::new(ROWS);
    #[unroll]
    for row in 0..ROWS {
        // Rows beyond the end are the last one over again.
        starts[row] = min(first + row, rows - 1) * steps;
        sums[row] = Vector::new(0.0f32);
    }
    for step in 0..steps {
        let mut weights = Array::<Vector<f32, N>>::new(lanes);
        #[unroll]
        for lane in 0..lanes {
            weights[lane] = w[(step * lanes + lane) * columns + column];
        }
        #[unroll]
        for row in 0..ROWS {
            let values = x[starts[row] + step];
            #[unroll]
            for lane in 0..lanes {
                sums[row] += Vector::new(values.extract(lane)) * weights[lane];
            }
        }
    }
    #[unroll]
    for row in 0..ROWS {
        if first + row < rows {
            y[(first + row) * columns + column] = sums[row];
        }
    }
}

/// Parts of the gradient of a product's weights, `[S, inner, columns]`: each over `span` rows, two vectors
/// of inputs by one of outputs a unit. `inner` and `columns` count vectors.
#[cube(launch_unchecked)]
pub fn product_weights<N: Size>(
    x: &Tensor<Vector<f32, N>>,
    grad: &Tensor<Vector<f32, N>>,
    parts: &mut Tensor<Vector<f32, N>>,
    rows: usize,
    inner: usize,
    columns: usize,
    span: usize,
) {
    let at = ABSOLUTE_POS;
    let column = at % columns;
    let blocks = (inner + 1) / 2;
    let input = at / columns % blocks * 2;
    let part = at / columns / blocks;
    if part * span >= rows {
        terminate!();
    }
    let lanes = x.vector_size().comptime();
    let other = min(input + 1, inner - 1);
    let mut sums = Array::<Vector<f32, N>>::new(comptime!(2 * lanes));
    #[unroll]
    for lane in 0..2 * lanes {
        sums[lane] = Vector::new(0.0f32);
    }
    let end = min(part * span + span, rows);
    for row in part * span..end {
        let g = grad[row * columns + column];
        let a = x[row * inner + input];
        let b = x[row * inner + other];
        #[unroll]
        for lane in 0..lanes {
            sums[lane] += Vector::new(a.extract(lane)) * g;
            sums[lanes + lane] += Vector::new(b.extract(lane)) * g;
        }
    }
    let to = (part * inner + input) * lanes;
    #[unroll]
    for lane in 0..lanes {
        parts[(to + lane) * columns + column] = sums[lane];
        if input + 1 < inner {
            parts[(to + lanes + lane) * columns + column] = sums[lanes + lane];
        }
    }
}
