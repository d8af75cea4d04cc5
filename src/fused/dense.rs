//! Tensors of burn-flex as the plain slices that kernels take.

use burn::backend::Flex;
use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::TensorData;

/// A tensor's numbers, contiguous.
pub struct Dense(FlexTensor);

impl Dense {
    /// Copies only what lies in another order than its shape's.
    pub fn of(tensor: FlexTensor) -> Self {
        Self(if tensor.is_contiguous() { tensor } else { gathered(&tensor) })
    }

    /// `[B, C, H, W]` as `[B, H, W, C]`: nothing moves when it lies so already.
    pub fn channels_last(tensor: FlexTensor) -> Self {
        Self::of(Flex::float_permute(tensor, &[0, 2, 3, 1]))
    }

    /// The tensor's sizes.
    pub fn dims<const D: usize>(&self) -> [usize; D] {
        self.0.shape().dims()
    }

    fn range(&self) -> std::ops::Range<usize> {
        let start = self.0.layout().start_offset();
        start..start + self.0.shape().num_elements()
    }

    /// The numbers of a tensor in single precision.
    pub fn slice(&self) -> &[f32] {
        &self.0.storage()[self.range()]
    }

    /// Those of one in int8.
    pub fn int8(&self) -> &[i8] {
        &self.0.storage()[self.range()]
    }
}

/// Single-precision numbers in the order of their shape. burn-flex can do this for its dozen types of numbers, by
/// as many functions.
fn gathered(tensor: &FlexTensor) -> FlexTensor {
    let (shape, layout) = (tensor.shape(), tensor.layout());
    let dims: Vec<_> = shape.iter().copied().zip(layout.strides().iter().copied()).collect();
    let mut numbers = Vec::with_capacity(shape.num_elements());
    gather(tensor.storage(), &dims, layout.start_offset() as isize, &mut numbers);
    FlexTensor::from_data(TensorData::new(numbers, shape))
}

/// Size and stride of each dimension in `dims`, the first number at `offset`.
fn gather(values: &[f32], dims: &[(usize, isize)], offset: isize, numbers: &mut Vec<f32>) {
    let at = |index: usize, stride: isize| offset + index as isize * stride;
    match *dims {
        [] => numbers.push(values[offset as usize]),
        [(size, stride)] => numbers.extend((0..size).map(|i| values[at(i, stride) as usize])),
        [(size, stride), ref inner @ ..] => {
            (0..size).for_each(|i| gather(values, inner, at(i, stride), numbers));
        }
    }
}
