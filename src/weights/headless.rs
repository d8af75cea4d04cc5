//! Files that end in features: zeros stand for the classifier that is not there.

use super::names::Row;
use super::source::{Stored, TensorSource};
use crate::error::Result;

/// What the names of tensors begin with that stand for a classifier. No file has such.
const NO_CLASSIFIER: &str = "no classifier: ";

/// The name of what stands for a tensor of the classifier.
pub(super) fn stand_in(tensor: impl std::fmt::Display) -> String {
    format!("{NO_CLASSIFIER}{tensor}")
}

/// Whether this is the name of what stands for a tensor.
pub(super) fn is_stand_in(name: &str) -> bool {
    name.starts_with(NO_CLASSIFIER)
}

/// A file's tensors, and zeros for those that are not there.
pub(super) struct Headless {
    source: Box<dyn TensorSource>,
    zeros: Vec<(String, Vec<usize>)>,
}

impl Headless {
    /// `rows` says what is not there.
    pub fn new(source: Box<dyn TensorSource>, rows: &[Row]) -> Self {
        let zeros = rows.iter().filter(|row| is_stand_in(&row.name));
        Self { source, zeros: zeros.map(|row| (row.name.clone(), row.shape.clone())).collect() }
    }

    fn zeros(&self, name: &str) -> Option<usize> {
        let (_, shape) = self.zeros.iter().find(|(zeros, _)| zeros == name)?;
        Some(shape.iter().product())
    }
}

impl TensorSource for Headless {
    fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let mut tensors = self.source.tensors();
        tensors.extend(self.zeros.iter().cloned());
        tensors
    }

    fn is_quantized(&self, name: &str) -> bool {
        self.zeros(name).is_none() && self.source.is_quantized(name)
    }

    fn check(&self, name: &str) -> Result<()> {
        self.zeros(name).map_or_else(|| self.source.check(name), |_| Ok(()))
    }

    fn stored(&self, name: &str) -> Result<Vec<Stored>> {
        self.zeros(name).map_or_else(|| self.source.stored(name), |_| Ok(Vec::new()))
    }

    fn read(&self, name: &str) -> Result<Vec<f32>> {
        self.zeros(name).map_or_else(|| self.source.read(name), |count| Ok(vec![0.0; count]))
    }
}
