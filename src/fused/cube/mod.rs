//! The fused operations on a GPU, by kernels of our own. Tensors lie there as on the CPU, `[B, H, W, C]`, and so do the
//! packed weights.

mod kernels;
mod product;
mod read;
mod record;
mod tile;

use burn::backend::TensorMetadata;
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::{CubeCount, CubeDim, calculate_cube_count_elemwise};

use super::ops::{ConvInput, FusedOps, Geometry, ResidualInput, RowsInput, WeightsInput};
use crate::kernels::{Act, PANEL, STEP, TAPS};
use crate::model::Window;
use kernels::PlacesLaunch;
pub(super) use read::numbers;
pub(crate) use read::on_gpu;
pub(super) use record::Recorder;
use tile::{Product, UNITS, tile};
pub use tile::{TILES, Tile, set_software, set_tile, tile_of_adapter};

/// Channels that are read at once, where they divide so.
const LANES: usize = 4;
/// Weights in a word of int8.
const BYTES: usize = 4;
/// Neighbouring pixels that a unit of a depthwise convolution makes.
const NEIGHBOURS: usize = 4;

/// A picture's tensor as it lies: `[B, H, W, C]` without gaps.
struct Pixels {
    tensor: CubeTensor,
    shape: [usize; 4],
}

impl Pixels {
    /// `[B, C, H, W]` as `[B, H, W, C]`: nothing moves when it lies so already.
    fn of(tensor: CubeTensor) -> Self {
        let tensor = into_contiguous(CubeBackend::float_permute(tensor, &[0, 2, 3, 1]));
        let shape = tensor.shape().dims();
        Self { tensor, shape }
    }

    fn empty(like: &CubeTensor, shape: [usize; 4]) -> Self {
        let (client, device) = (like.client.clone(), like.device.clone());
        Self { tensor: empty_device_dtype(client, device, shape.into(), like.dtype), shape }
    }

    /// With Burn's shape.
    fn channels_first(self) -> CubeTensor {
        CubeBackend::float_permute(self.tensor, &[0, 3, 1, 2])
    }

    /// Where a convolution to `output` sees its pixels.
    fn places(&self, [rows, columns]: [usize; 2]) -> PlacesLaunch {
        let [_, height, width, _] = self.shape;
        PlacesLaunch::new(height, width, rows, columns)
    }
}

/// As many units as asked for, and a few more that end at once.
fn units(like: &CubeTensor, count: usize) -> (CubeCount, CubeDim) {
    let dim = CubeDim::new_1d(UNITS as u32);
    (calculate_cube_count_elemwise(&like.client, count, dim), dim)
}

/// Workgroups of a product of `pixels` and `columns` vectors.
fn groups(like: &CubeTensor, pixels: usize, columns: usize, tile: Tile) -> (CubeCount, CubeDim) {
    let [down, across] = tile.group();
    let count = pixels.div_ceil(down * tile.rows) * columns.div_ceil(across * tile.columns);
    let dim = CubeDim::new_1d(tile.units as u32);
    (calculate_cube_count_elemwise(&like.client, count * tile.units, dim), dim)
}

/// A packed kernel: numbers, or words of int8 with what their steps are worth; and the rows of a panel.
struct Packed {
    values: Option<CubeTensor>,
    words: Option<CubeTensor>,
    steps: Option<CubeTensor>,
    depth: usize,
}

impl Packed {
    /// Of a kernel that sums up `depth` products.
    fn of(weights: WeightsInput<CubeBackend>, depth: usize) -> Self {
        match weights {
            WeightsInput::F32 { values } => {
                Self { values: Some(into_contiguous(values)), words: None, steps: None, depth }
            }
            WeightsInput::Q8 { values, scales, .. } => Self {
                values: None,
                words: Some(into_contiguous(values)),
                steps: Some(into_contiguous(scales)),
                depth: depth.next_multiple_of(STEP) / BYTES,
            },
        }
    }
}

fn lanes(channels: &[usize]) -> usize {
    if channels.iter().all(|count| count.is_multiple_of(LANES)) { LANES } else { 1 }
}

fn is_relu(act: Act) -> bool {
    act == Act::Relu
}

/// Below what nothing is let through.
fn floor(act: Act) -> f32 {
    if is_relu(act) { 0.0 } else { f32::NEG_INFINITY }
}

/// What is added to a product, as it lies.
fn added(residual: ResidualInput<CubeBackend>) -> [Option<CubeTensor>; 2] {
    match residual {
        ResidualInput::None => [None, None],
        ResidualInput::Sum { values } => [Some(Pixels::of(values).tensor), None],
        ResidualInput::Scaled { values, scale } => {
            [Some(Pixels::of(values).tensor), Some(into_contiguous(scale))]
        }
    }
}

