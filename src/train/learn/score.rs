//! What steps of training made of their pictures.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use burn::tensor::{Tensor, TensorData};

use xception_web::error::{Error, Result};

/// What a step, or several, made of its pictures.
#[derive(Clone, Copy, Debug, Default)]
pub struct Score {
    /// Sum of the pictures' losses.
    pub loss: f64,
    /// Pictures whose likeliest class was right.
    pub right: usize,
    /// How many pictures these are of.
    pub count: usize,
}

impl Score {
    /// Adds another's pictures.
    pub fn add(&mut self, other: Self) {
        self.loss += other.loss;
        self.right += other.right;
        self.count += other.count;
    }

    /// Mean loss.
    pub fn mean_loss(&self) -> f64 {
        self.loss / self.count.max(1) as f64
    }

    /// Share of right answers.
    pub fn accuracy(&self) -> f64 {
        self.right as f64 / self.count.max(1) as f64
    }
}

/// A score that may still be on its way from the device. Who waits for it before the next step is on its way there lets a
/// GPU idle.
pub enum Scored {
    /// It has come.
    Known(Result<Score>),
    /// It is being read.
    Reading(Pin<Box<dyn Future<Output = Result<Score>> + Send>>),
}

impl Scored {
    /// Begins to read it.
    ///
    /// # Shapes
    ///
    /// - `loss`: `[1]`, the batch's mean
    /// - `logits`: `[B, classes]`
    pub fn read(loss: Tensor<1>, logits: Tensor<2>, right: Vec<usize>) -> Self {
        let classes = logits.dims()[1];
        let both = Tensor::cat(vec![loss, logits.flatten(0, 1)], 0);
        let mut reading = Box::pin(async move { score(both.into_data_async().await, classes, &right) });
        // Begins here rather than when it is waited for: devices do what they are told in its order, and the next step is
        // told before that.
        match reading.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(score) => Self::Known(score),
            Poll::Pending => Self::Reading(reading),
        }
    }

    /// Waits for it.
    ///
    /// # Errors
    ///
    /// When the loss is not a number, or the device gave none.
    pub fn wait(self) -> Result<Score> {
        match self {
            Self::Known(score) => score,
            Self::Reading(reading) => pollster::block_on(reading),
        }
    }
}

fn score<E: std::fmt::Debug>(both: Result<TensorData, E>, classes: usize, right: &[usize]) -> Result<Score> {
    let failed = |error: String| Error::Training(format!("the backend gave back no numbers: {error}"));
    let both = both.map_err(|error| failed(format!("{error:?}")))?;
    let both = both.try_into_vec_as::<f32>().map_err(|error| failed(format!("{error:?}")))?;
    let [loss, logits @ ..] = both.as_slice() else { return Err(failed("nothing was read".into())) };
    if !loss.is_finite() {
        return Err(Error::Training(
            "the loss is no longer a number; start again with a lower --rate".into(),
        ));
    }
    let count = right.len();
    Ok(Score { loss: f64::from(*loss) * count as f64, right: right_answers(logits, classes, right), count })
}

/// How many rows of `[B, classes]` are largest where they should be.
pub fn right_answers(logits: &[f32], classes: usize, right: &[usize]) -> usize {
    let best = |row: &[f32]| (0..classes).max_by(|&a, &b| row[a].total_cmp(&row[b]));
    let answers = logits.chunks_exact(classes).map(best).zip(right);
    answers.filter(|(answer, class)| *answer == Some(**class)).count()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn scored(loss: f32) -> Result<Score> {
        let logits = Tensor::from_data([[1.0, 3.0, 2.0], [5.0, 0.0, 0.0], [0.0, 0.0, 1.0]], &Device::flex());
        Scored::read(Tensor::from_data([loss], &Device::flex()), logits, vec![1, 2, 2]).wait()
    }

    #[test]
    fn a_score_counts_the_largest_logits() {
        let score = scored(0.5).unwrap();
        assert_eq!((score.loss, score.right, score.count), (1.5, 2, 3));
        let message = scored(f32::NAN).unwrap_err().to_string();
        assert!(message.contains("--rate"), "{message}");
    }
}
