//! Several pictures in one run: each is prepared by itself, so that one at a time is held in full.

use super::Classifier;
use crate::error::{Error, Result};
use crate::model::Output;
use crate::preprocess::RgbaView;

impl Classifier {
    /// What the network sees of a picture, `[C, size, size]`, for [`Self::run`].
    ///
    /// # Errors
    ///
    /// When the picture is unusable.
    pub fn prepare(&self, picture: RgbaView<'_>) -> Result<Vec<f32>> {
        self.preprocess.apply(picture)
    }

    /// The logits of each of `count` prepared pictures that lie one after the other.
    ///
    /// # Errors
    ///
    /// When there are not that many, or the backend fails.
    pub async fn run(&self, inputs: Vec<f32>, count: usize) -> Result<Vec<Vec<f32>>> {
        let each = self.preprocess.channels() * self.preprocess.size.pow(2);
        if count == 0 || count.checked_mul(each) != Some(inputs.len()) {
            return Err(Error::Option(format!(
                "{count} pictures came with {} numbers; each takes {each}, and there must be one at least",
                inputs.len()
            )));
        }
        self.check_classifier()?;
        let output = if self.taught.is_some() { Output::Features } else { Output::Logits };
        let size = self.preprocess.size;
        let shape = [count, self.preprocess.channels(), size, size];
        let (numbers, _) = self.network.answer(output, inputs, shape, &self.backend.device).await?;
        let logits = |numbers: &[f32]| match &self.taught {
            Some(head) => head.maps(numbers, 1),
            None => numbers.to_vec(),
        };
        Ok(numbers.chunks_exact(numbers.len() / count).map(logits).collect())
    }
}
