//! Arrows go one way: each room of the library may import the rooms that are named here, and no other.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

/// Each room of the library, a folder or file of `src/`, and the rooms that it may import. The kernels, the trainer,
/// the command line and the modules for Keras's files and for teaching are crates of their own: what those may import
/// is in their manifests.
const MAY_IMPORT: [(&str, &[&str]); 14] = [
    // One sentence per failure, for all.
    ("error", &[]),
    ("later", &["error"]),
    ("labels", &["error"]),
    ("calibration", &["error"]),
    // The network knows no files and no pictures.
    ("model", &["error"]),
    // Bytes in, floats out.
    ("preprocess", &["error"]),
    ("picture", &["error", "preprocess"]),
    // The fused network knows no files.
    ("fused", &["error", "kernels", "later", "model"]),
    // Files know neither devices nor pictures.
    ("weights", &["calibration", "error", "labels", "model", "preprocess"]),
    ("bundled", &["error", "weights"]),
    // Chosen without a model.
    ("backend", &["error", "fused", "kernels", "later"]),
    (
        "classify",
        &["backend", "calibration", "error", "fused", "labels", "later", "model", "preprocess", "weights"],
    ),
    // What the trainer, a crate, may take of the inside.
    ("inside", &["error", "fused", "labels", "model", "picture", "preprocess"]),
    // The boundary to JavaScript decides nothing.
    ("web", &["backend", "classify", "error", "kernels", "labels", "preprocess", "weights"]),
];

/// What else lies in `src/`: crates of their own.
const CRATES: [&str; 3] = ["cli", "kernels", "train"];

/// The same for the rooms of the trainer.
const TRAINER_MAY_IMPORT: [(&str, &[&str]); 8] = [
    ("random", &[]),
    // Read before anything is done.
    ("recipe", &[]),
    ("draw", &["random", "recipe"]),
    ("supply", &["draw", "random", "recipe"]),
    ("learn", &["draw", "random", "recipe", "supply"]),
    ("run", &["draw", "learn", "recipe", "supply"]),
    // Inference alone: it learns nothing.
    ("judge", &["draw", "random", "recipe", "supply"]),
    ("ablate", &["draw", "learn", "recipe", "run", "supply"]),
];

/// What else lies in `src/train/`.
const BESIDE_THE_TRAINER: [&str; 3] = ["Cargo", "examples", "icons"];

fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.into()];
    }
    fs::read_dir(path).unwrap().flat_map(|entry| files(&entry.unwrap().path())).collect()
}

/// What follows `crate::` (true) or `super::` in a text, groups and comments included. How many `super` there are is not
/// counted: no room has a file named like a room that it must not import.
fn named(text: &str) -> Vec<(&str, bool)> {
    let inside = text.match_indices("crate::").map(|(at, root)| (&text[at + root.len()..], true));
    let above = text.match_indices("super::").map(|(at, above)| (&text[at + above.len()..], false));
    let names =
        inside.chain(above).flat_map(|(rest, root)| heads(rest).into_iter().map(move |name| (name, root)));
    // Tests import all of the file that they are in.
    names.filter(|&(name, root)| root || name != "*").collect()
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
        assert!(named(text).iter().any(|(name, _)| *name == "weights"), "{text}: {:?}", named(text));
    }
    assert_eq!(named("use crate::*;"), [("*", true)]);
    assert_eq!(named("use crate::{a::{b, c::d}, e};\nuse super::*;"), [("a", true), ("e", true)]);
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The names of a folder's files and folders, without what stands behind the dot.
fn names(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_string()).collect()
}

/// The rooms that a file of `room` imports, and whatever else of the crate's it names.
fn imports(text: &str, room: &str, rooms: &[String]) -> Vec<String> {
    let inside = named(text).into_iter().filter(|&(_, root)| root).map(|(name, _)| match name {
        "Error" | "Result" => "error",
        other => other,
    });
    let above = named(text).into_iter().filter(|&(_, root)| !root).map(|(name, _)| name);
    let above = above.filter(|name| rooms.iter().any(|room| room == name));
    inside.chain(above).filter(|&name| name != room).map(String::from).collect()
}

/// Every room in `folder`, which holds `others` besides, imports only what `may_import` lists for it.
fn check(folder: &str, may_import: &[(&str, &[&str])], others: &[&str]) {
    let mut rooms = names(folder);
    for &(room, allowed) in may_import {
        for name in [room].iter().chain(allowed) {
            assert!(
                rooms.iter().any(|room| room == name),
                "the list names {name}, which is not in {folder}/"
            );
        }
    }
    rooms.retain(|name| name != "lib");
    for room in rooms.iter().filter(|room| !others.contains(&room.as_str())) {
        let row = may_import.iter().find(|(name, _)| *name == room.as_str());
        let allowed =
            row.unwrap_or_else(|| panic!("{folder}/{room} is not in the list of who may import what")).1;
        let path = root().join(folder).join(room);
        let path = if path.is_dir() { path } else { path.with_extension("rs") };
        for file in files(&path).into_iter().filter(|file| file.extension().is_some_and(|end| end == "rs")) {
            // Crates of their own.
            if ["keras", "teach"].iter().any(|own| file.starts_with(root().join("src/web").join(own))) {
                continue;
            }
            let text = fs::read_to_string(&file).unwrap();
            for name in imports(&text, room, &rooms) {
                assert!(
                    allowed.contains(&name.as_str()),
                    "{} imports {name}, which is not listed",
                    file.display()
                );
            }
            // By its name here, which the list knows.
            let around = folder == "src" && text.contains("xception_kernels");
            assert!(!around, "{} goes around the list", file.display());
        }
    }
}

