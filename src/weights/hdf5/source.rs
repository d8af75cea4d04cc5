//! What the HDF5 library reads from, and how much.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use hdf5_pure::FormatError;

use super::FileBytes;

/// A file's bytes, read no more often than is allowed.
pub(super) struct Source<B> {
    pub bytes: B,
    pub allowance: Allowance,
}

/// Bytes that may still be read. The library copies a text once for each reference to it and has no limit for
/// attributes, but it reads each copy anew: what is read bounds what it holds.
#[derive(Clone)]
pub(super) struct Allowance(Arc<AtomicU64>);

impl Allowance {
    pub fn new(bytes: u64) -> Self {
        Self(Arc::new(AtomicU64::new(bytes)))
    }

    pub fn lift(&self) {
        self.0.store(u64::MAX, Relaxed);
    }

    /// Whether more was asked for.
    pub fn is_used_up(&self) -> bool {
        self.0.load(Relaxed) == 0
    }

    fn take(&self, bytes: usize) -> bool {
        let taken = self.0.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(bytes as u64));
        if taken.is_err() {
            self.0.store(0, Relaxed);
        }
        taken.is_ok()
    }
}

impl<B: FileBytes> hdf5_pure::Source for Source<B> {
    fn len(&self) -> u64 {
        self.bytes.size() as u64
    }

    fn read_at(&self, offset: u64, part: &mut [u8]) -> Result<(), FormatError> {
        let count = part.len();
        let beyond = |_| FormatError::OffsetOverflow { offset, length: count as u64 };
        let start = usize::try_from(offset).map_err(beyond)?;
        if self.allowance.take(count) && self.bytes.read(start, part).is_ok() {
            return Ok(());
        }
        Err(FormatError::UnexpectedEof {
            expected: start.saturating_add(count),
            available: self.bytes.size(),
        })
    }
}
