//! The fused operations on burn-flex (our kernels) against the same operations in plain tensor operations
//! on burn-ndarray, over odd shapes.

#![allow(deprecated, reason = "burn-ndarray is the plain baseline here")]

use burn::backend::Dispatch;
use burn::tensor::{Device, Tensor, TensorData};
use xception_web::fused::Precision;
use xception_web::fused::ops::{ConvInput, FusedOps, Geometry, ResidualInput, RowsInput, WeightsInput};
use xception_web::kernels::{self, Act};

use super::noise::noise;

/// Sums of up to a few hundred products in another order, relative to the largest result.
const F32_TOLERANCE: f32 = 1e-5;
/// Each pixel keeps 7 bits per input; over some ten inputs or more the errors average out.
const Q8_TOLERANCE: f32 = 2e-2;
/// One case of a convolution.
#[derive(Clone, Copy, Debug)]
struct Case {
    rows: &'static str,
    shape: [usize; 4],
    outputs: usize,
    stride: usize,
    padding: usize,
    lead: Act,
    between: Act,
    act: Act,
    residual: &'static str,
    precision: Precision,
}

impl Case {
    fn depth(&self) -> usize {
        if self.rows == "windows" { 9 * self.shape[1] } else { self.shape[1] }
    }

    fn run(&self, device: &Device, poison: Option<f32>) -> Vec<f32> {
        let [b, c, h, w] = self.shape;
        let float = |values: Vec<f32>, shape: Vec<usize>| TensorData::new(values, shape);
        let mut pixels = noise(b * c * h * w, 1);
        if let Some(poison) = poison {
            pixels[0] = poison;
        }
        let x = Tensor::<4>::from_data(float(pixels, self.shape.to_vec()), device);
        let vector =
            |len: usize, seed: u32| Tensor::<1>::from_data(float(noise(len, seed), vec![len]), device);
        let kernel = noise(self.outputs * self.depth(), 2);
        let rows = match self.rows {
            "points" => RowsInput::Points,
            "windows" => RowsInput::Windows,
            _ => RowsInput::Depthwise {
                kernel: vector(9 * c, 3).reshape([9, c]).into_dispatch(),
                bias: vector(c, 4).into_dispatch(),
                between: self.between,
            },
        };
        let weights = match self.precision {
            Precision::F32 => {
                let packed = kernels::pack(&kernel, self.outputs, self.depth());
                let len = packed.len();
                WeightsInput::F32 {
                    values: Tensor::<1>::from_data(float(packed, vec![len]), device).into_dispatch(),
                }
            }
            Precision::Q8 => {
                let packed = kernels::pack_q8(&kernel, self.outputs, self.depth());
                let len = packed.values.len();
                let values = TensorData::new(packed.values, [len]);
                let options = (device, burn::tensor::DType::I8);
                let floats = |x: Vec<f32>| {
                    Tensor::<1>::from_data(float(x, vec![self.outputs]), device).into_dispatch()
                };
                WeightsInput::Q8 {
                    values: Tensor::<1, burn::tensor::Int>::from_data(values, options).into_dispatch(),
                    scales: floats(packed.scales),
                    sums: floats(packed.sums),
                }
            }
        };
        let geometry =
            Geometry { stride: self.stride, padding: self.padding, lead: self.lead, act: self.act };
        let side = if self.rows == "points" { 1 } else { 3 };
        let output = [h, w].map(|size| (size + 2 * self.padding - side) / self.stride + 1);
        let values = || {
            let shape = [b, self.outputs, output[0], output[1]];
            let values = noise(shape.iter().product(), 6);
            Tensor::<4>::from_data(float(values, shape.to_vec()), device).into_dispatch()
        };
        let residual = match self.residual {
            "sum" => ResidualInput::Sum { values: values() },
            "scaled" => {
                ResidualInput::Scaled { values: values(), scale: vector(self.outputs, 7).into_dispatch() }
            }
            _ => ResidualInput::None,
        };
        let bias = vector(self.outputs, 8).into_dispatch();
        let input = ConvInput { x: x.into_dispatch(), rows, weights, bias, residual, geometry };
        let y: Tensor<4> = Tensor::from_dispatch(Dispatch::fused_conv(input));
        assert_eq!(y.dims(), [b, self.outputs, output[0], output[1]], "{self:?}");
        y.into_data().try_into_vec_as::<f32>().unwrap()
    }
}

