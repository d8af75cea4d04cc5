//! What scores are worth: how far logits are to be trusted, and from which score on a picture is known.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

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
        Self { temperature: one(), unknown: None }
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

    /// The scores of these logits; they sum to 1.
    pub fn scores(&self, logits: &[f32]) -> Vec<f32> {
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
            let scores = Calibration { temperature, unknown: None }.scores(&logits);
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
    fn impossible_values_are_refused() {
        for temperature in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert!(Calibration { temperature, unknown: None }.validate().is_err());
        }
        for unknown in [-0.1, 1.1, f32::NAN] {
            assert!(Calibration { temperature: 1.0, unknown: Some(unknown) }.validate().is_err());
        }
    }

    #[test]
    fn what_is_absent_is_the_default_and_is_not_written() {
        assert_eq!(serde_json::from_str::<Calibration>("{}").unwrap(), Calibration::default());
        assert_eq!(serde_json::to_string(&Calibration::default()).unwrap(), "{}");
    }
}
