//! A model of several files as one archive.

use std::collections::HashSet;
use std::path::Path;

use super::{MODEL, damaged, manifest, parse, paths};
use crate::error::{Error, Result};

/// Of zip's records, up to the checksum: version, flags, method (0: stored), time and date.
const STORED: [u8; 10] = [20, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// What a model file needs from beside it: of TensorFlow.js's `model.json`, an archive of it and its shards; any other
/// is `bytes` as they are.
///
/// # Errors
///
/// When a shard cannot be read, or `model.json` names one outside of its own folder.
pub fn with_shards(path: &Path, bytes: Vec<u8>) -> Result<Vec<u8>> {
    let is_model = |key: &str| bytes.windows(key.len()).any(|window| window == key.as_bytes());
    if !bytes.trim_ascii_start().starts_with(b"{") || !is_model("\"weightsManifest\"") {
        return Ok(bytes);
    }
    let model = parse(&bytes)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let (mut archive, mut seen) = (Archive::default(), HashSet::new());
    archive.add(MODEL, &bytes)?;
    for group in manifest(&model)? {
        for shard in paths(group)? {
            if !is_inside(shard) {
                return Err(damaged(format!("names the shard {shard}, which is not in its folder")));
            }
            if !seen.insert(shard) {
                return Err(damaged(format!("names the shard {shard} twice")));
            }
            let file = folder.join(shard);
            let bytes = std::fs::read(&file).map_err(Error::io("read a shard of the model,", &file))?;
            archive.add(shard, &bytes)?;
        }
    }
    archive.finish()
}

/// Whether a path with slashes stays below where it begins, on every system.
fn is_inside(path: &str) -> bool {
    let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', ':', '\0']);
    path != MODEL && path.split('/').all(plain)
}

/// A zip archive of stored entries, without checksums.
#[derive(Default)]
struct Archive {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    count: u16,
}

impl Archive {
    fn add(&mut self, name: &str, content: &[u8]) -> Result<()> {
        let large = |_| damaged("has files of more than 4 GB or names of more than 64 kB");
        let start = u32::try_from(self.bytes.len()).map_err(large)?.to_le_bytes();
        let size = u32::try_from(content.len()).map_err(large)?.to_le_bytes();
        let length = u16::try_from(name.len()).map_err(large)?.to_le_bytes();
        let common = [&STORED[..], &[0; 4], &size, &size, &length, &[0; 2]].concat();
        self.bytes.extend([b"PK\x03\x04", &common[..], name.as_bytes(), content].concat());
        let entry = [b"PK\x01\x02\x14\0", &common[..], &[0; 10], &start, name.as_bytes()].concat();
        self.directory.extend(entry);
        self.count = self.count.checked_add(1).ok_or_else(|| damaged("has more than 65535 shards"))?;
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<u8>> {
        let large = |_| damaged("has files of more than 4 GB");
        let start = u32::try_from(self.bytes.len()).map_err(large)?.to_le_bytes();
        let size = u32::try_from(self.directory.len()).map_err(large)?.to_le_bytes();
        let count = self.count.to_le_bytes();
        self.bytes.extend(&self.directory);
        self.bytes.extend([b"PK\x05\x06\0\0\0\0", &count[..], &count, &size, &start, &[0, 0]].concat());
        Ok(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_lie_in_the_folder_of_their_model() {
        for inside in ["group1-shard1of1.bin", "weights/a.bin", "a b", "..a"] {
            assert!(is_inside(inside), "{inside}");
        }
        for outside in
            ["../a", "a/../../b", "/etc/passwd", "C:\\a", "c:a", "a\\..\\b", "", "a//b", ".", MODEL]
        {
            assert!(!is_inside(outside), "{outside}");
        }
    }
}