fn depthwise(
    x: &Pixels,
    kernel: CubeTensor,
    bias: CubeTensor,
    geometry: Geometry,
    between: Act,
    output: [usize; 2],
) -> Pixels {
    let [b, _, _, c] = x.shape;
    let y = Pixels::empty(&x.tensor, [b, output[0], output[1], c]);
    let lanes = lanes(&[c]);
    let lines = b * output[0];
    let channels = c / lanes;
    let (cubes, dim) = units(&x.tensor, lines * output[1].div_ceil(NEIGHBOURS) * channels);
    // SAFETY: a unit of a line that there is writes its own pixels up to the line's end, and reads inside the picture.
    unsafe {
        kernels::depthwise::launch_unchecked(
            &y.tensor.client,
            cubes,
            dim,
            lanes,
            x.tensor.clone().into_tensor_arg(),
            into_contiguous(kernel).into_tensor_arg(),
            into_contiguous(bias).into_tensor_arg(),
            y.tensor.clone().into_tensor_arg(),
            x.places(output),
            lines,
            channels,
            geometry.window.padding,
            floor(geometry.lead),
            floor(between),
            NEIGHBOURS,
            geometry.window.stride,
        );
    }
    y
}

/// The product of the pixels of `x`, the window's stride apart, with the max-pool of `pooled` added, whose sides are
/// those of `x`.
fn points(
    x: &Pixels,
    weights: WeightsInput<CubeBackend>,
    bias: CubeTensor,
    residual: ResidualInput<CubeBackend>,
    geometry: Geometry,
    pooled: Option<(Pixels, [usize; 2])>,
) -> Pixels {
    let [b, h, w, c] = x.shape;
    let outputs = bias.shape()[0];
    let output @ [rows, columns] = [h, w].map(|size| geometry.window.output(size));
    let y = Pixels::empty(&x.tensor, [b, rows, columns, outputs]);
    let lanes = lanes(&[c, outputs]);
    let pixels = b * rows * columns;
    let tile = tile(Product::Points, pixels, c, lanes);
    let Packed { values, words, steps, depth } = Packed::of(weights, c);
    let [residual, scale] = added(residual);
    let (pooled, before) = pooled.map_or((None, [0; 2]), |(pixels, before)| (Some(pixels), before));
    let (cubes, dim) = groups(&x.tensor, pixels, outputs / lanes, tile);
    // SAFETY: a unit writes its own pixels and channels, as far as there are any; all that it reads of `x`, the
    // residual and the max-pool's input belongs to pixels that there are, and weights to panels that there are.
    unsafe {
        product::points::launch_unchecked(
            &y.tensor.client,
            cubes,
            dim,
            tile.taken,
            lanes,
            x.tensor.clone().into_tensor_arg(),
            values.map(CubeTensor::into_tensor_arg).into(),
            words.map(CubeTensor::into_tensor_arg).into(),
            steps.map(CubeTensor::into_tensor_arg).into(),
            into_contiguous(bias).into_tensor_arg(),
            residual.map(CubeTensor::into_tensor_arg).into(),
            scale.map(CubeTensor::into_tensor_arg).into(),
            pooled.map(|pixels| pixels.tensor.into_tensor_arg()).into(),
            y.tensor.clone().into_tensor_arg(),
            x.places(output),
            pixels,
            c / tile.taken,
            depth,
            outputs / lanes,
            before[0],
            before[1],
            floor(geometry.act),
            tile,
            PANEL / lanes,
            geometry.window.stride,
            is_relu(geometry.lead),
        );
    }
    y
}

