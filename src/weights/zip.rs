//! The part of zip that PyTorch writes: stored entries and their directory.

use std::collections::HashMap;
use std::ops::Range;

use crc::{CRC_32_ISO_HDLC, Crc, Table};

use crate::error::{Error, Result, short};

/// Sizes and signatures of zip's records.
const LOCAL: usize = 30;
const CENTRAL: usize = 46;
const END: usize = 22;
const CENTRAL_MAGIC: &[u8] = b"PK\x01\x02";
const END_MAGIC: &[u8] = b"PK\x05\x06";
/// A comment may follow the end record.
const MAX_COMMENT: usize = u16::MAX as usize;

fn damaged(why: impl std::fmt::Display) -> Error {
    Error::Format(format!(
        "the zip archive {why}; it is damaged, cut short or no PyTorch file: give it whole, or as safetensors"
    ))
}

/// Name and place of every entry, none of them compressed, each with the numbers that it was saved with.
pub(super) fn directory(bytes: &[u8]) -> Result<HashMap<String, Range<usize>>> {
    let cut = || damaged("has no whole directory");
    let two = |at: usize| Some(usize::from(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?)));
    let four = |at: usize| usize::try_from(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?)).ok();
    let from = bytes.len().saturating_sub(END + MAX_COMMENT);
    let end =
        bytes[from..].windows(END).rposition(|window| window.starts_with(END_MAGIC)).ok_or_else(cut)? + from;
    let (count, mut at) = (two(end + 10).ok_or_else(cut)?, four(end + 16).ok_or_else(cut)?);
    // Made when needed: in the module that browsers download, the table would take 16 kB.
    let crc = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);
    let (mut files, mut total) = (HashMap::new(), 0usize);
    for _ in 0..count {
        let header = bytes.get(at..).filter(|rest| rest.starts_with(CENTRAL_MAGIC)).ok_or_else(cut)?;
        let field = |offset: usize| two(at + offset).ok_or_else(cut);
        let (method, name, extra, comment) = (field(10)?, field(28)?, field(30)?, field(32)?);
        let long_field = |offset: usize| four(at + offset).ok_or_else(cut);
        let (checksum, size, local) = (long_field(16)?, long_field(24)?, long_field(42)?);
        let name_bytes = header.get(CENTRAL..CENTRAL + name).ok_or_else(cut)?;
        let name_text = String::from_utf8_lossy(name_bytes).into_owned();
        if method != 0 {
            return Err(damaged(format!("holds {} compressed, which PyTorch never does", short(&name_text))));
        }
        let skip = |offset: usize| local.checked_add(offset).and_then(two);
        let (Some(local_name), Some(local_extra)) = (skip(26), skip(28)) else { return Err(cut()) };
        let start = local + LOCAL + local_name + local_extra;
        let range = start.checked_add(size).filter(|&end| end <= bytes.len()).map(|end| start..end);
        let range = range.ok_or_else(cut)?;
        // Entries that lie on each other would let a small file ask for much work.
        total = total.saturating_add(size);
        if total > bytes.len() {
            return Err(damaged(format!("holds entries of {total} bytes in {}", bytes.len())));
        }
        // PyTorch can be told to leave checksums out: then they are 0.
        if checksum != 0 && crc.checksum(&bytes[range.clone()]) as usize != checksum {
            return Err(damaged(format!("holds {} with other bytes than were saved", short(&name_text))));
        }
        if files.insert(name_text.clone(), range).is_some() {
            return Err(damaged(format!("holds {} twice", short(&name_text))));
        }
        at += CENTRAL + name + extra + comment;
    }
    Ok(files)
}
