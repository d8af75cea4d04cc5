//! Tensors in a file, whatever its format.

use crate::error::Result;

/// An int8 kernel as stored: a weight is its value times the scale of its output channel.
#[derive(Clone, Debug)]
pub struct Quantized<'a> {
    /// `[out, in, H, W]`, for the head `[in, out]`.
    pub shape: &'a [usize],
    /// Row-major, each byte an `i8`.
    pub values: Vec<u8>,
    /// One per output channel. Folding a batch norm multiplies these and leaves the values.
    pub scales: Vec<f32>,
}

/// Names and shapes known, values read one tensor at a time.
pub(super) trait TensorSource {
    /// Name and shape of every tensor of the network, in file order.
    fn tensors(&self) -> Vec<(String, Vec<usize>)>;

    /// Whether the file stores this tensor in int8.
    fn is_quantized(&self, _name: &str) -> bool {
        false
    }

    /// The int8 values of one tensor, where the file stores such.
    fn quantized(&self, _name: &str) -> Option<Quantized<'_>> {
        None
    }

    /// Fails if the file says by itself that this tensor's values cannot be read.
    fn check(&self, _name: &str) -> Result<()> {
        Ok(())
    }

    /// The values of one tensor, row-major in the file's own layout.
    fn read(&self, name: &str) -> Result<Vec<f32>>;
}
