//! Arrows go one way: each room of `src/` may only import the rooms named here.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

/// Folder or file of `src/`, and the rooms that it must not import.
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

/// What follows `crate::` or `super::` in a text, groups and comments included. How many `super` there are is not
/// counted: no room has a file named like a room that it must not import.
fn named(text: &str) -> Vec<&str> {
    let inside = text.match_indices("crate::").map(|(at, root)| (&text[at + root.len()..], true));
    let above = text.match_indices("super::").map(|(at, above)| (&text[at + above.len()..], false));
    let names =
        inside.chain(above).flat_map(|(rest, root)| heads(rest).into_iter().map(move |name| (name, root)));
    // Tests import all of the file that they are in.
    names.filter(|&(name, root)| root || name != "*").map(|(name, _)| name).collect()
}

/// The first name of a path, or of each path of a group: `a` of `a::b`, `a` and `c` of `{a::{b, d}, c}`.
fn heads(path: &str) -> Vec<&str> {
    let Some(group) = path.strip_prefix('{') else { return vec![head(path)] };
    let (mut depth, mut names) = (1, vec![head(group)]);
    for (at, sign) in group.char_indices() {
        match sign {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => names.push(head(&group[at + 1..])),
            _ => (),
        }
        if depth == 0 {
            break;
        }
    }
    names
}

fn head(path: &str) -> &str {
    let path = path.trim_start();
    let end = path.find(|sign: char| !(sign.is_alphanumeric() || "_*".contains(sign)));
    &path[..end.unwrap_or(path.len())]
}

#[test]
fn every_way_to_name_a_room_is_seen() {
    for text in [
        "use crate::weights::ModelFile;",
        "use crate::{weights::ModelFile, Error};",
        "use crate::{\n    error::{Error, Result},\n    weights,\n};",
        "use super::super::weights;",
        "use super::{super::weights::ModelFile, plan};",
        "use super::super::{error, weights as files};",
        "pub(crate) use crate::weights;",
        "fn f(file: &crate::weights::ModelFile) {}",
    ] {
        assert!(named(text).contains(&"weights"), "{text}: {:?}", named(text));
    }
    assert_eq!(named("use crate::*;"), ["*"]);
    assert_eq!(named("use crate::{a::{b, c::d}, e};\nuse super::*;"), ["a", "e"]);
}

#[test]
fn rooms_import_only_what_lies_below_them() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (room, forbidden, why) in FORBIDDEN {
        for file in files(&src.join(room)) {
            let text = fs::read_to_string(&file).unwrap();
            for module in named(&text) {
                assert!(!forbidden.contains(&module), "{} imports {module}: {why}", file.display());
                // It would name every room.
                assert_ne!(module, "*", "{} imports the whole crate", file.display());
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
