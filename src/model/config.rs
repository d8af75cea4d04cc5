//! The architecture as a table: the paper's figure 5, and smaller networks of the same structure.
//!
//! Source: François Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions",
//! CVPR 2017. A variant is a row here, never a new file of forward code.

use burn::nn::PaddingConfig2d;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Classes of ImageNet-1k, which the published weights know.
pub const IMAGENET_CLASSES: usize = 1000;

/// Widest layer accepted from a file: twice the paper's widest, so that a mangled file cannot ask
/// for absurd allocations.
const MAX_CHANNELS: usize = 4096;
/// Most blocks, units or classes per list accepted from a file, for the same reason.
const MAX_BLOCKS: usize = 64;
const MAX_CLASSES: usize = 100_000;

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
            Self::Keras => 1e-3,
            Self::Timm => 1e-5,
        }
    }

    /// Padding of the 3×3 max-pools with stride 2.
    pub fn pool_padding(self) -> PaddingConfig2d {
        match self {
            Self::Keras => PaddingConfig2d::Same,
            Self::Timm => PaddingConfig2d::Explicit(1, 1, 1, 1),
        }
    }

    /// Side of a max-pool's output for an input of side `size`, under this dialect's padding.
    fn pooled(self, size: usize) -> usize {
        match self {
            Self::Keras => size.div_ceil(2),
            Self::Timm => (size - 1) / 2 + 1,
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

/// A network of Xception's structure. Numbers in a list are the output channels of its separable
/// convolutions, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct XceptionConfig {
    /// What `inspect` calls it.
    pub architecture: String,
    /// Whose padding and epsilon.
    pub dialect: Dialect,
    /// Length of the logits.
    pub classes: usize,
    /// Two plain 3×3 convolutions without padding; the first has stride 2.
    pub stem: [usize; 2],
    /// Entry flow: each block ends in a max-pool and is bridged by a strided 1×1 convolution.
    pub entry: Vec<Vec<usize>>,
    /// Middle flow: how many blocks, each bridged by the identity.
    pub middle_blocks: usize,
    /// Middle flow: separable convolutions per block, as wide as the entry flow's end.
    pub middle_units: usize,
    /// Exit flow: one more block with pool and projected residual …
    pub exit: Vec<usize>,
    /// … and separable convolutions without residual, each followed by ReLU.
    pub tail: Vec<usize>,
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
        }
    }

    /// The same structure for small pictures: fewer channels, fewer repeats.
    pub fn mini(dialect: Dialect, classes: usize) -> Self {
        Self {
            architecture: "xception-mini".into(),
            dialect,
            classes,
            stem: [16, 24],
            entry: vec![vec![48, 48], vec![96, 96], vec![192, 192]],
            middle_blocks: 3,
            middle_units: 3,
            exit: vec![192, 256],
            tail: vec![384, 512],
        }
    }

    /// The same table with the name it is known by.
    pub fn named(self) -> Self {
        let known = [Self::xception(self.dialect, self.classes), Self::mini(self.dialect, self.classes)];
        let same = |other: &Self| Self { architecture: other.architecture.clone(), ..self.clone() } == *other;
        let architecture =
            known.iter().find(|other| same(other)).map_or("xception-custom", |known| &known.architecture);
        Self { architecture: architecture.into(), ..self }
    }

    /// Channels after the entry flow, which the middle flow keeps.
    pub fn middle_channels(&self) -> usize {
        self.entry.last().and_then(|block| block.last()).copied().unwrap_or(self.stem[1])
    }

    /// Channels that the head pools.
    pub fn features(&self) -> usize {
        last(&self.tail, last(&self.exit, self.middle_channels()))
    }

    /// Smallest picture side that leaves at least one pixel at every step.
    ///
    /// The stem needs 7 (three after the first convolution, one after the second); pools never
    /// reach zero.
    pub const fn min_size() -> usize {
        7
    }

    /// Multiply-accumulates of one picture of side `size`, convolutions and classifier, as timm counts.
    pub fn macs(&self, size: usize) -> u64 {
        let separable =
            |side: usize, from: usize, to: usize| (side * side) as u64 * (9 * from + from * to) as u64;
        let first = (size - 3) / 2 + 1;
        let mut side = first - 2;
        let mut macs = (first * first * 9 * 3 * self.stem[0]) as u64
            + (side * side * 9 * self.stem[0] * self.stem[1]) as u64;
        let mut from = self.stem[1];
        let down = |widths: &[usize], side: &mut usize, from: &mut usize| {
            let block_in = *from;
            let mut macs = 0;
            for &to in widths {
                macs += separable(*side, *from, to);
                *from = to;
            }
            *side = self.dialect.pooled(*side);
            macs + (*side * *side * block_in * *from) as u64
        };
        for widths in &self.entry {
            macs += down(widths, &mut side, &mut from);
        }
        macs += (self.middle_blocks * self.middle_units) as u64 * separable(side, from, from);
        macs += down(&self.exit, &mut side, &mut from);
        for &to in &self.tail {
            macs += separable(side, from, to);
            from = to;
        }
        macs + (from * self.classes) as u64
    }

    /// Refuses tables that no real network has. Called on everything read from a file.
    pub fn validate(&self) -> Result<()> {
        let widths = self.stem.iter().chain(self.entry.iter().flatten()).chain(&self.exit).chain(&self.tail);
        let lists = [self.entry.len(), self.exit.len(), self.tail.len()];
        let refuse = |what: &str, given: usize, allowed: &str| {
            Err(Error::Architecture(format!(
                "the model file asks for {given} {what}, but {allowed} are allowed; it is damaged or not of the Xception family"
            )))
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
        if self.classes == 0 || self.classes > MAX_CLASSES {
            return refuse("classes", self.classes, "1 to 100000");
        }
        Ok(())
    }
}

fn last(widths: &[usize], otherwise: usize) -> usize {
    widths.last().copied().unwrap_or(otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_network_costs_what_timm_and_the_harness_count() {
        // 8.357 GMAC at 299 without folding of anything (Keras dialect).
        let macs = XceptionConfig::xception(Dialect::Keras, IMAGENET_CLASSES).macs(299);
        assert!((8.35e9..8.42e9).contains(&(macs as f64)), "{macs}");
    }

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
