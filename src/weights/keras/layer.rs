//! What one layer of a Keras model does at inference: the part of Keras that an Xception and a classifier on it need.

use serde_json::Value;

use super::model::{INPUT, Node, PASS};
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
    /// A batch norm of this epsilon, with gamma and beta or without.
    Norm { epsilon: f64, scale: bool, center: bool },
    /// ReLU.
    Relu,
    /// A 3×3 max-pool with stride 2.
    Pool,
    /// A sum.
    Add,
    /// The mean over all pixels.
    Mean,
    /// All numbers of a picture in a row.
    Flatten,
    /// `keras.applications`' own preprocessing by its name, which does not say of which network's.
    Published,
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
pub(super) const TRAINING: [&str; 34] = [
    "AugMix",
    "CutMix",
    "Equalization",
    "MixUp",
    "RandAugment",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomElasticTransform",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomSharpness",
    "Solarization",
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
            "Pipeline" => self.pipeline()?,
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
                let (scale, center) = (config["scale"] != false, config["center"] != false);
                let epsilon = config["epsilon"].as_f64().unwrap_or(Dialect::Keras.epsilon());
                Op::Norm { epsilon, scale, center }
            }
            "MaxPooling2D" => match (self.square("pool_size")?, self.square("strides")?, self.is_same()?) {
                (3, 2, true) => Op::Pool,
                _ => return Err(strange(self, "is no max-pool of 3×3 with stride 2 and padding same")),
            },
            "GlobalAveragePooling2D" => Op::Mean,
            "Flatten" => Op::Flatten,
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
            // Layers, and what Keras calls its functions of tensors.
            "Softmax" => Op::Scores(Act::Softmax),
            "Sigmoid" => Op::Scores(Act::Sigmoid),
            "Relu" => Op::Relu,
            "Lambda" if self.is_published() => Op::Published,
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
}
