//! What the network's tensors are called: by typed names, and as text by the paths of the Burn modules
//! (`entry.0.units.1.pointwise.conv.weight`).

use std::fmt::{self, Display, Formatter};

/// A block, by the flow that it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlockId {
    /// Of the entry flow, by its number from 0.
    Entry(usize),
    /// Of the middle flow, by its number from 0.
    Middle(usize),
    /// The one of the exit flow.
    Exit,
}

/// A separable convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Of a block, by its number from 0.
    Of(BlockId, usize),
    /// After the last block, by its number from 0.
    Tail(usize),
}

impl Unit {
    /// Where its 3×3 convolution per channel stands.
    pub fn depthwise(self) -> Place {
        Place::Depthwise(self)
    }

    /// Where its 1×1 convolution stands.
    pub fn pointwise(self) -> Place {
        Place::Pointwise(self)
    }
}

/// Where a convolution, a batch norm or a dense layer stands. A convolution and the batch norm after it share a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// One of the two plain convolutions.
    Stem(usize),
    /// The first half of a separable convolution.
    Depthwise(Unit),
    /// The second half.
    Pointwise(Unit),
    /// On a block's bridge.
    Shortcut(BlockId),
    /// On a block's sum, where pre-activation networks have a batch norm.
    Sum(BlockId),
    /// A dense layer before the classifier.
    Hidden(usize),
    /// The classifier.
    Head,
}

impl Place {
    /// One of its tensors.
    pub fn part(self, part: Part) -> TensorId {
        TensorId { place: self, part }
    }
}

/// Which of a place's tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Of a convolution or a dense layer.
    Kernel,
    /// Of a dense layer: convolutions have none.
    Bias,
    /// A batch norm's factor.
    Gamma,
    /// A batch norm's offset.
    Beta,
    /// A batch norm's running mean.
    Mean,
    /// A batch norm's running variance.
    Variance,
}

impl Part {
    /// A batch norm's, in the order of Burn's and of Keras's.
    pub const NORM: [Self; 4] = [Self::Gamma, Self::Beta, Self::Mean, Self::Variance];

    /// Whether training changes it, rather than keeping count of it.
    pub fn is_trained(self) -> bool {
        !matches!(self, Self::Mean | Self::Variance)
    }
}

/// A tensor of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TensorId {
    /// Where its layer stands.
    pub place: Place,
    /// Which of the layer's it is.
    pub part: Part,
}

impl Display for BlockId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry(i) => write!(f, "entry.{i}"),
            Self::Middle(i) => write!(f, "middle.{i}"),
            Self::Exit => f.write_str("exit"),
        }
    }
}

impl Display for Unit {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(block, i) => write!(f, "{block}.units.{i}"),
            Self::Tail(i) => write!(f, "tail.{i}"),
        }
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stem(i) => write!(f, "stem.{i}"),
            Self::Depthwise(unit) => write!(f, "{unit}.depthwise"),
            Self::Pointwise(unit) => write!(f, "{unit}.pointwise"),
            Self::Shortcut(block) => write!(f, "{block}.shortcut"),
            Self::Sum(block) => write!(f, "{block}"),
            Self::Hidden(i) => write!(f, "hidden.{i}.linear"),
            Self::Head => f.write_str("head"),
        }
    }
}

impl Display for TensorId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = match (self.part, self.place) {
            (Part::Kernel, Place::Hidden(_) | Place::Head) => "weight",
            (Part::Kernel, _) => "conv.weight",
            (Part::Bias, _) => "bias",
            (Part::Gamma, _) => "norm.gamma",
            (Part::Beta, _) => "norm.beta",
            (Part::Mean, _) => "norm.running_mean",
            (Part::Variance, _) => "norm.running_var",
        };
        write!(f, "{}.{name}", self.place)
    }
}
