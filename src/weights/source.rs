//! Tensors in a file, whatever its format.

use safetensors::tensor::Dtype;

use crate::error::Result;

/// A tensor, or a part of one, as a file keeps it.
pub(super) struct Stored {
    /// What follows the tensor's name in that of the part.
    pub part: &'static str,
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

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

    /// All parts of a tensor as the project's own format could hold them; none where the file keeps it otherwise.
    fn stored(&self, _name: &str) -> Result<Vec<Stored>> {
        Ok(Vec::new())
    }

    /// The values of one tensor, row-major in the file's own layout.
    fn read(&self, name: &str) -> Result<Vec<f32>>;
}
