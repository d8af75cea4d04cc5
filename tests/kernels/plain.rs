//! The fused operations by our kernels, on burn-flex and on a GPU, against the same operations in plain tensor
//! operations on burn-ndarray, over odd shapes.

#![allow(deprecated, reason = "burn-ndarray is the plain baseline here")]

use burn::backend::Dispatch;
use burn::tensor::{DType, Device, Tensor, TensorData};
use xception_web::fused::Precision;
use xception_web::fused::ops::{ConvInput, FusedOps, Geometry, ResidualInput, RowsInput, WeightsInput};
use xception_web::kernels::{self, Act};
use xception_web::model::Window;

use super::fused_devices;
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
                // A GPU takes bytes in words of four.
                let (values, kind) = if on_gpu(device) {
                    let words = packed.values.as_chunks::<4>().0.iter();
                    let words = words.map(|bytes| i32::from_le_bytes(bytes.map(|byte| byte as u8)));
                    let words: Vec<i32> = words.collect();
                    let len = words.len();
                    (TensorData::new(words, [len]), DType::I32)
                } else {
                    let len = packed.values.len();
                    (TensorData::new(packed.values, [len]), DType::I8)
                };
                let options = (device, kind);
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
        let side = if self.rows == "points" { 1 } else { 3 };
        let window = Window { side, stride: self.stride, padding: self.padding };
        let geometry = Geometry { window, lead: self.lead, act: self.act };
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

fn on_gpu(device: &Device) -> bool {
    ![Device::flex(), Device::ndarray()].contains(device)
}

#[test]
fn every_convolution_gives_what_plain_operations_give() {
    let plain = Device::ndarray();
    for fast in fused_devices() {
        for case in cases() {
            let (found, expected) = (case.run(&fast, None), case.run(&plain, None));
            let scale = expected.iter().fold(1.0f32, |scale, x| scale.max(x.abs()));
            let tolerance = match case.precision {
                Precision::Q8 if !on_gpu(&fast) => Q8_TOLERANCE,
                // A GPU widens the weights, and takes the pixels as they are.
                _ => F32_TOLERANCE,
            };
            for (at, (a, b)) in found.iter().zip(&expected).enumerate() {
                assert!((a - b).abs() <= tolerance * scale, "{fast:?} {case:?} at {at}: {a}, plain {b}");
            }
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
    let plain = Device::ndarray();
    for fast in fused_devices() {
        for case in cases() {
            assert!(case.run(&fast, None).iter().all(|x| x.is_finite()), "{case:?}");
            for poison in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let found = case.run(&fast, Some(poison));
                // In int8 a row with such a number has no steps: all that it leads to is NaN, ReLU or not.
                let expected: Vec<_> = match case.precision {
                    Precision::Q8 if !on_gpu(&fast) => {
                        let sums = Case { act: Act::None, ..case }.run(&plain, Some(poison));
                        sums.into_iter().map(|x| if x.is_finite() { "finite" } else { "NaN" }).collect()
                    }
                    _ => case.run(&plain, Some(poison)).into_iter().map(class).collect(),
                };
                // The first pixel is passed by in no case, and NaN passes through everything.
                assert!(!poison.is_nan() || expected.contains(&"NaN"), "{case:?} has no {poison}");
                let found: Vec<_> = found.into_iter().map(class).collect();
                assert_eq!(found, expected, "{fast:?} {case:?} with {poison}");
            }
        }
    }
}

/// Numbers for a tensor of this shape.
fn data(shape: [usize; 4], seed: u32, device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(noise(shape.iter().product(), seed), shape), device)
}

fn numbers(tensors: impl IntoIterator<Item = Tensor<4>>) -> Vec<f32> {
    tensors.into_iter().flat_map(|tensor| tensor.into_data().try_into_vec_as::<f32>().unwrap()).collect()
}

#[test]
fn every_pool_gives_what_plain_operations_give() {
    let plain = Device::ndarray();
    for fast in fused_devices() {
        for shape @ [b, c, h, w] in [[1, 5, 7, 9], [3, 8, 6, 5], [1, 3, 1, 1], [2, 7, 2, 12]] {
            for before in [[1, 1], [h % 2, w % 2]] {
                let run = |device: &Device| {
                    let bridge = data([b, c, h.div_ceil(2), w.div_ceil(2)], 2, device).into_dispatch();
                    let y = Dispatch::pool_sum(data(shape, 1, device).into_dispatch(), bridge, before);
                    let mean = Dispatch::mean_pixels(data(shape, 3, device).into_dispatch());
                    numbers([y, mean].map(Tensor::from_dispatch))
                };
                for (a, b) in run(&fast).into_iter().zip(run(&plain)) {
                    assert!((a - b).abs() < F32_TOLERANCE, "{fast:?}: {a}, plain {b}");
                }
            }
        }
    }
}

/// A block's end: a bridge of stride 2 with the max-pool of what the block's convolutions made.
#[test]
fn a_convolution_with_a_pool_beside_it_gives_what_plain_operations_give() {
    let plain = Device::ndarray();
    for fast in fused_devices() {
        for [b, c, h, w, outputs] in [[1, 5, 7, 9, 3], [3, 8, 6, 5, 12], [1, 16, 17, 12, 40], [2, 4, 1, 2, 4]]
        {
            for before in [[1, 1], [h % 2, w % 2]] {
                let run = |device: &Device| {
                    let vector = |numbers: Vec<f32>| {
                        let len = numbers.len();
                        Tensor::<1>::from_data(TensorData::new(numbers, [len]), device).into_dispatch()
                    };
                    let packed = kernels::pack(&noise(outputs * c, 5), outputs, c);
                    let input = ConvInput {
                        x: data([b, c, h, w], 1, device).into_dispatch(),
                        rows: RowsInput::Points,
                        weights: WeightsInput::F32 { values: vector(packed) },
                        bias: vector(noise(outputs, 6)),
                        residual: ResidualInput::None,
                        geometry: Geometry { window: Window::point(2), lead: Act::None, act: Act::None },
                    };
                    let pooled = data([b, outputs, h, w], 2, device).into_dispatch();
                    numbers([Tensor::from_dispatch(Dispatch::conv_pool(input, pooled, before))])
                };
                for (a, b) in run(&fast).into_iter().zip(run(&plain)) {
                    assert!((a - b).abs() < F32_TOLERANCE, "{fast:?}: {a}, plain {b}");
                }
            }
        }
    }
}
