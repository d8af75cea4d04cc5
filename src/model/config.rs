//! The architecture as a table: the paper's figure 5. Other networks of its structure are in `presets`.
//!
//! Source: François Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions",
//! CVPR 2017. A variant is a row here, never a new file of forward code.

use burn::nn::PaddingConfig2d;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Classes of ImageNet-1k, which the published weights know.
pub const IMAGENET_CLASSES: usize = 1000;

/// Batch-norm epsilon of TensorFlow and of PyTorch.
pub(super) const TF_EPSILON: f64 = 1e-3;
pub(super) const TORCH_EPSILON: f64 = 1e-5;

/// Channels of a picture in colour.
const RGB: usize = 3;
/// Places in a 3×3 window.
const TAPS: usize = 9;

/// Widest layer accepted from a file: twice the paper's widest, so that a mangled file cannot ask
/// for absurd allocations.
const MAX_CHANNELS: usize = 4096;
/// Most blocks, units or classes per list accepted from a file, for the same reason.
const MAX_BLOCKS: usize = 64;
const MAX_CLASSES: usize = 100_000;
/// Most dense layers between features and classifier, and the widest: what transfer learning adds is one to three.
const MAX_HIDDEN: usize = 8;

/// Whose arithmetic the weights were trained for: the same tensors, different functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// `keras.applications.Xception`: batch-norm epsilon 1e-3, max-pool padded by TensorFlow's SAME
    /// rule (the odd pixel goes to the end).
    Keras,
    /// timm's `legacy_xception`: batch-norm epsilon 1e-5, max-pool padded by one on every side.
    Timm,
}

impl Dialect {
    /// Added to the variance before its square root.
    pub fn epsilon(self) -> f64 {
        match self {
            Self::Keras => TF_EPSILON,
            Self::Timm => TORCH_EPSILON,
        }
    }

    /// Padding of the 3×3 max-pools with stride 2, for Burn's own.
    pub fn pool_padding(self) -> PaddingConfig2d {
        match self {
            Self::Keras => PaddingConfig2d::Same,
            Self::Timm => PaddingConfig2d::Explicit(1, 1, 1, 1),
        }
    }

    /// The same for kernels: padding before the first of so many rows, or columns, of a 3×3 max-pool with stride 2, which answers
    /// `size.div_ceil(2)` of them. Behind the last one is as much as that takes.
    pub fn pool_before(self, size: usize) -> usize {
        match self {
            // TensorFlow's SAME: an even side is padded at its end only.
            Self::Keras => size % 2,
            Self::Timm => 1,
        }
    }

    /// The name that files and messages use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keras => "keras",
            Self::Timm => "timm",
        }
    }
}

/// Where the aligned networks put batch norm and ReLU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// ReLU, then convolution and batch norm, as in the paper.
    Post,
    /// Batch norm and ReLU on the sum of a block, before both ways through the next one.
    Pre,
}

/// What the later, "aligned" networks do otherwise than the paper (DeepLab's, as timm has them):
/// padding on every side everywhere, and the stride in a block's last depthwise convolution instead of
/// a max-pool. Batch norm also stands between depthwise and pointwise, but for [`Order::Pre`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aligned {
    /// Batch norm after or before.
    pub order: Order,
    /// Stride of each block of the entry flow.
    pub strides: Vec<usize>,
    /// Batch-norm epsilon, which here is the network's own.
    pub epsilon: f64,
}

/// What the face networks (`mini_XCEPTION` and its kin by Arriaga et al., 2017, "Real-time Convolutional Neural
/// Networks for Emotion and Gender Classification") do otherwise than the paper: there is no middle flow, and the
/// classifier is a 3×3 convolution with bias before global pooling.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Face {
    /// Channels of a picture: 1 (grey) or 3.
    pub channels: usize,
    /// Stride of the first convolution.
    pub stride: usize,
    /// Whether ReLU stands before each block but the first, as in the paper.
    pub leading_relu: bool,
    /// Whether the last block halves H and W, as in the paper; in some trained ones it has no pool.
    #[serde(default = "halves", skip_serializing_if = "Clone::clone")]
    pub last_halves: bool,
}

/// What files of before this was a setting have.
fn halves() -> bool {
    true
}

/// A dense layer between the pooled features and the classifier, as transfer learning adds them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hidden {
    /// How many numbers it answers.
    pub width: usize,
    /// Whether ReLU follows.
    pub relu: bool,
}

/// A network of Xception's structure. Numbers in a list are the output channels of its separable
/// convolutions, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct XceptionConfig {
    /// What `inspect` calls it.
    pub architecture: String,
    /// Whose padding and epsilon.
    pub dialect: Dialect,
    /// Length of the logits.
    pub classes: usize,
    /// Two plain 3×3 convolutions, the first with stride 2; without padding in the paper.
    pub stem: [usize; 2],
    /// Entry flow: each block halves H and W (in the paper) and is bridged by a strided 1×1 convolution.
    pub entry: Vec<Vec<usize>>,
    /// Middle flow: how many blocks, each bridged by the identity.
    pub middle_blocks: usize,
    /// Middle flow: separable convolutions per block, as wide as the entry flow's end.
    pub middle_units: usize,
    /// Exit flow: one more block that halves, with a shortcut …
    pub exit: Vec<usize>,
    /// … and separable convolutions after it, each followed by ReLU.
    pub tail: Vec<usize>,
    /// Only in the aligned networks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aligned: Option<Aligned>,
    /// Only in the face networks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub face: Option<Face>,
    /// Dense layers before the classifier; none in the paper.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<Hidden>,
}

