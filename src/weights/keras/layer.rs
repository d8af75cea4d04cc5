//! What one layer of a Keras model does at inference: the part of Keras that an Xception and a classifier on it need.

use serde_json::Value;

use super::model::{INPUT, Input, Node, PASS, text};
use crate::error::{Error, Result, short};
use crate::model::Dialect;

/// What a layer does.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Op {
    /// The model's input.
    Input,
    /// Nothing at inference: what is only there for training, and models that nest others.
    Pass,
    /// `scale · x + offset`, a number for all channels or one for each.
    Affine { scale: Vec<f64>, offset: Vec<f64> },
    /// The same by the mean and variance that it keeps as tensors.
    Normalization,
    /// A plain convolution of square windows.
    Conv { side: usize, stride: usize, same: bool, filters: usize, bias: bool },
    /// A 3×3 separable convolution.
    Separable { filters: usize },
    /// A batch norm of this epsilon.
    Norm { epsilon: f64 },
    /// ReLU.
    Relu,
    /// A 3×3 max-pool with stride 2.
    Pool,
    /// A sum.
    Add,
    /// The mean over all pixels.
    Mean,
    /// A dense layer, and what follows it in the same layer.
    Dense { units: usize, bias: bool, then: Act },
    /// What makes scores of logits.
    Scores(Act),
}

/// An activation by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Linear,
    Relu,
    Softmax,
    Sigmoid,
}

/// All that is understood, in every message about what is not.
const UNDERSTOOD: &str = "understood are an Xception or a face network of its kind, nested or not, Rescaling, Normalization and \
                          preprocess_input before it, and GlobalAveragePooling2D, Dense, BatchNormalization, Dropout and Activation \
                          (relu, softmax, sigmoid) after it";

/// Layers that only training sees. `RandomCrop` is none of them.
const TRAINING: [&str; 19] = [
    "Dropout",
    "SpatialDropout2D",
    "GaussianNoise",
    "GaussianDropout",
    "AlphaDropout",
    "ActivityRegularization",
    "Identity",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "RandomContrast",
    "RandomBrightness",
    "RandomHeight",
    "RandomWidth",
    "RandomShear",
    "RandomErasing",
    "RandomHue",
    "RandomSaturation",
];

/// The error of a layer that is not understood.
pub(super) fn strange(node: &Node, why: impl std::fmt::Display) -> Error {
    Error::Architecture(format!(
        "the layer {} ({}) {}; {UNDERSTOOD}",
        short(&node.name),
        short(&node.class),
        short(why)
    ))
}

impl Node {
    /// What this layer does.
    pub fn op(&self) -> Result<Op> {
        let config = &self.config;
        if config["data_format"] == "channels_first" {
            return Err(strange(self, "wants channels first; save the model with channels_last"));
        }
        Ok(match &*self.class {
            INPUT if self.inputs.is_empty() => Op::Input,
            INPUT | PASS | "Cast" => Op::Pass,
            class if TRAINING.contains(&class) => Op::Pass,
            // What Keras 2 called them while they were experimental.
            "Rescaling" => Op::Affine { scale: self.numbers("scale")?, offset: self.numbers("offset")? },
            "Normalization" => self.normalization()?,
            "TrueDivide" | "Divide" | "Multiply" | "Subtract" | "Add" | "TFOpLambda"
            | "TensorFlowOpLayer"
                if self.operation().is_some() || self.class.starts_with('T') =>
            {
                self.arithmetic()?
            }
            "Add" => Op::Add,
            "Conv2D" | "Convolution2D" => {
                self.only("groups", &Value::from(1))?;
                self.plain_window()?;
                let side = self.square("kernel_size")?;
                let bias = config["use_bias"] != false;
                Op::Conv {
                    side,
                    stride: self.square("strides")?,
                    same: self.is_same()?,
                    filters: self.count("filters")?,
                    bias,
                }
            }
            "SeparableConv2D" | "SeparableConvolution2D" => {
                self.only("depth_multiplier", &Value::from(1))?;
                self.only("use_bias", &Value::from(false))?;
                self.plain_window()?;
                match (self.square("kernel_size")?, self.square("strides")?, self.is_same()?) {
                    (3, 1, true) => Op::Separable { filters: self.count("filters")? },
                    (side, stride, same) => {
                        let padding = if same { "same" } else { "valid" };
                        return Err(strange(
                            self,
                            format!(
                                "has kernels of {side}×{side}, stride {stride} and padding {padding}; an Xception's have 3×3, 1 and same"
                            ),
                        ));
                    }
                }
            }
            "BatchNormalization" | "BatchNormalizationV1" => {
                self.only("center", &Value::from(true))?;
                self.only("scale", &Value::from(true))?;
                Op::Norm { epsilon: config["epsilon"].as_f64().unwrap_or(Dialect::Keras.epsilon()) }
            }
            "MaxPooling2D" => match (self.square("pool_size")?, self.square("strides")?, self.is_same()?) {
                (3, 2, true) => Op::Pool,
                _ => return Err(strange(self, "is no max-pool of 3×3 with stride 2 and padding same")),
            },
            "GlobalAveragePooling2D" => Op::Mean,
            "Dense" => Op::Dense {
                units: self.count("units")?,
                bias: config["use_bias"] != false,
                then: self.activation()?,
            },
            "ReLU" => {
                let is_none = |key: &str| config[key].is_null() || config[key].as_f64() == Some(0.0);
                if !(config["max_value"].is_null() && is_none("negative_slope") && is_none("threshold")) {
                    return Err(strange(self, "is no plain ReLU"));
                }
                Op::Relu
            }
            "Activation" => match self.activation()? {
                Act::Relu => Op::Relu,
                Act::Linear => Op::Pass,
                act => Op::Scores(act),
            },
            "Softmax" => Op::Scores(Act::Softmax),
            "Lambda" => {
                return Err(strange(
                    self,
                    "runs Python code, which no file may do here; write it as Rescaling",
                ));
            }
            "Resizing" | "CenterCrop" | "RandomCrop" => {
                return Err(strange(
                    self,
                    "brings pictures to a size by Keras's own arithmetic; leave it out of the model, as pictures are brought to its input size anyway",
                ));
            }
            _ => return Err(strange(self, "is not understood")),
        })
    }

