//! Arrows go one way: each room of `src/` may only import the rooms named here.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

/// Folder or file of `src/`, and the `crate::` modules that it must not import.
const FORBIDDEN: &[(&str, &[&str], &str)] = &[
    (
        "model",
        &["weights", "preprocess", "classify", "backend", "labels"],
        "the network knows no files and no pictures",
    ),
    (
        "preprocess",
        &["weights", "model", "classify", "backend", "labels"],
        "preprocessing is bytes in, floats out",
    ),
    (
        "kernels",
        &["model", "fused", "weights", "classify", "preprocess", "backend", "labels", "error"],
        "kernels know slices only",
    ),
    (
        "fused",
        &["weights", "classify", "preprocess", "backend", "labels"],
        "the fused network knows no files",
    ),
    ("weights", &["classify", "backend", "picture"], "weights know neither devices' choice nor pictures"),
    ("backend.rs", &["model", "weights", "classify", "preprocess"], "a backend is chosen without a model"),
    ("web", &["model", "picture", "train"], "the boundary to JavaScript decides nothing"),
];

fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.into()];
    }
    fs::read_dir(path).unwrap().flat_map(|entry| files(&entry.unwrap().path())).collect()
}

#[test]
fn rooms_import_only_what_lies_below_them() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (room, forbidden, why) in FORBIDDEN {
        for file in files(&src.join(room)) {
            let text = fs::read_to_string(&file).unwrap();
            for module in *forbidden {
                assert!(
                    !text.contains(&format!("crate::{module}")),
                    "{} imports {module}: {why}",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn the_boundary_to_javascript_knows_no_tensors() {
    for file in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web")) {
        assert!(!fs::read_to_string(file).unwrap().contains("burn::"));
    }
}
