//! One dataset: its shape, how much memory its values take, and the values.

use hdf5_pure::{Dataset, File, Group};

use super::damaged;
use crate::error::Result;

/// Most bytes that a compressed file may unpack to beyond its own size: one full network at f32.
const MAX_UNPACKED: usize = 128 << 20;

/// Filters that leave as many bytes as there were (shuffling) or add a checksum. All others pack; the library
/// knows how much the last of them may unpack to, and no other.
const PLAIN_FILTERS: [u16; 2] = [2, 3];

/// What all tensors of a file take in memory, as their headers say.
#[derive(Default)]
pub(super) struct Sizes(usize);

impl Sizes {
    /// The shape of a dataset of `group`, whose values are counted from now on.
    pub fn shape(&mut self, group: &Group, name: &str) -> Result<Vec<usize>> {
        let failed = |error| damaged(name, error);
        let dataset = group.dataset(name).map_err(failed)?;
        let shape = dataset.shape().map_err(failed)?;
        let packed = dataset.filters().iter().filter(|filter| !PLAIN_FILTERS.contains(filter)).count();
        if packed > 1 {
            return Err(damaged(name, format!("it is packed {packed} times over")));
        }
        self.0 = self.0.saturating_add(bytes(&dataset, &shape).map_err(failed)?);
        shape.into_iter().map(|side| usize::try_from(side).map_err(|error| damaged(name, error))).collect()
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

/// The values of the dataset at `path`, row-major.
pub(super) fn values(file: &File, path: &str) -> Result<Vec<f32>> {
    file.dataset(path).and_then(|dataset| dataset.read_f32()).map_err(|error| damaged(path, error))
}
