//! A small seeded generator, so that a sample depends on its seed alone: not on threads, platforms
//! or the version of a crate.

/// SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

/// The streams that are no epoch of a run: each use of chance has one of its own. Two with one number do not compile, and
/// seeded results hang on the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Drawings that judge a run.
    Validation = 0,
    /// First weights.
    Init = 1,
    /// Drawings by other hands.
    Redrawn = 2,
    /// Pictures of nothing that judge a model.
    NothingJudged = 3,
    /// Drawings of other things that judge a model.
    Others = 4,
    /// Drawings as a poor webcam sees them.
    Hard = 5,
    /// The order of own pictures.
    Order = 6,
    /// Own pictures of classes of unequal size.
    Drawn = 7,
    /// Pictures of nothing among those of a run.
    Nothing = 8,
    /// Own pictures held out.
    Split = 9,
    /// Pictures mixed into others.
    Mix = 10,
    /// Which half of own pictures judges a calibration.
    Halves = 11,
    /// Which strangers are looked at.
    Strangers = 12,
}

impl Stream {
    /// Its number: from the end, so that none is an epoch's.
    pub const fn number(self) -> u64 {
        u64::MAX - self as u64
    }
}

impl Random {
    /// The generator for one item of one stream.
    pub fn new(seed: u64, stream: u64, item: u64) -> Self {
        let mut random = Self(seed);
        for part in [stream, item] {
            random.0 = random.bits() ^ part.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
        random
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in `[0, 1)`.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Uniform in `[low, high)`.
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f32) -> bool {
        self.unit() < p
    }

    /// Uniform in `0..n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n.max(1) as u64) as usize
    }

    /// One of `items`, which must not be empty.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// Fisher and Yates.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}
