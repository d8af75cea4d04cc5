//! The numbers that the kernels compute on.

/// Numbers in −1 … 1 that look like noise, without an end.
pub struct Noise(u32);

impl Noise {
    /// Depends on `seed`.
    pub fn new(seed: u32) -> Self {
        Self(seed.wrapping_mul(2_654_435_761).wrapping_add(1))
    }
}

impl Iterator for Noise {
    type Item = f32;

    fn next(&mut self) -> Option<f32> {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        Some(self.0 as f32 / u32::MAX as f32 * 2.0 - 1.0)
    }
}

/// The first `len` numbers of [`Noise`].
pub fn noise(len: usize, seed: u32) -> Vec<f32> {
    Noise::new(seed).take(len).collect()
}
