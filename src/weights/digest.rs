//! The SHA-256 that a file of ours carries of its own tensors: damage is found, not classified with.

use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use super::bytes::FileBytes;
use crate::error::{Error, Result};

/// Bytes hashed at a time.
const PIECE: usize = 64 << 10;

/// A digest to check. Where the platform hashes faster than this program (a browser's Web Crypto), hash the
/// bytes from [`Digest::start`] to the end there and hand the result to [`Digest::check`].
pub struct Digest {
    bytes: Rc<dyn FileBytes>,
    start: usize,
    expected: String,
}

impl Digest {
    /// `expected` in hex, of the bytes from `start` to the end.
    pub(super) fn new(bytes: Rc<dyn FileBytes>, start: usize, expected: String) -> Self {
        Self { bytes, start, expected }
    }

    /// First byte that it covers; the last is the file's.
    pub fn start(&self) -> usize {
        self.start
    }

    /// Hashes the bytes here, piece by piece.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    pub fn compute(&self) -> Result<Vec<u8>> {
        let mut sha256 = Sha256::new();
        let mut piece = vec![0; PIECE];
        let size = self.bytes.size();
        for start in (self.start..size).step_by(PIECE) {
            let piece = &mut piece[..PIECE.min(size - start)];
            self.bytes.read(start, piece)?;
            update(&mut sha256, piece);
        }
        Ok(sha256.finalize().to_vec())
    }

    /// Compares a hash with what the file says.
    ///
    /// # Errors
    ///
    /// When they differ.
    pub fn check(&self, found: &[u8]) -> Result<()> {
        if hex(found) == self.expected {
            return Ok(());
        }
        Err(Error::Format(
            "the model file's tensors do not match its SHA-256: it is damaged; fetch or make it again".into(),
        ))
    }
}

/// A call of its own: engines compile a function anew, and faster, only between two calls.
#[inline(never)]
fn update(sha256: &mut Sha256, piece: &[u8]) {
    sha256.update(piece);
}

/// As people write a hash.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