impl XceptionConfig {
    /// The paper's network: 22,855,952 trainable numbers and 54,528 running statistics at 1000 classes.
    pub fn xception(dialect: Dialect, classes: usize) -> Self {
        Self {
            architecture: "xception".into(),
            dialect,
            classes,
            stem: [32, 64],
            entry: vec![vec![128, 128], vec![256, 256], vec![728, 728]],
            middle_blocks: 8,
            middle_units: 3,
            exit: vec![728, 1024],
            tail: vec![1536, 2048],
            aligned: None,
            face: None,
            hidden: Vec::new(),
        }
    }

    /// Channels after the entry flow, which the middle flow keeps.
    pub fn middle_channels(&self) -> usize {
        self.entry.last().and_then(|block| block.last()).copied().unwrap_or(self.stem[1])
    }

    /// How many classes have names: a single logit is that of the second of two.
    pub fn labels(&self) -> usize {
        self.classes.max(2)
    }

    /// Channels of a picture.
    pub fn channels(&self) -> usize {
        self.face.as_ref().map_or(RGB, |face| face.channels)
    }

    /// Pooled features: a number per channel, and for the face networks one per channel and place in a 3×3 window.
    pub fn features(&self) -> usize {
        let channels = last(&self.tail, last(&self.exit, self.middle_channels()));
        if self.face.is_some() { TAPS * channels } else { channels }
    }

    /// Added to the variance before its square root.
    pub fn epsilon(&self) -> f64 {
        self.aligned.as_ref().map_or(self.dialect.epsilon(), |aligned| aligned.epsilon)
    }

    /// Stride of block `index` of the entry flow.
    pub fn entry_stride(&self, index: usize) -> usize {
        self.aligned.as_ref().and_then(|aligned| aligned.strides.get(index)).copied().unwrap_or(2)
    }

    /// Smallest picture side that leaves at least one pixel at every step.
    ///
    /// The paper's stem needs 7 (three after the first convolution, one after the second); nothing else
    /// reaches zero.
    pub const fn min_size() -> usize {
        7
    }

    /// Refuses tables that no real network has. Called on everything read from a file.
    pub fn validate(&self) -> Result<()> {
        match self.fault() {
            None => Ok(()),
            Some(what) => Err(Error::Architecture(format!(
                "the model file asks for {what}; it is damaged or not of the Xception family"
            ))),
        }
    }

    /// What of the table no real network has, and what is allowed.
    pub fn fault(&self) -> Option<String> {
        let widths = self.stem.iter().chain(self.entry.iter().flatten()).chain(&self.exit).chain(&self.tail);
        // The face networks end in a block.
        let tail = if self.face.is_some() { self.tail.len() + 1 } else { self.tail.len() };
        let lists = [self.entry.len(), self.exit.len(), tail];
        let widths = widths.chain(self.hidden.iter().map(|hidden| &hidden.width));
        let refuse = |what: &str, given: usize, allowed: &str| {
            Some(format!("{given} {what}, but {allowed} are allowed"))
        };
        if let Some(&bad) = widths.clone().find(|&&width| width == 0 || width > MAX_CHANNELS) {
            return refuse("channels in one layer", bad, "1 to 4096");
        }
        if let Some(&bad) = lists
            .iter()
            .chain(self.entry.iter().map(Vec::len).collect::<Vec<_>>().iter())
            .find(|&&count| count == 0 || count > MAX_BLOCKS)
        {
            return refuse("layers in one list", bad, "1 to 64");
        }
        if self.middle_blocks > MAX_BLOCKS || self.middle_units > MAX_BLOCKS {
            return refuse(
                "middle-flow blocks or units",
                self.middle_blocks.max(self.middle_units),
                "at most 64",
            );
        }
        if let Some(aligned) = &self.aligned {
            if aligned.strides.len() != self.entry.len() {
                return refuse("strides", aligned.strides.len(), "as many as the entry flow has blocks");
            }
            if let Some(&bad) = aligned.strides.iter().find(|stride| !(1..=2).contains(*stride)) {
                return refuse("pixels of stride", bad, "1 or 2");
            }
            if !(aligned.epsilon > 0.0 && aligned.epsilon < 1.0) {
                return Some(format!(
                    "the batch-norm epsilon {}, but it must lie between 0 and 1",
                    aligned.epsilon
                ));
            }
        }
        if let Some(face) = &self.face {
            if face.channels != 1 && face.channels != RGB {
                return refuse("channels of a picture", face.channels, "1 or 3");
            }
            if !(1..=2).contains(&face.stride) {
                return refuse("pixels of stride", face.stride, "1 or 2");
            }
            if self.aligned.is_some() || !self.hidden.is_empty() {
                return Some("a face network with aligned blocks or dense layers, which none has".into());
            }
        }
        if self.hidden.len() > MAX_HIDDEN {
            return refuse("dense layers before the classifier", self.hidden.len(), "at most 8");
        }
        if self.classes == 0 || self.classes > MAX_CLASSES {
            return refuse("classes", self.classes, "1 to 100000");
        }
        None
    }
}

fn last(widths: &[usize], otherwise: usize) -> usize {
    widths.last().copied().unwrap_or(otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_tables_are_refused() {
        let mut config = XceptionConfig::mini(Dialect::Timm, 10);
        assert!(config.validate().is_ok());
        config.tail = vec![1 << 30];
        assert!(config.validate().is_err());
        config = XceptionConfig::mini(Dialect::Timm, 0);
        assert!(config.validate().is_err());
    }
}