    /// A setting that must be what it is by default.
    fn only(&self, key: &str, value: &Value) -> Result<()> {
        match &self.config[key] {
            Value::Null => Ok(()),
            found if found == value => Ok(()),
            found => Err(strange(self, format!("has {key} {found}, and {value} alone is"))),
        }
    }

    /// No activation of its own and no holes in the window.
    fn plain_window(&self) -> Result<()> {
        if self.activation()? != Act::Linear {
            return Err(strange(self, "has an activation of its own, before the batch norm"));
        }
        let dilation = &self.config["dilation_rate"];
        match dilation.is_null() || *dilation == 1 || self.square("dilation_rate")? == 1 {
            true => Ok(()),
            false => Err(strange(self, format!("has dilation_rate {dilation}, and 1 alone is"))),
        }
    }

    /// A number, which Keras writes once or for both directions.
    fn square(&self, key: &str) -> Result<usize> {
        let value = &self.config[key];
        let sides: Vec<Option<u64>> = match value.as_array() {
            Some(sides) => sides.iter().map(Value::as_u64).collect(),
            None => vec![value.as_u64(); 2],
        };
        match sides[..] {
            [Some(side @ 1..=16), Some(other)] if side == other => Ok(side as usize),
            _ => Err(strange(self, format!("has {key} {value}; the same small number twice is"))),
        }
    }

    fn is_same(&self) -> Result<bool> {
        match text(&self.config, "padding") {
            Some("same") => Ok(true),
            Some("valid") => Ok(false),
            _ => Err(strange(self, format!("has padding {}; same or valid is", self.config["padding"]))),
        }
    }

    fn count(&self, key: &str) -> Result<usize> {
        let count = self.config[key].as_u64().and_then(|count| usize::try_from(count).ok());
        count.ok_or_else(|| strange(self, format!("has {key} {}, which is no count", self.config[key])))
    }

    fn numbers(&self, key: &str) -> Result<Vec<f64>> {
        numbers(&self.config[key]).ok_or_else(|| strange(self, format!("has {key} {}", self.config[key])))
    }

    fn activation(&self) -> Result<Act> {
        let value = &self.config["activation"];
        // Keras 3 writes what it does not know by name as an object.
        let name = value.as_str().or(value["config"].as_str()).or(value["config"]["name"].as_str());
        match name {
            None if value.is_null() => Ok(Act::Linear),
            Some("linear") => Ok(Act::Linear),
            Some("relu") => Ok(Act::Relu),
            Some("softmax") => Ok(Act::Softmax),
            Some("sigmoid") => Ok(Act::Sigmoid),
            _ => Err(strange(self, format!("has the activation {value}, which is not"))),
        }
    }

    /// Keras's layer keeps its numbers in the configuration, if it was given any, or learns them.
    fn normalization(&self) -> Result<Op> {
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
    fn operation(&self) -> Option<(f64, bool)> {
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
    fn arithmetic(&self) -> Result<Op> {
        let name = match &*self.class {
            "TFOpLambda" => text(&self.config, "function").unwrap_or_default(),
            "TensorFlowOpLayer" => text(&self.config["node_def"], "op").unwrap_or_default(),
            class => class,
        };
        let name = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        if name == "cast" {
            return Ok(Op::Pass);
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

/// A number, or a list of them however deep, of which there are no more than channels.
fn numbers(value: &Value) -> Option<Vec<f64>> {
    let found = match value {
        Value::Array(list) => list.iter().map(numbers).collect::<Option<Vec<_>>>()?.concat(),
        // Keras 3 writes arrays of numpy as objects.
        Value::Object(fields) => numbers(&fields.get("config")?["value"])?,
        value => vec![value.as_f64()?],
    };
    (found.len() == 1 || found.len() == 3).then_some(found)
}
