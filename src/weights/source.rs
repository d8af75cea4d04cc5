//! Tensors in a file, whatever its format.

use crate::error::Result;

/// Names and shapes known, values read one tensor at a time.
pub(super) trait TensorSource {
    /// Name and shape of every tensor of the network, in file order.
    fn tensors(&self) -> Vec<(String, Vec<usize>)>;

    /// The values of one tensor, row-major in the file's own layout.
    fn read(&self, name: &str) -> Result<Vec<f32>>;
}
