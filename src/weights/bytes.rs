//! The bytes of a model file, wherever they lie.

use std::ops::Range;

use crate::error::{Error, Result};

/// A file that is read in parts. One that lies outside of this program's memory, as in a browser, never has
/// to be in it as a whole.
pub trait FileBytes {
    /// How many there are.
    fn size(&self) -> usize;

    /// Fills `part` with the bytes from `start` on.
    ///
    /// # Errors
    ///
    /// When the file has no such bytes, or they cannot be read.
    fn read(&self, start: usize, part: &mut [u8]) -> Result<()>;

    /// `count` bytes from `start` on.
    ///
    /// # Errors
    ///
    /// When the file has no such bytes.
    fn range(&self, start: usize, count: usize) -> Result<Range<usize>> {
        let end = start.checked_add(count).filter(|&end| end <= self.size());
        end.map(|end| start..end).ok_or_else(|| {
            Error::Format(format!(
                "{count} bytes from {start} on are wanted of the model file, which has {}; it is cut short: fetch it again",
                self.size()
            ))
        })
    }

    /// All of them, for formats that can be read in no other way.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    fn whole(self: Box<Self>) -> Result<Vec<u8>> {
        let mut bytes = vec![0; self.size()];
        self.read(0, &mut bytes)?;
        Ok(bytes)
    }
}

impl FileBytes for Vec<u8> {
    fn size(&self) -> usize {
        self.len()
    }

    fn read(&self, start: usize, part: &mut [u8]) -> Result<()> {
        part.copy_from_slice(&self[self.range(start, part.len())?]);
        Ok(())
    }

    fn whole(self: Box<Self>) -> Result<Vec<u8>> {
        Ok(*self)
    }
}

/// A part of a file as a file of its own.
#[cfg(feature = "keras")]
pub(super) struct Part<B> {
    pub bytes: B,
    pub range: Range<usize>,
}

#[cfg(feature = "keras")]
impl<B: FileBytes> FileBytes for Part<B> {
    fn size(&self) -> usize {
        self.range.len()
    }

    fn read(&self, start: usize, part: &mut [u8]) -> Result<()> {
        let Range { start, .. } = self.range(start, part.len())?;
        self.bytes.read(self.range.start + start, part)
    }
}