/// The 3×3 convolution of a tensor of any layout.
fn windows(
    x: CubeTensor,
    weights: WeightsInput<CubeBackend>,
    bias: CubeTensor,
    residual: ResidualInput<CubeBackend>,
    geometry: Geometry,
) -> Pixels {
    let [b, c, h, w] = x.shape().dims();
    let outputs = bias.shape()[0];
    let output @ [rows, columns] = [h, w].map(|size| geometry.window.output(size));
    let y = Pixels::empty(&x, [b, rows, columns, outputs]);
    let lanes = lanes(&[outputs]);
    let pixels = b * rows * columns;
    let tile = tile(Product::Windows, pixels, c, lanes);
    // A picture of three planes is read as it comes, number by number; vectors need channels side by side.
    let x = if tile.taken == 1 { x } else { Pixels::of(x).channels_first() };
    let strides: Vec<usize> = x.meta.strides().iter().copied().collect();
    // One step of channels is one vector further.
    let by_channel = if tile.taken == 1 { strides[1] } else { 1 };
    let Packed { values, words, steps, depth } = Packed::of(weights, TAPS * c);
    let [residual, scale] = added(residual);
    let (cubes, dim) = groups(&x, pixels, outputs / lanes, tile);
    // SAFETY: as in `points`; windows are cut to the picture before they are read.
    unsafe {
        product::windows::launch_unchecked(
            &y.tensor.client,
            cubes,
            dim,
            tile.taken,
            lanes,
            x.into_tensor_arg(),
            values.map(CubeTensor::into_tensor_arg).into(),
            words.map(CubeTensor::into_tensor_arg).into(),
            steps.map(CubeTensor::into_tensor_arg).into(),
            into_contiguous(bias).into_tensor_arg(),
            residual.map(CubeTensor::into_tensor_arg).into(),
            scale.map(CubeTensor::into_tensor_arg).into(),
            y.tensor.clone().into_tensor_arg(),
            PlacesLaunch::new(h, w, output[0], output[1]),
            pixels,
            c / tile.taken,
            depth,
            outputs / lanes,
            geometry.window.padding,
            strides[0] / tile.taken,
            strides[2] / tile.taken,
            strides[3] / tile.taken,
            by_channel,
            geometry.window.stride,
            floor(geometry.act),
            tile,
            PANEL / lanes,
            is_relu(geometry.lead),
        );
    }
    y
}

fn conv(input: ConvInput<CubeBackend>) -> CubeTensor {
    let ConvInput { x, rows, weights, bias, residual, geometry } = input;
    match rows {
        RowsInput::Points => points(&Pixels::of(x), weights, bias, residual, geometry, None).channels_first(),
        RowsInput::Windows => windows(x, weights, bias, residual, geometry).channels_first(),
        RowsInput::Depthwise { kernel, bias: first, between } => {
            let x = Pixels::of(x);
            let [_, h, w, _] = x.shape;
            let output = [h, w].map(|size| geometry.window.output(size));
            let y = depthwise(&x, kernel, first, geometry, between, output);
            let after = Geometry { window: Window::point(1), lead: Act::None, act: geometry.act };
            points(&y, weights, bias, residual, after, None).channels_first()
        }
    }
}

impl FusedOps for CubeBackend {
    fn fused_conv(input: ConvInput<Self>) -> FloatTensor<Self> {
        conv(input)
    }

    fn conv_pool(input: ConvInput<Self>, pooled: FloatTensor<Self>, before: [usize; 2]) -> FloatTensor<Self> {
        // One look-up serves both where they are of one size, as around a block.
        let one_size = input.x.shape()[2..] == pooled.shape()[2..];
        if !one_size || !matches!(input.rows, RowsInput::Points) {
            return Self::pool_sum(pooled, conv(input), before);
        }
        let ConvInput { x, weights, bias, residual, geometry, .. } = input;
        let (x, pooled) = (Pixels::of(x), Pixels::of(pooled));
        points(&x, weights, bias, residual, geometry, Some((pooled, before))).channels_first()
    }

    fn pool_sum(x: FloatTensor<Self>, bridge: FloatTensor<Self>, before: [usize; 2]) -> FloatTensor<Self> {
        let (x, bridge) = (Pixels::of(x), Pixels::of(bridge));
        let shape @ [b, rows, columns, c] = bridge.shape;
        let y = Pixels::empty(&x.tensor, shape);
        let lanes = lanes(&[c]);
        let count = b * rows * columns * c / lanes;
        let (cubes, dim) = units(&x.tensor, count);
        // SAFETY: a unit writes its own vector of `y`, and reads windows cut to the picture.
        unsafe {
            kernels::pool::launch_unchecked(
                &y.tensor.client,
                cubes,
                dim,
                lanes,
                x.tensor.clone().into_tensor_arg(),
                bridge.tensor.into_tensor_arg(),
                y.tensor.clone().into_tensor_arg(),
                x.places([rows, columns]),
                count,
                c / lanes,
                before[0],
                before[1],
            );
        }
        y.channels_first()
    }

    fn mean_pixels(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let x = Pixels::of(x);
        let [b, h, w, c] = x.shape;
        let y = Pixels::empty(&x.tensor, [b, 1, 1, c]);
        let lanes = lanes(&[c]);
        let count = b * c / lanes;
        let (cubes, dim) = units(&x.tensor, count);
        // SAFETY: a unit writes its own vector of `y`, and reads the pixels of its picture.
        unsafe {
            kernels::mean::launch_unchecked(
                &y.tensor.client,
                cubes,
                dim,
                lanes,
                x.tensor.into_tensor_arg(),
                y.tensor.clone().into_tensor_arg(),
                count,
                h * w,
                c / lanes,
                1.0 / (h * w) as f32,
            );
        }
        y.channels_first()
    }
}
