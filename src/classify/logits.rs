//! From pictures to logits: one picture, or several in one run, each of which is prepared by itself, so that one at a
//! time is held in full.

use serde::Serialize;
use web_time::Instant;

use super::Classifier;
use crate::error::{Error, Result};
use crate::model::{Output, Planes};
use crate::preprocess::RgbaView;
use crate::weights::no_classifier;

/// Where the time of one picture went, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Timings {
    /// Resize, crop, normalise.
    pub preprocess: f64,
    /// The network, until the logits are read back.
    pub inference: f64,
}

impl Classifier {
    /// The logits of one picture, `[classes]`.
    ///
    /// # Errors
    ///
    /// When the picture is unusable or the backend fails.
    pub async fn logits(&self, picture: RgbaView<'_>) -> Result<Vec<f32>> {
        Ok(self.timed_logits(picture).await?.0)
    }

    /// The logits and where the time went.
    ///
    /// # Errors
    ///
    /// When the picture is unusable or the backend fails.
    pub async fn timed_logits(&self, picture: RgbaView<'_>) -> Result<(Vec<f32>, Timings)> {
        let start = Instant::now();
        let input = self.prepare(picture)?;
        let prepared = Instant::now();
        let logits = self.logits_of(input, 1).await?.pop().unwrap_or_default();
        let milliseconds = |from: Instant, to: Instant| (to - from).as_secs_f64() * 1e3;
        let timings = Timings {
            preprocess: milliseconds(start, prepared),
            inference: milliseconds(prepared, Instant::now()),
        };
        Ok((logits, timings))
    }

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
        self.logits_of(inputs, count).await
    }

    async fn logits_of(&self, inputs: Vec<f32>, count: usize) -> Result<Vec<Vec<f32>>> {
        self.check_classifier()?;
        let output = if self.taught.is_some() { Output::Features } else { Output::Logits };
        let numbers = self.ask(output, inputs, count).await?.values;
        let logits = |numbers: &[f32]| match &self.taught {
            Some(head) => head.maps(numbers, 1),
            None => numbers.to_vec(),
        };
        Ok(numbers.chunks_exact(numbers.len() / count).map(logits).collect())
    }

    /// What is asked of `count` prepared pictures.
    pub(super) async fn ask(&self, output: Output, inputs: Vec<f32>, count: usize) -> Result<Planes> {
        let size = self.preprocess.size;
        let shape = [count, inputs.len() / (count * size * size), size, size];
        self.network.answer(output, Planes { values: inputs, shape }).await
    }

    /// Refuses to name anything where there is nothing that could.
    pub(super) fn check_classifier(&self) -> Result<()> {
        match self.headless && self.taught.is_none() {
            false => Ok(()),
            true => Err(no_classifier()),
        }
    }
}
