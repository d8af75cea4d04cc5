//! The pictures of one step, made ahead of need.

use std::sync::mpsc::{Receiver, sync_channel};

/// Batches made ahead.
const AHEAD: usize = 6;

/// Pictures `[B, H, W, 3]` and their classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// As a picture file has them, row by row, channels last: a quarter of what numbers would take on the way to a GPU.
    pub pixels: Vec<u8>,
    /// Index of the class of each picture.
    pub classes: Vec<usize>,
}

impl Batch {
    /// Height and width of its pictures.
    pub fn side(&self) -> usize {
        (self.pixels.len() / self.classes.len().max(1) / 3).isqrt()
    }
}

/// What a network sees of a byte, -1 to 1; as `preprocess` does it, to the bit.
pub fn normalised(byte: u8) -> f32 {
    (f32::from(byte) / 255.0 - 0.5) / 0.5
}

/// The byte nearest to what a network sees, -1 to 1.
pub fn byte(seen: f32) -> u8 {
    // `as` cuts off.
    (seen * 127.5 + 128.0) as u8
}

/// What `make` gives for `0..batches`, in this order and a few ahead of need. It is called on a thread of its own, and
/// may use all others.
pub fn ahead(batches: usize, make: impl Fn(usize) -> Batch + Send + 'static) -> Receiver<Batch> {
    let (send, receive) = sync_channel(AHEAD);
    std::thread::spawn(move || {
        for i in 0..batches {
            // The receiver is gone when training stops early.
            if send.send(make(i)).is_err() {
                return;
            }
        }
    });
    receive
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_network_sees_of_a_byte_is_that_byte() {
        assert!((0..=255).all(|v| byte(normalised(v)) == v));
    }
}
