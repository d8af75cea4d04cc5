//! Files that JavaScript holds.

use std::ops::Range;

use js_sys::Uint8Array;

use crate::error::Result;
use crate::weights::FileBytes;

/// A file that JavaScript holds.
pub struct JsBytes(pub Uint8Array);

impl FileBytes for JsBytes {
    fn size(&self) -> usize {
        self.0.length() as usize
    }

    fn read(&self, start: usize, part: &mut [u8]) -> Result<()> {
        let Range { start, end } = self.range(start, part.len())?;
        self.0.subarray(start as u32, end as u32).copy_to(part);
        Ok(())
    }
}
