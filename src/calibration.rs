//! What scores are worth: how far logits are to be trusted, and from which score on a picture is known.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What a model's last layer makes of its logits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// Scores that sum to 1, one class against all others.
    #[default]
    Softmax,
    /// A score per class, each on its own.
    Sigmoid,
}

impl Activation {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
    fn is_softmax(&self) -> bool {
        *self == Self::Softmax
    }
}

/// How a model's logits become scores, as `xception calibrate` found it; a model without takes its
/// logits as they are and knows every picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Scores are the softmax of the logits divided by this.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub temperature: f32,
    /// A picture whose best score is lower shows nothing that the model knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<f32>,
    /// What makes scores of logits. A single logit is always that of the second of two classes against the first.
    #[serde(default, skip_serializing_if = "Activation::is_softmax")]
    pub activation: Activation,
}

fn one() -> f32 {
    1.0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_one(temperature: &f32) -> bool {
    *temperature == 1.0
}

impl Default for Calibration {
    fn default() -> Self {
        Self { temperature: one(), unknown: None, activation: Activation::Softmax }
    }
}

impl Calibration {
    /// Refuses what would give scores that are no numbers.
    ///
    /// # Errors
    ///
    /// When the temperature is not above zero, or the threshold is no score.
    pub fn validate(&self) -> Result<()> {
        if !(self.temperature.is_finite() && self.temperature > 0.0) {
            return Err(Error::Format(format!(
                "the model file's temperature is {}; it must be above 0: run `xception calibrate` on it again",
                self.temperature
            )));
        }
        match self.unknown {
            Some(threshold) if !(0.0..=1.0).contains(&threshold) => Err(Error::Format(format!(
                "the model file's threshold of the unknown is {threshold}; it must be a score from 0 to 1: run `xception calibrate` on it again"
            ))),
            _ => Ok(()),
        }
    }

    /// The scores of these logits. They sum to 1, but for those of several sigmoids.
    pub fn scores(&self, logits: &[f32]) -> Vec<f32> {
        match *logits {
            // What a sigmoid says of the second class is what a softmax says of both.
            [logit] => self.softmax(&[0.0, logit]),
            _ if self.activation == Activation::Sigmoid => {
                logits.iter().map(|logit| 1.0 / (1.0 + (-logit / self.temperature).exp())).collect()
            }
            _ => self.softmax(logits),
        }
    }

    fn softmax(&self, logits: &[f32]) -> Vec<f32> {
        let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut scores: Vec<f32> =
            logits.iter().map(|logit| ((logit - highest) / self.temperature).exp()).collect();
        let sum: f32 = scores.iter().sum();
        scores.iter_mut().for_each(|score| *score /= sum);
        scores
    }

    /// Whether the best of these scores is enough to name the picture.
    pub fn knows(&self, scores: &[f32]) -> bool {
        let best = scores.iter().copied().fold(0.0, f32::max);
        self.unknown.is_none_or(|threshold| best >= threshold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heat_flattens_the_scores_and_keeps_their_sum() {
        let logits = [0.0, 2.0, -1.0];
        let best = |temperature| {
            let scores = Calibration { temperature, ..Calibration::default() }.scores(&logits);
            assert!((scores.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            scores[1]
        };
        assert!(best(0.5) > best(1.0) && best(1.0) > best(2.0));
    }

    #[test]
    fn a_picture_is_known_from_the_threshold_on_and_always_without_one() {
        let calibration = Calibration { unknown: Some(0.5), ..Calibration::default() };
        assert!(calibration.knows(&[0.5, 0.5]));
        assert!(!calibration.knows(&[0.49, 0.48, 0.03]));
        assert!(Calibration::default().knows(&[0.1; 10]));
    }

    #[test]
    fn sigmoids_are_scores_of_their_own_and_one_is_that_of_two_classes() {
        let sigmoid = Calibration { activation: Activation::Sigmoid, ..Calibration::default() };
        let close = |found: Vec<f32>, expected: &[f32]| {
            assert_eq!(found.len(), expected.len());
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
        };
        close(sigmoid.scores(&[0.0, 2.0, -2.0]), &[0.5, 0.880_797, 0.119_203]);
        close(sigmoid.scores(&[0.0, 2.0]), &[0.5, 0.880_797]);
        for calibration in [sigmoid, Calibration::default()] {
            close(calibration.scores(&[2.0]), &[0.119_203, 0.880_797]);
            close(calibration.scores(&[-1e30]), &[1.0, 0.0]);
        }
    }

    #[test]
    fn impossible_values_are_refused() {
        for temperature in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert!(Calibration { temperature, ..Calibration::default() }.validate().is_err());
        }
        for unknown in [-0.1, 1.1, f32::NAN] {
            assert!(Calibration { unknown: Some(unknown), ..Calibration::default() }.validate().is_err());
        }
    }

    #[test]
    fn what_is_absent_is_the_default_and_is_not_written() {
        assert_eq!(serde_json::from_str::<Calibration>("{}").unwrap(), Calibration::default());
        assert_eq!(serde_json::to_string(&Calibration::default()).unwrap(), "{}");
    }
}
