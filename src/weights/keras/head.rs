//! How a model ends: in a classifier, in a face network's, or in features.

use super::layer::{Act, Op, strange};
use super::walk::{DenseAt, NormAt};
use super::way::Walk;
use crate::calibration::Activation;
use crate::error::Result;
use crate::model::XceptionConfig;
use crate::model::config::Hidden;

impl Walk<'_> {
    /// The 3×3 convolution with bias that ends a face network, if it comes next.
    pub fn face_head(&mut self) -> Result<Option<(usize, usize)>> {
        match self.peek() {
            Some((at, &Op::Conv { side: 3, stride: 1, same: true, filters, bias: true })) => {
                self.at = at;
                Ok(Some((at, filters)))
            }
            _ => Ok(None),
        }
    }

    /// Dense layers, batch norms and activations to the end.
    pub fn head(&mut self, config: &mut XceptionConfig) -> Result<(Vec<DenseAt>, Option<Activation>)> {
        let (mut dense, mut hidden, mut loose): (Vec<DenseAt>, Vec<Hidden>, _) =
            (Vec::new(), Vec::new(), Vec::new());
        let mut last = Act::Linear;
        while let Some((at, op)) = self.peek() {
            let ended = matches!(last, Act::Softmax | Act::Sigmoid);
            // A batch norm may be folded into the layer before it, unless ReLU stands between.
            let into_last = hidden.last().is_some_and(|hidden: &Hidden| !hidden.relu) && last == Act::Linear;
            match *op {
                Op::Dense { .. } | Op::Norm { .. } | Op::Relu | Op::Flatten if ended => break,
                Op::Dense { units, bias, then } => {
                    let norms_before = std::mem::take(&mut loose);
                    dense.push(DenseAt { layer: at, bias, norms_before, ..DenseAt::default() });
                    hidden.push(Hidden { width: units, relu: then == Act::Relu });
                    last = if then == Act::Relu { Act::Linear } else { then };
                }
                Op::Norm { epsilon, scale, center } => {
                    let norm = NormAt { layer: at, epsilon, scale, center };
                    match dense.last_mut() {
                        Some(dense) if into_last => dense.norms_after.push(norm),
                        _ => loose.push(norm),
                    }
                }
                // Of features, which are numbers in a row already.
                Op::Flatten => {}
                Op::Relu => match hidden.last_mut() {
                    Some(hidden) if loose.is_empty() => hidden.relu = true,
                    // Means of what ReLU made are at least 0.
                    None if loose.is_empty() => {}
                    _ => {
                        return Err(strange(
                            self.node(at),
                            "is ReLU on a batch norm that does not follow the numbers of a dense layer themselves, which is not",
                        ));
                    }
                },
                Op::Scores(_) => break,
                _ => return Err(strange(self.node(at), "stands after the features, where it is not")),
            }
            self.at = at;
        }
        let scores = self.scores(last)?;
        match hidden.pop() {
            Some(Hidden { width, relu: false }) if loose.is_empty() => {
                config.classes = width;
                config.hidden = hidden;
                Ok((dense, scores))
            }
            Some(_) => Err(strange(
                self.node(self.graph.output),
                "ends the model, but not in a dense layer of logits",
            )),
            None if loose.is_empty() && scores.is_none() => {
                config.classes = 1;
                Ok((dense, None))
            }
            None => Err(strange(self.node(self.graph.output), "ends the model, which has no dense layer")),
        }
    }

    /// What the model ends in: the activation of its last layer, or one of its own.
    pub fn scores(&mut self, last: Act) -> Result<Option<Activation>> {
        let mut last = last;
        if let Some((at, &Op::Scores(act))) = self.peek().filter(|_| last == Act::Linear) {
            (self.at, last) = (at, act);
        }
        if let Some((at, _)) = self.peek() {
            return Err(strange(self.node(at), "follows the model's scores, where it is not"));
        }
        Ok(match last {
            Act::Softmax => Some(Activation::Softmax),
            Act::Sigmoid => Some(Activation::Sigmoid),
            _ => None,
        })
    }
}
