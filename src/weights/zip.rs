//! The part of zip that PyTorch and Keras write: stored entries and their directory.

use std::collections::HashMap;
use std::ops::Range;

use crc::{CRC_32_ISO_HDLC, Crc, Table};

use super::bytes::FileBytes;
use crate::error::{Error, Result, short};

/// Sizes and signatures of zip's records.
const LOCAL: usize = 30;
const CENTRAL: usize = 46;
const END: usize = 22;
const CENTRAL_MAGIC: &[u8] = b"PK\x01\x02";
const END_MAGIC: &[u8] = b"PK\x05\x06";
/// A comment may follow the end record.
const MAX_COMMENT: usize = u16::MAX as usize;

/// In the names of TorchScript's entries, of which it compresses those of its program.
const TORCH_SCRIPT: &str = "/code/__torch__";

fn damaged(why: impl std::fmt::Display) -> Error {
    Error::Format(format!(
        "the zip archive {why}; it is damaged, cut short or of neither PyTorch nor Keras: give it whole, or as safetensors"
    ))
}

/// Bytes whose checksum is taken at a time.
const PIECE: usize = 64 << 10;
/// Longest directory that is read: of ten times the entries of the largest network, by long names.
const MAX_DIRECTORY: usize = 4 << 20;

/// The name of the first entry, by which archives of Keras are told from PyTorch's.
pub(super) fn first_name(bytes: &dyn FileBytes) -> Option<String> {
    let header = read(bytes, 0, LOCAL).ok()?;
    let name = read(bytes, LOCAL, two(&header, 26)?).ok()?;
    Some(String::from_utf8_lossy(&name).into_owned())
}

fn two(bytes: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?)))
}

fn four(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?)).ok()
}

/// Part of a file that has it.
fn read(bytes: &dyn FileBytes, start: usize, count: usize) -> Result<Vec<u8>> {
    let range = bytes.range(start, count)?;
    let mut part = vec![0; range.len()];
    bytes.read(start, &mut part)?;
    Ok(part)
}

/// Name and place of every entry, none of them compressed, each with the numbers that it was saved with.
pub(super) fn directory(bytes: &dyn FileBytes) -> Result<HashMap<String, Range<usize>>> {
    let cut = || damaged("has no whole directory");
    let from = bytes.size().saturating_sub(END + MAX_COMMENT);
    let tail = read(bytes, from, bytes.size() - from)?;
    let end = tail.windows(END).rposition(|window| window.starts_with(END_MAGIC)).ok_or_else(cut)?;
    let field = |offset: usize| four(&tail, end + offset).ok_or_else(cut);
    let (count, size, start) = (two(&tail, end + 10).ok_or_else(cut)?, field(12)?, field(16)?);
    if size > MAX_DIRECTORY {
        return Err(damaged(format!("has a directory of {size} bytes of at most {MAX_DIRECTORY}")));
    }
    let central = read(bytes, start, size).map_err(|_| cut())?;
    let mut at = 0;
    // Made when needed: in the module that browsers download, the table would take 16 kB.
    let crc = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);
    let (mut files, mut total) = (HashMap::new(), 0usize);
    for _ in 0..count {
        let header = central.get(at..).filter(|rest| rest.starts_with(CENTRAL_MAGIC)).ok_or_else(cut)?;
        let field = |offset: usize| two(header, offset).ok_or_else(cut);
        let (method, name, extra, comment) = (field(10)?, field(28)?, field(30)?, field(32)?);
        let long_field = |offset: usize| four(header, offset).ok_or_else(cut);
        let (checksum, size, local) = (long_field(16)?, long_field(24)?, long_field(42)?);
        let name_bytes = header.get(CENTRAL..CENTRAL + name).ok_or_else(cut)?;
        let name_text = String::from_utf8_lossy(name_bytes).into_owned();
        if method != 0 && name_text.contains(TORCH_SCRIPT) {
            return Err(Error::Format(
                "the file is TorchScript, a program and its weights, and no program is run here; save the weights alone (torch.save(model.state_dict(), …))".into(),
            ));
        }
        if method != 0 {
            return Err(damaged(format!(
                "holds {} compressed, which neither PyTorch nor Keras does",
                short(&name_text)
            )));
        }
        let local_header = read(bytes, local, LOCAL).map_err(|_| cut())?;
        let (Some(local_name), Some(local_extra)) = (two(&local_header, 26), two(&local_header, 28)) else {
            return Err(cut());
        };
        let start = sum_of([local, LOCAL, local_name, local_extra]).ok_or_else(cut)?;
        let range = bytes.range(start, size).map_err(|_| cut())?;
        // Entries that lie on each other would let a small file ask for much work.
        total = total.saturating_add(size);
        if total > bytes.size() {
            return Err(damaged(format!("holds entries of {total} bytes in {}", bytes.size())));
        }
        // PyTorch can be told to leave checksums out: then they are 0.
        if checksum != 0 && sum(&crc, bytes, &range)? != checksum {
            return Err(damaged(format!("holds {} with other bytes than were saved", short(&name_text))));
        }
        if files.insert(name_text.clone(), range).is_some() {
            return Err(damaged(format!("holds {} twice", short(&name_text))));
        }
        at += CENTRAL + name + extra + comment;
    }
    Ok(files)
}

/// Where something is behind others. In a browser an address has 32 bits, and so have zip's offsets.
fn sum_of<const N: usize>(parts: [usize; N]) -> Option<usize> {
    parts.into_iter().try_fold(0usize, usize::checked_add)
}

/// The checksum of an entry, piece by piece.
fn sum(crc: &Crc<u32, Table<16>>, bytes: &dyn FileBytes, range: &Range<usize>) -> Result<usize> {
    let mut digest = crc.digest();
    let mut piece = vec![0; PIECE.min(range.len())];
    for start in range.clone().step_by(PIECE) {
        let piece = &mut piece[..PIECE.min(range.end - start)];
        bytes.read(start, piece)?;
        digest.update(piece);
    }
    Ok(digest.finalize() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_place_is_behind_the_last_address() {
        assert_eq!(sum_of([usize::MAX - LOCAL, LOCAL]), Some(usize::MAX));
        for beyond in [[usize::MAX, 1, 0], [usize::MAX - LOCAL, LOCAL, 1], [usize::MAX, usize::MAX, 2]] {
            assert_eq!(sum_of(beyond), None, "{beyond:?}");
        }
    }

    /// An entry that would begin behind 4 GB, the most that the format can say.
    #[test]
    fn entries_beyond_the_file_are_refused() {
        let header = [&b"PK\x01\x02"[..], &[0; 20], &[1, 0, 0, 0, 1, 0], &[0; 12], &[0xff; 4], b"a"].concat();
        let end = [&b"PK\x05\x06"[..], &[0; 4], &[1, 0, 1, 0], &(header.len() as u32).to_le_bytes()].concat();
        let file = [&header[..], &end, &[0; 4], &[0; 2]].concat();
        let said = directory(&file).unwrap_err().to_string();
        assert!(said.contains("no whole directory"), "{said}");
    }
}
