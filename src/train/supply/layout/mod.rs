//! Which pictures a folder holds, and of which classes: the layouts that data sets come in, told apart by the folder
//! alone. Only names and paths; `read` decodes nothing.
//!
//! 1. `cat/…`, `dog/…`: one folder per class, its pictures at any depth.
//! 2. `train/…` and `val/…`, each as 1.
//! 3. `tiny-imagenet-200` as it is published: as 2, but `val/images` by the list `val/val_annotations.txt`.
//!
//! What lies in `val` is held out of training, and is what a model is judged by.

mod broken;
mod files;
mod names;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use broken::Broken;
use files::{EXTENSIONS, annotated, folders, holds_folders, is_part, is_synset};
pub(crate) use files::{decode, pictures};
pub use names::FolderNames;

use xception_web::error::{Error, Result};
use xception_web::inside::short;
use xception_web::labels::Labels;

const TRAIN: &str = "train";
const VALIDATION: &str = "val";
/// Of tiny-imagenet-200: which picture of the validation set shows what, and what the classes are called.
const ANNOTATIONS: &str = "val_annotations.txt";
const WORDS: &str = "words.txt";
/// As an error says it.
const LAYOUTS: &str = "understood are: one folder of pictures per class; train/ and val/ with one folder per class each; and \
                       tiny-imagenet-200 as it is published";
/// Files or folders that a message names.
const NAMED: usize = 3;

/// One class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// The folder's name.
    pub folder: String,
    /// What the model answers.
    pub label: String,
    /// Its pictures, sorted, but for those of the validation set.
    pub train: Vec<PathBuf>,
    /// Its pictures in the validation set, if there is one.
    pub validation: Vec<PathBuf>,
}

/// All classes of a folder, sorted by their folders' names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The folder.
    pub dir: PathBuf,
    /// Its classes; at least one, and with a picture at least.
    pub classes: Vec<Class>,
    /// Whether it comes with a validation set.
    pub split: bool,
}

impl Layout {
    /// Looks through `dir`. Folders are named by `names`, if given; else by the list of a `tiny-imagenet-200`; else
    /// they are labels themselves.
    ///
    /// # Errors
    ///
    /// When it is none of the layouts, a class is without pictures or a name, or two have the same one.
    pub fn read(dir: &Path, names: Option<&FolderNames>) -> Result<Self> {
        let [train, validation] = [TRAIN, VALIDATION].map(|part| dir.join(part));
        let annotations = validation.join(ANNOTATIONS);
        let split = train.is_dir()
            && (annotations.is_file() || holds_folders(&train)? && holds_folders(&validation)?);
        let folders = folders(if split { &train } else { dir })?;
        if !split && !folders.is_empty() && folders.iter().all(|(name, _)| is_part(name)) {
            return Err(refused(dir, "holds parts of a data set rather than classes"));
        }
        let mut held_out = match split {
            false => BTreeMap::new(),
            true if annotations.is_file() => annotated(&validation, &annotations)?,
            true => files::folders(&validation)?.into_iter().collect(),
        };
        let words = match (split, names) {
            (true, None) if dir.join(WORDS).is_file() => Some(FolderNames::words(&dir.join(WORDS))?),
            _ => None,
        };
        let classes: Vec<_> = folders
            .into_iter()
            .map(|(folder, train)| {
                let validation = held_out.remove(&folder).unwrap_or_default();
                let word = words.as_ref().and_then(|words| words.get(&folder)).unwrap_or(&folder);
                Class { label: word.to_owned(), folder, train, validation }
            })
            .collect();
        // The list of tiny-imagenet-200 names classes that one may have taken out; a folder was put there.
        if let Some(folder) = held_out.into_keys().next().filter(|_| !annotations.is_file()) {
            return Err(Error::Training(format!(
                "{} is no class: there is no {}; give both the same name",
                validation.join(&folder).display(),
                train.join(&folder).display()
            )));
        }
        let mut layout = Self { dir: dir.to_owned(), classes, split };
        layout.check_pictures()?;
        if let Some(names) = names {
            layout.name(names)?;
        }
        layout.check_labels()?;
        Ok(layout)
    }

