//! One dataset: its shape, how much memory its values take, and the values.

use hdf5_pure::{DType, Dataset, Datatype, DatatypeByteOrder, File, FloatingPointLayout, Group};

use super::damaged;
use crate::error::{Error, Result, short};
use crate::weights::numbers::widen_f16;

/// Most bytes that a compressed file may unpack to beyond its own size: one full network at f32.
const MAX_UNPACKED: usize = 128 << 20;

/// Filters that leave as many bytes as there were (shuffling) or add a checksum. All others pack; the library
/// knows how much the last of them may unpack to, and no other.
const PLAIN_FILTERS: [u16; 2] = [2, 3];

/// IEEE 754 half precision, for which the library has neither name nor reader.
const F16: FloatingPointLayout = FloatingPointLayout {
    bit_offset: 0,
    bit_precision: 16,
    exponent_location: 10,
    exponent_size: 5,
    mantissa_location: 0,
    mantissa_size: 10,
    exponent_bias: 15,
};

/// What all tensors of a file take in memory, as their headers say.
#[derive(Default)]
pub(super) struct Sizes(usize);

impl Sizes {
    /// The shape of a dataset of `group`, whose values are counted from now on. Messages name it by its `path`.
    pub fn shape(&mut self, group: &Group, name: &str, path: &str) -> Result<Vec<usize>> {
        let failed = |error| damaged(path, error);
        let dataset = group.dataset(name).map_err(failed)?;
        let shape = dataset.shape().map_err(failed)?;
        let dtype = dataset.dtype().map_err(failed)?;
        // A lone number may be a count, as `Normalization` keeps one, of which nothing is read.
        let is_read = matches!(dtype, DType::F32 | DType::F64) || half(&dtype).is_some();
        if !is_read && !shape.is_empty() {
            return Err(Error::Weights(format!(
                "the tensor {} holds {} numbers; F32, F64 and F16 are read: save the weights in one of these",
                short(path),
                short(dtype)
            )));
        }
        let packed = dataset.filters().iter().filter(|filter| !PLAIN_FILTERS.contains(filter)).count();
        if packed > 1 {
            return Err(damaged(path, format!("it is packed {packed} times over")));
        }
        self.0 = self.0.saturating_add(bytes(&dataset, &shape).map_err(failed)?);
        shape.into_iter().map(|side| usize::try_from(side).map_err(|error| damaged(path, error))).collect()
    }

    /// A compressed file may unpack to more than its size, but not without bound.
    pub fn check(&self, file_size: usize) -> Result<()> {
        if self.0 <= file_size.saturating_add(MAX_UNPACKED) {
            return Ok(());
        }
        Err(damaged(
            "the shapes",
            format!("they ask for {} bytes, more than a file of {file_size} can hold", self.0),
        ))
    }
}

/// What reading this dataset takes: a chunk is unpacked whole, however little of it the shape has.
fn bytes(dataset: &Dataset, shape: &[u64]) -> Result<usize, hdf5_pure::Error> {
    let width = dataset.element_size()?.max(size_of::<f32>() as u64);
    let product = |sides: &[u64]| sides.iter().fold(width, |product, &side| product.saturating_mul(side));
    let chunk = dataset.chunk_shape()?.unwrap_or_default();
    let most = product(shape).max(if chunk.is_empty() { 0 } else { product(&chunk) });
    Ok(usize::try_from(most).unwrap_or(usize::MAX))
}

/// The byte order of numbers in half precision.
fn half(dtype: &DType) -> Option<&DatatypeByteOrder> {
    match dtype {
        DType::Other(other) => match &**other {
            Datatype::FloatingPoint { size: 2, byte_order, layout }
                if *layout == F16 && *byte_order != DatatypeByteOrder::Vax =>
            {
                Some(byte_order)
            }
            _ => None,
        },
        _ => None,
    }
}

/// The values of the dataset at `path`, row-major.
pub(super) fn values(file: &File, path: &str) -> Result<Vec<f32>> {
    let read = |dataset: Dataset| match half(&dataset.dtype()?) {
        None => dataset.read_f32(),
        Some(order) => {
            let number = match order {
                DatatypeByteOrder::BigEndian => u16::from_be_bytes,
                _ => u16::from_le_bytes,
            };
            let halves = dataset.read_raw()?;
            Ok(halves.as_chunks().0.iter().map(|&bytes| widen_f16(number(bytes))).collect())
        }
    };
    file.dataset(path).and_then(read).map_err(|error| damaged(path, error))
}
