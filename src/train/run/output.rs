//! Files that are there whole or not at all, and a look at whether they can be written before hours of work.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use xception_web::error::{Error, Result};

/// Writes beside the file and renames, so that no reader ever sees half of it and a crash leaves what was
/// there.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let written = if is_device(path) {
        fs::write(path, bytes)
    } else {
        let partial = partial(path);
        fs::write(&partial, bytes).and_then(|()| fs::rename(&partial, path))
    };
    written.map_err(Error::io("write", path))
}

/// Makes the file's folder, and fails if the file could not be written later.
pub fn prepare(path: &Path) -> Result<()> {
    if is_device(path) {
        return Ok(());
    }
    if path.is_dir() {
        return Err(Error::io("write", path)(io::ErrorKind::IsADirectory.into()));
    }
    let probe = || {
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        let partial = partial(path);
        fs::write(&partial, [])?;
        fs::remove_file(&partial)
    };
    probe().map_err(Error::io("write", path))
}

/// Renaming would put a file in its place.
fn is_device(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir())
}

fn partial(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_prepared_can_be_written_and_leaves_nothing_else() {
        let folder = std::env::temp_dir().join(format!("xception-output-{}", std::process::id()));
        let file = folder.join("some/model.safetensors");
        prepare(&file).unwrap();
        assert!(!file.exists());
        write(&file, b"first").unwrap();
        prepare(&file).unwrap();
        write(&file, b"second").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"second");
        assert_eq!(fs::read_dir(folder.join("some")).unwrap().count(), 1);

        // A folder, and a file where a folder would have to be.
        for bad in [folder.join("some"), file.join("model.safetensors")] {
            assert!(prepare(&bad).unwrap_err().to_string().contains(&bad.display().to_string()));
            assert!(write(&bad, b"").is_err());
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
