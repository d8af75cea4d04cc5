//! The bytes of a model file, wherever they lie.

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
        let found = start.checked_add(part.len()).and_then(|end| self.get(start..end));
        part.copy_from_slice(found.ok_or_else(|| cut(start, part.len(), self.len()))?);
        Ok(())
    }

    fn whole(self: Box<Self>) -> Result<Vec<u8>> {
        Ok(*self)
    }
}

/// The error for bytes that are not there.
pub fn cut(start: usize, count: usize, size: usize) -> Error {
    Error::Format(format!(
        "the model file was asked for {count} bytes from {start} on, but has {size}; it is cut short: fetch it again"
    ))
}
