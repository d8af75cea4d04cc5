//! From logits to classes in order.

use serde::Serialize;

use super::Classifier;
use crate::calibration::Calibration;
use crate::error::Result;
use crate::preprocess::RgbaView;

/// One class and how sure the network is of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// Index of the class in the logits.
    pub index: usize,
    /// Its name, or `class 17` when the model has no names.
    pub label: String,
    /// The class's WordNet synset, when it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synset: Option<String>,
    /// Softmax of the logits over the model's temperature, 0 to 1; all classes sum to 1.
    pub score: f32,
}

impl Classifier {
    /// The `top_k` likeliest classes, best first; all of them when `top_k` exceeds their count.
    ///
    /// # Errors
    ///
    /// When the picture is unusable or the backend fails.
    pub async fn classify(&self, picture: RgbaView<'_>, top_k: usize) -> Result<Vec<Prediction>> {
        Ok(self.rank(&self.logits(picture).await?, top_k))
    }

    /// Turns logits into the `top_k` likeliest classes; equal scores keep index order.
    pub fn rank(&self, logits: &[f32], top_k: usize) -> Vec<Prediction> {
        let labels = self.labels();
        rank(self.calibration(), logits, top_k)
            .into_iter()
            .map(|(index, score)| Prediction {
                index,
                label: labels.get(index),
                synset: labels.synset(index).map(Into::into),
                score,
            })
            .collect()
    }

    /// Whether the picture with these logits shows something that the model knows: its best score
    /// reaches the model's threshold, or the model has none.
    pub fn knows(&self, logits: &[f32]) -> bool {
        self.calibration().knows(&self.calibration().scores(logits))
    }
}

/// Scores and top-k, on the CPU for every backend.
fn rank(calibration: &Calibration, logits: &[f32], top_k: usize) -> Vec<(usize, f32)> {
    let scores = calibration.scores(logits);
    // The sign of a single logit says which of two classes it is.
    let pair;
    let logits = match *logits {
        [logit] => {
            pair = [0.0, logit];
            &pair[..]
        }
        _ => logits,
    };
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_unstable_by(|&a, &b| logits[b].total_cmp(&logits[a]).then(a.cmp(&b)));
    order.truncate(top_k);
    order.into_iter().map(|index| (index, scores[index])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranking_is_a_softmax_sorted_and_cut() {
        let ranked = rank(&Calibration::default(), &[0.0, 2.0, 2.0, -1.0], 3);
        assert_eq!(ranked.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [1, 2, 0]);
        let all: f32 =
            rank(&Calibration::default(), &[0.0, 2.0, 2.0, -1.0], 99).iter().map(|(_, score)| score).sum();
        assert!((all - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_single_logit_ranks_two_classes() {
        let ranked =
            |logit| rank(&Calibration::default(), &[logit], 5).iter().map(|&(at, _)| at).collect::<Vec<_>>();
        assert_eq!((ranked(3.0), ranked(-0.1)), (vec![1, 0], vec![0, 1]));
    }

    #[test]
    fn huge_logits_do_not_overflow() {
        assert_eq!(rank(&Calibration::default(), &[1e30, -1e30], 1), [(0, 1.0)]);
    }
}
