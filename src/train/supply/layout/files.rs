//! What lies in a folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use xception_web::error::{Error, Result};
use xception_web::picture::Picture;

/// File names that are taken for pictures, by their ends in any case.
pub(super) const EXTENSIONS: [&str; 6] = ["png", "jpg", "jpeg", "webp", "gif", "bmp"];
/// Where tiny-imagenet-200 has the pictures of a part.
const IMAGES: &str = "images";
/// Folders that hold a part of the data rather than a class, when there are no others.
const PARTS: [&str; 7] = ["train", "training", "val", "valid", "validation", "test", "testing"];

/// The picture in a file, or what is wrong with it.
pub(crate) fn decode(path: &Path) -> Result<Picture, String> {
    let bytes = fs::read(path).map_err(|source| source.to_string())?;
    Picture::decode(&bytes).map_err(|error| error.to_string())
}

/// The pictures of tiny-imagenet-200's validation set by class.
pub(super) fn annotated(validation: &Path, annotations: &Path) -> Result<BTreeMap<String, Vec<PathBuf>>> {
    let text = fs::read_to_string(annotations).map_err(Error::io("read", annotations))?;
    let mut classes: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let mut columns = line.split('\t');
        let Some((file, class)) = columns.next().zip(columns.next()) else {
            return Err(Error::Training(format!(
                "line {} of {} has no tab; give a picture's name, tab, its class in each",
                at + 1,
                annotations.display()
            )));
        };
        classes.entry(class.trim().to_owned()).or_default().push(validation.join(IMAGES).join(file.trim()));
    }
    classes.values_mut().for_each(|files| files.sort());
    Ok(classes)
}

/// The folders below `dir`, each with its pictures; both sorted.
pub(super) fn folders(dir: &Path) -> Result<Vec<(String, Vec<PathBuf>)>> {
    let folders = entries(dir)?.into_iter().filter(|path| path.is_dir());
    folders.map(|folder| Ok((name(&folder), pictures(&folder)?))).collect()
}

/// The pictures below a folder at any depth, sorted.
pub(crate) fn pictures(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut above) = (Vec::new(), Vec::new());
    gather(folder, &mut above, &mut found)?;
    found.sort();
    Ok(found)
}

fn gather(folder: &Path, above: &mut Vec<PathBuf>, found: &mut Vec<PathBuf>) -> Result<()> {
    let here = fs::canonicalize(folder).map_err(Error::io("read", folder))?;
    // A link to a folder above would never end.
    if above.contains(&here) {
        return Ok(());
    }
    above.push(here);
    for path in entries(folder)? {
        if is_picture(&path) {
            found.push(path);
        } else if path.is_dir() {
            gather(&path, above, found)?;
        }
    }
    above.pop();
    Ok(())
}

/// Whether folders lie there, and no pictures beside them.
pub(super) fn holds_folders(dir: &Path) -> Result<bool> {
    if !dir.is_dir() {
        return Ok(false);
    }
    let entries = entries(dir)?;
    Ok(entries.iter().any(|path| path.is_dir()) && !entries.iter().any(|path| is_picture(path)))
}

/// What is in a folder, sorted, but for hidden things.
fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).and_then(|list| list.map(|e| Ok(e?.path())).collect());
    let mut entries: Vec<PathBuf> = entries.map_err(Error::io("read", dir))?;
    entries.retain(|path| !name(path).starts_with('.'));
    entries.sort();
    Ok(entries)
}

fn is_picture(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    EXTENSIONS.contains(&extension.as_str()) && path.is_file()
}

pub(super) fn is_part(folder: &str) -> bool {
    PARTS.contains(&folder.to_lowercase().as_str())
}

/// Whether it is WordNet's id of a noun, such as `n01443537`.
pub(super) fn is_synset(folder: &str) -> bool {
    folder.len() == 9 && folder.strip_prefix('n').is_some_and(|id| id.bytes().all(|b| b.is_ascii_digit()))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
