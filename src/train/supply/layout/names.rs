//! What folders are called: files of labels.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use xception_web::error::{Error, Result};
use xception_web::inside::{Object, short};

/// What folders are called whose names are ids: the content of a file of labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FolderNames(pub(super) BTreeMap<String, String>);

/// What stands beside an id in JSON; the pair is Keras's class index, whose own key is a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Named {
    Label(String),
    Pair([String; 2]),
}

impl FolderNames {
    /// Reads a file: a JSON object of labels by folder, or lines of folder, tab, label and perhaps more after
    /// another tab.
    ///
    /// # Errors
    ///
    /// When it is neither, or names a folder twice.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(Error::io("read", path))?;
        Self::parse(&bytes).map_err(|error| Error::Format(format!("{}: {error}", path.display())))
    }

    /// The same of a file's bytes.
    ///
    /// # Errors
    ///
    /// As [`FolderNames::read`].
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            Error::Format(format!(
                "the labels are no UTF-8 from byte {} on; save the file as UTF-8",
                error.valid_up_to()
            ))
        })?;
        let text = text.trim_start_matches('\u{feff}');
        let pairs =
            if text.trim_start().starts_with(['{', '[']) { from_json(text)? } else { from_lines(text)? };
        if pairs.is_empty() {
            return Err(Error::Format("the labels name no folder; give a line or an entry for each".into()));
        }
        let mut names = BTreeMap::new();
        for (folder, label) in pairs {
            if label.is_empty() {
                return Err(Error::Format(format!(
                    "the label of \"{}\" is empty; give it a name",
                    short(folder)
                )));
            }
            if names.insert(folder.clone(), label).is_some() {
                return Err(Error::Format(format!(
                    "the labels name \"{}\" twice; leave one of them",
                    short(folder)
                )));
            }
        }
        Ok(Self(names))
    }

    /// The label of a folder.
    pub fn get(&self, folder: &str) -> Option<&str> {
        self.0.get(folder).map(String::as_str)
    }

    /// WordNet's words of tiny-imagenet-200; the first of each is the label.
    pub(super) fn words(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(Error::io("read", path))?;
        let word = |line: &str| {
            let (id, words) = line.split_once('\t')?;
            Some((id.trim().to_owned(), words.split(',').next()?.trim().to_owned()))
        };
        Ok(Self(text.lines().filter_map(word).collect()))
    }
}

fn from_json(text: &str) -> Result<Vec<(String, String)>> {
    let Object(entries) = serde_json::from_str::<Object<Named>>(text).map_err(|_| {
        Error::Format(
            "the labels are no JSON object of labels by folder; give {\"n01443537\": \"goldfish\", …}, or lines of folder, tab, label".into(),
        )
    })?;
    let pair = |(id, named)| match named {
        Named::Label(label) => (id, label),
        Named::Pair([synset, label]) => (synset, label),
    };
    Ok(entries.into_iter().map(pair).collect())
}

fn from_lines(text: &str) -> Result<Vec<(String, String)>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(at, line)| {
            let mut columns = line.split('\t').map(|column| column.trim().to_owned());
            columns.next().zip(columns.next()).ok_or_else(|| {
                Error::Format(format!(
                    "line {} of the labels has no tab; give folder, tab, label in each, or a JSON object of labels by folder",
                    at + 1
                ))
            })
        })
        .collect()
}
