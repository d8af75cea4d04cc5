//! The same operations in plain loops, one number at a time.

use xception_kernels::{Act, Conv, MaxPool, PANEL, Rows, STEP, Weights, Windows};

fn act(act: Act, x: f64) -> f64 {
    // NaN is not below zero.
    if act == Act::Relu && x < 0.0 { 0.0 } else { x }
}

/// The input's number, which is zero outside of the picture.
fn pixel(conv: &Conv<'_>, image: usize, [y, x]: [isize; 2], channel: usize) -> f32 {
    let [_, h, w, c] = conv.shape;
    if y < 0 || x < 0 || y >= h as isize || x >= w as isize {
        return 0.0;
    }
    let at = ((image * h + y as usize) * w + x as usize) * c + channel;
    act(conv.lead, conv.input[at].into()) as f32
}

/// What output pixel `[y, x]` sees, `[K]`.
fn row(conv: &Conv<'_>, image: usize, [y, x]: [usize; 2]) -> Vec<f32> {
    let c = conv.shape[3];
    let Windows { stride, before, .. } = conv.windows;
    let under = |tap: usize| {
        [
            (y * stride + tap / 3) as isize - before[0] as isize,
            (x * stride + tap % 3) as isize - before[1] as isize,
        ]
    };
    match conv.rows {
        Rows::Points => (0..c).map(|n| pixel(conv, image, under(0), n)).collect(),
        Rows::Windows => (0..9 * c).map(|k| pixel(conv, image, under(k / c), k % c)).collect(),
        Rows::Depthwise { kernel, bias, between } => (0..c)
            .map(|n| {
                let mut sum = bias[n];
                for tap in 0..9 {
                    let [y, x] = under(tap);
                    // Outside, no weight counts, not even NaN.
                    if (0..conv.shape[1] as isize).contains(&y) && (0..conv.shape[2] as isize).contains(&x) {
                        sum += pixel(conv, image, [y, x], n) * kernel[tap * c + n];
                    }
                }
                act(between, sum.into()) as f32
            })
            .collect(),
    }
}

/// The row in 127 steps from its smallest to its largest number: whole numbers, the step, the smallest.
fn quantise(row: &[f32]) -> (Vec<i64>, f64, f64) {
    if row.iter().any(|x| !x.is_finite()) {
        return (vec![0; row.len()], f64::NAN, f64::NAN);
    }
    let (least, most) = row.iter().fold((row[0], row[0]), |(least, most), &x| (least.min(x), most.max(x)));
    let size = (most - least) / 127.0;
    let inverse = if size > 0.0 { 1.0 / size } else { 0.0 };
    let whole = row.iter().map(|x| ((x - least) * inverse).round_ties_even() as i64);
    (whole.collect(), size.into(), least.into())
}

/// The weight of output `output` and input `k` of panels `[K, PANEL]`.
pub fn weight_f32(values: &[f32], depth: usize, output: usize, k: usize) -> f32 {
    values[(output / PANEL * depth + k) * PANEL + output % PANEL]
}

/// The weight of output `output` and input `k` of panels `[K / 4, PANEL, 4]`.
pub fn weight_q8(values: &[i8], depth: usize, output: usize, k: usize) -> i64 {
    let panel = output / PANEL * PANEL * depth.next_multiple_of(STEP);
    values[panel + (k / 4 * PANEL + output % PANEL) * 4 + k % 4].into()
}

/// `kernel` is `[C', K]`, for f32.
pub fn conv(conv: &Conv<'_>, kernel: &[f32]) -> Vec<f64> {
    let ([b, _, _, c], [h, w], outputs) = (conv.shape, conv.windows.output, conv.bias.len());
    let depth = if matches!(conv.rows, Rows::Windows { .. }) { 9 * c } else { c };
    let mut result = Vec::new();
    for at in 0..b * h * w {
        let row = row(conv, at / (h * w), [at / w % h, at % w]);
        let (whole, size, least) = quantise(&row);
        for output in 0..outputs {
            let mut sum = f64::from(conv.bias[output]);
            match conv.weights {
                Weights::F32(_) => {
                    for (k, &x) in row.iter().enumerate() {
                        sum += f64::from(x) * f64::from(kernel[output * depth + k]);
                    }
                }
                Weights::Q8 { values, scales, sums } => {
                    let product = |(k, x): (usize, &i64)| x * weight_q8(values, depth, output, k);
                    let whole: i64 = whole.iter().enumerate().map(product).sum();
                    sum += size * whole as f64 * f64::from(scales[output]) + least * f64::from(sums[output]);
                }
            }
            if let Some(residual) = conv.residual {
                let factor = residual.scale.map_or(1.0, |scale| scale[output]);
                sum += f64::from(residual.values[at * outputs + output]) * f64::from(factor);
            }
            result.push(act(conv.act, sum));
        }
    }
    result
}

/// The largest number of each window, NaN if one of them is, plus the bridge.
pub fn max_pool(pool: &MaxPool<'_>) -> Vec<f64> {
    let ([b, h, w, c], [out_h, out_w]) = (pool.shape, pool.windows.output);
    let mut result = Vec::new();
    for at in 0..b * out_h * out_w * c {
        let (image, y, x, n) = (at / c / out_w / out_h, at / c / out_w % out_h, at / c % out_w, at % c);
        let mut largest = f32::NEG_INFINITY;
        for tap in 0..9 {
            let (y, x) = (2 * y + tap / 3, 2 * x + tap % 3);
            if y < pool.windows.before[0] || x < pool.windows.before[1] {
                continue;
            }
            let (y, x) = (y - pool.windows.before[0], x - pool.windows.before[1]);
            if y < h && x < w {
                let value = pool.input[((image * h + y) * w + x) * c + n];
                largest = if value.is_nan() || value > largest { value } else { largest };
            }
            if largest.is_nan() {
                break;
            }
        }
        result.push(f64::from(largest) + f64::from(pool.bridge[at]));
    }
    result
}

/// `[B, H, W, C]` to `[B, C]`.
pub fn mean(input: &[f32], [b, h, w, c]: [usize; 4]) -> Vec<f64> {
    let of = |image: usize, n: usize| -> f64 {
        (0..h * w).map(|pixel| f64::from(input[(image * h * w + pixel) * c + n])).sum::<f64>()
            / (h * w) as f64
    };
    (0..b * c).map(|at| of(at / c, at % c)).collect()
}

/// The largest difference relative to the largest finite number expected; infinite where only one of both is
/// NaN, or is infinite with that sign.
pub fn difference(found: &[f32], expected: &[f64]) -> f64 {
    if found.len() != expected.len() {
        return f64::INFINITY;
    }
    let scale = expected.iter().filter(|x| x.is_finite()).fold(0.0f64, |scale, x| scale.max(x.abs()));
    let pairs = found.iter().map(|&x| f64::from(x)).zip(expected.iter().copied());
    let differences = pairs.map(|(a, b)| match a == b || a.is_nan() && b.is_nan() {
        true => 0.0,
        false if a.is_finite() && b.is_finite() => (a - b).abs() / scale.max(1e-6),
        false => f64::INFINITY,
    });
    differences.fold(0.0, f64::max)
}