/// Every way of making rows, over odd and unequal sides, channels that fill no vector, one picture and three.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let shapes = [[1, 5, 7, 9], [3, 11, 6, 5], [1, 19, 13, 3], [2, 64, 5, 8], [1, 33, 1, 2], [1, 16, 17, 11]];
    for (at, shape) in shapes.into_iter().enumerate() {
        for rows in ["points", "windows", "depthwise"] {
            for (stride, padding) in [(1, 1), (2, 1), (1, 0), (2, 0)] {
                let padding = if rows == "points" { 0 } else { padding };
                if rows != "points" && padding == 0 && shape[2].min(shape[3]) < 3 {
                    continue;
                }
                for precision in [Precision::F32, Precision::Q8] {
                    let turn = cases.len();
                    cases.push(Case {
                        rows,
                        shape,
                        outputs: [1, 7, 8, 16, 23, 40][(at + turn) % 6],
                        stride,
                        padding,
                        lead: [Act::None, Act::Relu][turn % 2],
                        between: [Act::Relu, Act::None][turn / 2 % 2],
                        act: [Act::None, Act::Relu][turn / 3 % 2],
                        residual: ["none", "sum", "scaled"][turn % 3],
                        precision,
                    });
                }
            }
        }
    }
    cases
}

fn devices() -> [Device; 2] {
    [Device::flex(), Device::ndarray()]
}

#[test]
fn every_convolution_gives_what_plain_operations_give() {
    let [fast, plain] = devices();
    for case in cases() {
        let (found, expected) = (case.run(&fast, None), case.run(&plain, None));
        let scale = expected.iter().fold(1.0f32, |scale, x| scale.max(x.abs()));
        let tolerance = match case.precision {
            Precision::F32 => F32_TOLERANCE,
            Precision::Q8 => Q8_TOLERANCE,
        };
        for (at, (a, b)) in found.iter().zip(&expected).enumerate() {
            assert!((a - b).abs() <= tolerance * scale, "{case:?} at {at}: {a}, plain {b}");
        }
    }
}

/// What a number that is not finite is, or that it is finite.
fn class(x: f32) -> &'static str {
    match x {
        f32::INFINITY => "∞",
        f32::NEG_INFINITY => "−∞",
        x if x.is_nan() => "NaN",
        _ => "finite",
    }
}

#[test]
fn a_number_that_is_not_finite_shows_where_it_does_in_plain_operations() {
    let [fast, plain] = devices();
    for case in cases() {
        assert!(case.run(&fast, None).iter().all(|x| x.is_finite()), "{case:?}");
        for poison in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let found = case.run(&fast, Some(poison));
            // In int8 a row with such a number has no steps: all that it leads to is NaN, ReLU or not.
            let expected: Vec<_> = match case.precision {
                Precision::F32 => case.run(&plain, Some(poison)).into_iter().map(class).collect(),
                Precision::Q8 => {
                    let sums = Case { act: Act::None, ..case }.run(&plain, Some(poison));
                    sums.into_iter().map(|x| if x.is_finite() { "finite" } else { "NaN" }).collect()
                }
            };
            // The first pixel is passed by in no case, and NaN passes through everything.
            assert!(!poison.is_nan() || expected.contains(&"NaN"), "{case:?} has no {poison}");
            let found: Vec<_> = found.into_iter().map(class).collect();
            assert_eq!(found, expected, "{case:?} with {poison}");
        }
    }
}

#[test]
fn every_pool_gives_what_plain_operations_give() {
    let [fast, plain] = devices();
    for [b, c, h, w] in [[1, 5, 7, 9], [3, 8, 6, 5], [1, 3, 1, 1], [2, 7, 2, 12]] {
        for before in [[1, 1], [h % 2, w % 2]] {
            let run = |device: &Device| {
                let data = |shape: [usize; 4], seed: u32| {
                    let values = noise(shape.iter().product(), seed);
                    Tensor::<4>::from_data(TensorData::new(values, shape), device).into_dispatch()
                };
                let bridge = data([b, c, h.div_ceil(2), w.div_ceil(2)], 2);
                let y: Tensor<4> =
                    Tensor::from_dispatch(Dispatch::pool_sum(data([b, c, h, w], 1), bridge, before));
                let mean: Tensor<4> = Tensor::from_dispatch(Dispatch::mean_pixels(data([b, c, h, w], 3)));
                let mut all = y.into_data().try_into_vec_as::<f32>().unwrap();
                all.extend(mean.into_data().try_into_vec_as::<f32>().unwrap());
                all
            };
            for (a, b) in run(&fast).into_iter().zip(run(&plain)) {
                assert!((a - b).abs() < F32_TOLERANCE, "{a}, plain {b}");
            }
        }
    }
}