    /// The labels, with the synsets where all folders are named by them.
    pub fn labels(&self) -> Labels {
        if self.classes.iter().all(|class| is_synset(&class.folder)) {
            let pair = |class: &Class| (class.folder.clone(), class.label.clone());
            return Labels::with_synsets(self.classes.iter().map(pair).collect());
        }
        Labels::new(self.classes.iter().map(|class| class.label.clone()).collect())
    }

    /// The folder of a class.
    pub fn folder(&self, class: usize) -> PathBuf {
        let part = if self.split { self.dir.join(TRAIN) } else { self.dir.clone() };
        part.join(&self.classes[class].folder)
    }

    /// The pictures that a model is judged by: the validation set, or all where there is none.
    pub fn judged(&self) -> impl Iterator<Item = (usize, &Path)> {
        self.classes.iter().enumerate().flat_map(|(at, class)| {
            let files = if self.split { &class.validation } else { &class.train };
            files.iter().map(move |file| (at, file.as_path()))
        })
    }

    /// Fails if the classes are too few to learn, or their pictures.
    ///
    /// # Errors
    ///
    /// With fewer than two classes, or a class with fewer than two pictures.
    pub fn check_trainable(&self) -> Result<()> {
        if self.classes.len() < 2 {
            return Err(refused(
                &self.dir,
                &format!("holds {} folders with pictures and must hold two at least", self.classes.len()),
            ));
        }
        let least = if self.split { "two to learn from" } else { "two, one of them held out" };
        match self.classes.iter().position(|class| class.train.len() < 2) {
            None => Ok(()),
            Some(at) => Err(Error::Training(format!(
                "{} holds {} pictures ({}); a class needs at least {least}: add some or remove the folder",
                self.folder(at).display(),
                self.classes[at].train.len(),
                EXTENSIONS.join(", ")
            ))),
        }
    }

    fn check_pictures(&self) -> Result<()> {
        let is_empty = |class: &Class| class.train.is_empty() && class.validation.is_empty();
        if self.classes.iter().all(is_empty) {
            return Err(refused(&self.dir, "holds 0 folders with pictures"));
        }
        match self.classes.iter().position(is_empty) {
            None => Ok(()),
            Some(at) => Err(Error::Training(format!(
                "{} holds 0 pictures ({}); add some or remove the folder",
                self.folder(at).display(),
                EXTENSIONS.join(", ")
            ))),
        }
    }

    fn name(&mut self, names: &FolderNames) -> Result<()> {
        let nameless = self.classes.iter().filter(|class| names.get(&class.folder).is_none());
        let nameless: Vec<_> = nameless.map(|class| class.folder.clone()).collect();
        if !nameless.is_empty() {
            return Err(Error::Training(format!(
                "the labels name {} folders, but not {} of the {} in {}: {}; add them, or remove the folders",
                names.0.len(),
                nameless.len(),
                self.classes.len(),
                self.dir.display(),
                list(nameless.into_iter())
            )));
        }
        for class in &mut self.classes {
            if let Some(label) = names.get(&class.folder) {
                class.label = label.to_owned();
            }
        }
        Ok(())
    }

    fn check_labels(&self) -> Result<()> {
        let mut seen = BTreeMap::new();
        for (at, class) in self.classes.iter().enumerate() {
            if let Some(before) = seen.insert(&class.label, at) {
                return Err(Error::Training(format!(
                    "{} and {} have the same label \"{}\"; give each class its own, with --labels FILE or by the folder's name",
                    self.folder(before).display(),
                    self.folder(at).display(),
                    short(&class.label)
                )));
            }
        }
        Ok(())
    }
}

fn refused(dir: &Path, what: &str) -> Error {
    Error::Training(format!("{} {what}; {LAYOUTS}", dir.display()))
}

/// The first few, and how many there are besides.
fn list(items: impl ExactSizeIterator<Item = String>) -> String {
    let more = items.len().saturating_sub(NAMED);
    let some = items.take(NAMED).collect::<Vec<_>>().join(", ");
    if more == 0 { some } else { format!("{some} and {more} more") }
}

#[cfg(test)]
mod tests;
