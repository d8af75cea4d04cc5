//! Tensors in a file, whatever its format.

use crate::error::Result;

/// Names and shapes known, values read one tensor at a time.
pub(super) trait TensorSource {
    /// Name and shape of every tensor of the network, in file order.
    fn tensors(&self) -> Vec<(String, Vec<usize>)>;

    /// Whether the file stores this tensor in int8.
    fn is_quantized(&self, _name: &str) -> bool {
        false
    }

    /// Fails if the file says by itself that this tensor's values cannot be read.
    fn check(&self, _name: &str) -> Result<()> {
        Ok(())
    }

    /// The values of one tensor, row-major in the file's own layout.
    fn read(&self, name: &str) -> Result<Vec<f32>>;
}
