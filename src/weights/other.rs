//! Files that are given as models by mistake, told by their first bytes.

use super::bytes::FileBytes;
use crate::error::Error;

/// What to give instead, in every message about a file of no known format.
pub(super) const ALLOWED: &str = "give a model as safetensors, PyTorch's .pth, Keras's .keras, .h5 or .weights.h5, or TensorFlow.js's model.json with its shards";

/// First bytes of pictures.
const PICTURES: [(&[u8], &str); 4] =
    [(b"\x89PNG", "PNG"), (b"\xff\xd8\xff", "JPEG"), (b"GIF8", "GIF"), (b"RIFF", "WebP")];

/// Whether a list begins like one of tensors and the files of their numbers.
fn is_manifest(file: &dyn FileBytes) -> bool {
    let mut start = vec![0; file.size().min(MANIFEST)];
    let has = |start: &[u8], word: &[u8]| start.windows(word.len()).any(|part| part == word);
    file.read(0, &mut start).is_ok() && has(&start, b"\"weights\"") && has(&start, b"\"shape\"")
}

/// Bytes in which a manifest tells that it is one.
const MANIFEST: usize = 512;

/// The error for a file that begins so, if it is one of these.
pub(super) fn recognise(start: &[u8], file: &dyn FileBytes) -> Option<Error> {
    if let Some((_, kind)) = PICTURES.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Some(Error::Format(format!("the file is a {kind} picture and no model; {ALLOWED}")));
    }
    // A safetensors file begins with a number of eight bytes, of which the last are 0, as in no text.
    if start.contains(&0) {
        return None;
    }
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let what = if text.starts_with(b"version https://git-lfs") {
        "a Git LFS pointer, which stands for the model: fetch the file itself with `git lfs pull` or its download link, or"
    } else if text.starts_with(b"<") {
        "a web page and no model: fetch the file itself by its download link, or"
    } else if text.starts_with(b"[") && is_manifest(file) {
        "a manifest of tensors without the graph of their layers, as face-api's networks have one (its TinyXception for age and gender, too), and these are not read;"
    } else if text.starts_with(b"{") || text.starts_with(b"[") {
        "JSON and no model by itself, perhaps the settings or labels beside one, or a model.json without its shards;"
    } else {
        return None;
    };
    Some(Error::Format(format!("the file is {what} {ALLOWED}")))
}
