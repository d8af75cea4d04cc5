//! Numbers outside of any device.

/// Pictures, or what a network answers to them, channel by channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Planes {
    /// In the order of the shape.
    pub values: Vec<f32>,
    /// B, C, H, W.
    pub shape: [usize; 4],
}
