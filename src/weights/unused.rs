//! Tensors that are known to be in files, and that no answer depends on.

use serde::Serialize;

/// One of them, or a group of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unused {
    /// Its name in the file.
    pub name: String,
    /// Why no answer depends on it.
    pub why: &'static str,
}

/// PyTorch's, beside each batch norm.
pub(super) const COUNTER: &str = "counts the steps of training";
/// Optimisers, metrics, seeds of dropout and augmentation.
pub(super) const TRAINING: &str = "was left by training";
/// Of the deepfake detectors: `adjust_channel`.
pub(super) const SECOND_WAY: &str = "leads another way out of a deepfake detector's backbone";

/// What a trainer keeps beside its network: weights of the classes.
pub(super) const LOSS: &str = "is of the loss that was trained with";

impl Unused {
    pub(super) fn new(name: impl Into<String>, why: &'static str) -> Self {
        Self { name: name.into(), why }
    }
}