#[test]
fn rooms_import_only_what_is_listed() {
    check("src", &MAY_IMPORT, &CRATES);
    check("src/train", &TRAINER_MAY_IMPORT, &BESIDE_THE_TRAINER);
}

#[test]
fn arrows_go_one_way() {
    for list in [&MAY_IMPORT[..], &TRAINER_MAY_IMPORT] {
        // Whoever imports nothing that is left can go; in a circle nobody can.
        let mut left = list.to_vec();
        while !left.is_empty() {
            let names: Vec<_> = left.iter().map(|(name, _)| *name).collect();
            let before = left.len();
            left.retain(|(_, allowed)| allowed.iter().any(|name| names.contains(name)));
            assert!(left.len() < before, "there is a circle among {names:?}");
        }
    }
}

/// Those of `names`, all in one folder, that the text of one of them imports, tests and comments aside. `within` is the
/// folder's own path in its crate.
fn beside(text: &str, within: &str, names: &[String]) -> Vec<String> {
    let text = &text[..text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len())];
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let text = &code.join("\n");
    let root = format!("crate::{within}");
    let of_root = text.match_indices(&root).map(|(at, root)| &text[at + root.len()..]);
    let above = text.match_indices("super::").filter(|(at, _)| !text[..*at].ends_with("super::"));
    let above = above.map(|(at, above)| &text[at + above.len()..]);
    let found = above.chain(of_root).flat_map(heads).filter(|name| names.iter().any(|known| known == name));
    found.map(String::from).collect()
}

/// No files of this folder, or of one in it, lead to each other. A folder's `mod.rs` or `lib.rs` may be named by all.
fn check_circles(folder: &Path, within: &str, crates: &[&str]) {
    let mut left = Vec::new();
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_string();
    let entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let entries =
        entries.into_iter().filter(|path| path.is_dir() || path.extension().is_some_and(|end| end == "rs"));
    let entries: Vec<_> = entries.filter(|path| !crates.contains(&name(path).as_str())).collect();
    let names: Vec<String> = entries.iter().map(|path| name(path)).collect();
    for path in &entries {
        if path.is_dir() && !path.join("Cargo.toml").exists() {
            check_circles(path, &format!("{within}{}::", name(path)), &[]);
        } else if !["mod", "lib", "main", "tests"].contains(&name(path).as_str()) && path.is_file() {
            let text = fs::read_to_string(path).unwrap();
            let found = beside(&text, within, &names).into_iter().filter(|found| *found != name(path));
            left.push((name(path), found.collect::<Vec<_>>()));
        }
    }
    while !left.is_empty() {
        let names: Vec<_> = left.iter().map(|(name, _)| name.clone()).collect();
        left.retain(|(_, found)| found.iter().any(|name| names.contains(name)));
        assert!(left.len() < names.len(), "{}: there is a circle among {left:?}", folder.display());
    }
}

/// Where files still lead to each other: timm's two families, and the walk through Keras's graph and its steps.
const CIRCLES: &str = "weights";

#[test]
fn no_files_of_a_folder_lead_to_each_other() {
    check_circles(&root().join("src"), "", &[&CRATES[..], &[CIRCLES]].concat());
    CRATES.iter().for_each(|name| check_circles(&root().join("src").join(name), "", &[]));
}

#[test]
fn a_file_beside_is_seen_however_it_is_named() {
    let names = ["a", "b", "c"].map(String::from);
    let text = "use super::a;\nuse crate::room::{b, other};\nuse super::super::c;\n#[cfg(test)]\nmod tests { use super::c; }";
    assert_eq!(beside(text, "room::", &names), ["a", "b"]);
}

#[test]
fn what_is_not_listed_is_found() {
    let rooms = names("src");
    for text in ["use crate::weights::ModelFile;", "use super::weights;", "use crate::{Error, weights};"] {
        assert!(imports(text, "model", &rooms).contains(&"weights".to_string()), "{text}");
    }
    assert_eq!(imports("use crate::Result;\nuse super::block::Block;", "model", &rooms), ["error"]);
    assert_eq!(imports("use crate::*;", "model", &rooms), ["*"]);
}

#[test]
fn every_test_belongs_to_a_package() {
    let manifests =
        ["Cargo.toml", "src/cli/Cargo.toml"].map(|name| fs::read_to_string(root().join(name)).unwrap());
    for entry in fs::read_dir(root().join("tests")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let listed = manifests.iter().any(|manifest| manifest.contains(&format!("tests/{name}\"")));
        assert!(listed || !name.ends_with(".rs"), "no package names tests/{name} as its test");
    }
}

#[test]
fn the_boundary_to_javascript_knows_no_tensors() {
    for file in files(&root().join("src/web")) {
        assert!(!fs::read_to_string(file).unwrap().contains("burn::"));
    }
}
