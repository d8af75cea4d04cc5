//! Every shape that the paper's network has at 299×299.

// Each benchmark takes its part.
#![allow(dead_code)]

/// How a convolution's rows are made.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    /// The stem: 3×3 without padding.
    Plain,
    /// Around a block: 1×1 with stride 2.
    Bridge,
    /// Separable 3×3.
    Separable,
}

/// A convolution of the network: its name, kind, side of the input, channels in and out, stride.
pub type Shape = (&'static str, Kind, usize, [usize; 2], usize);

pub const SHAPES: [Shape; 17] = [
    ("stem.0", Kind::Plain, 299, [3, 32], 2),
    ("stem.1", Kind::Plain, 149, [32, 64], 1),
    ("entry.0.bridge", Kind::Bridge, 147, [64, 128], 2),
    ("entry.0.unit.0", Kind::Separable, 147, [64, 128], 1),
    ("entry.0.unit.1", Kind::Separable, 147, [128, 128], 1),
    ("entry.1.bridge", Kind::Bridge, 74, [128, 256], 2),
    ("entry.1.unit.0", Kind::Separable, 74, [128, 256], 1),
    ("entry.1.unit.1", Kind::Separable, 74, [256, 256], 1),
    ("entry.2.bridge", Kind::Bridge, 37, [256, 728], 2),
    ("entry.2.unit.0", Kind::Separable, 37, [256, 728], 1),
    ("entry.2.unit.1", Kind::Separable, 37, [728, 728], 1),
    ("middle", Kind::Separable, 19, [728, 728], 1),
    ("exit.bridge", Kind::Bridge, 19, [728, 1024], 2),
    ("exit.unit.1", Kind::Separable, 19, [728, 1024], 1),
    ("tail.0", Kind::Separable, 10, [1024, 1536], 1),
    ("tail.1", Kind::Separable, 10, [1536, 2048], 1),
    ("head", Kind::Bridge, 1, [2048, 1000], 1),
];

/// Side and channels of what the max-pools halve.
pub const POOLS: [[usize; 2]; 4] = [[147, 128], [74, 256], [37, 728], [19, 1024]];
