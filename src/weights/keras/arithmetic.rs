//! What is done to a picture's bytes before the network, in whatever layers or operations: sums and products.

use serde_json::Value;

use super::layer::{Act, Op, TRAINING, strange};
use super::model::{Input, Node, text};
use super::settings::numbers;
use crate::error::Result;

impl Node {
    /// Whether this runs `keras.applications.xception.preprocess_input`: by its module where that is told (Keras 2), and
    /// else because an Xception follows.
    pub fn is_published(&self) -> bool {
        let function = &self.config["function"];
        let name = function.as_str().or(function["config"].as_str());
        let module = text(&self.config, "module").unwrap_or("xception");
        name == Some("preprocess_input") && module.rsplit('.').next() == Some("xception")
    }

    /// Layers one after another in one, as augmentation is put together.
    pub fn pipeline(&self) -> Result<Op> {
        let layers = self.config["layers"].as_array().map(Vec::as_slice).unwrap_or_default();
        let trains = |layer: &Value| text(layer, "class_name").is_some_and(|class| TRAINING.contains(&class));
        match layers.iter().find(|layer| !trains(layer)) {
            None => Ok(Op::Pass),
            Some(other) => Err(strange(
                self,
                format!(
                    "holds {}, and layers for training alone are read in one; put it into the model itself",
                    other["class_name"]
                ),
            )),
        }
    }

    /// Keras's layer keeps its numbers in the configuration, if it was given any, or learns them.
    pub fn normalization(&self) -> Result<Op> {
        let (mean, variance) = (&self.config["mean"], &self.config["variance"]);
        if self.config["invert"] == true {
            return Err(strange(self, "goes the other way round (invert)"));
        }
        match (mean.is_null(), numbers(mean), numbers(variance)) {
            (true, ..) => Ok(Op::Normalization),
            (_, Some(mean), Some(variance)) => Ok(normalized(&mean, &variance)),
            _ => Err(strange(self, format!("has mean {mean} and variance {variance}"))),
        }
    }

    /// An operation on the layer before it and a number, and whether the number comes first.
    pub fn operation(&self) -> Option<(f64, bool)> {
        match self.inputs[..] {
            [Input::Layer(_), Input::Number(number)] => Some((number, false)),
            [Input::Number(number), Input::Layer(_)] => Some((number, true)),
            // TensorFlow's operations of old keep them by place.
            [Input::Layer(_)] => {
                let constants = self.config["constants"].as_object()?;
                let (place, number) = constants.iter().next().filter(|_| constants.len() == 1)?;
                Some((number.as_f64()?, place == "0"))
            }
            _ => None,
        }
    }

    /// An operation as `scale · x + offset`.
    pub fn arithmetic(&self) -> Result<Op> {
        let name = match &*self.class {
            "TFOpLambda" => text(&self.config, "function").unwrap_or_default(),
            "TensorFlowOpLayer" => text(&self.config["node_def"], "op").unwrap_or_default(),
            class => class,
        };
        let name = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        match &*name {
            "cast" => return Ok(Op::Pass),
            "relu" => return Ok(Op::Relu),
            "softmax" => return Ok(Op::Scores(Act::Softmax)),
            "sigmoid" => return Ok(Op::Scores(Act::Sigmoid)),
            _ => {}
        }
        let not =
            || strange(self, format!("is the operation {name}, which is no arithmetic with one number and"));
        let (number, first) = self.operation().ok_or_else(not)?;
        let [scale, offset] = match (name.trim_start_matches("__").trim_end_matches("__"), first) {
            ("truediv" | "realdiv" | "truedivide" | "true_divide" | "divide" | "div", false) => {
                [1.0 / number, 0.0]
            }
            ("mul" | "multiply", _) => [number, 0.0],
            ("sub" | "subtract", false) => [1.0, -number],
            ("sub" | "subtract", true) => [-1.0, number],
            ("add" | "addv2", _) => [1.0, number],
            _ => return Err(not()),
        };
        Ok(Op::Affine { scale: vec![scale], offset: vec![offset] })
    }
}

/// Keras's own guard against a variance of zero (`keras.backend.epsilon()`).
const LEAST_DEVIATION: f64 = 1e-7;

/// `(x − mean) / sqrt(variance)`.
pub(super) fn normalized(mean: &[f64], variance: &[f64]) -> Op {
    let scale: Vec<f64> = variance.iter().map(|v| 1.0 / v.sqrt().max(LEAST_DEVIATION)).collect();
    let at = |list: &[f64], at: usize| list.get(at).or(list.first()).copied().unwrap_or(0.0);
    let channels = mean.len().max(scale.len());
    let offset = (0..channels).map(|c| -at(mean, c) * at(&scale, c)).collect();
    Op::Affine { scale, offset }
}
