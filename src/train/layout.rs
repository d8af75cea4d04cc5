//! Which pictures a folder holds, and of which classes: the layouts that data sets come in, told apart by the folder
//! alone. Only names and paths; nothing is decoded here.
//!
//! 1. `cat/…`, `dog/…`: one folder per class, its pictures at any depth.
//! 2. `train/…` and `val/…`, each as 1.
//! 3. `tiny-imagenet-200` as it is published: as 2, but `val/images` by the list `val/val_annotations.txt`.
//!
//! What lies in `val` is held out of training, and is what a model is judged by.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use xception_web::error::{Error, Result};
use xception_web::inside::{Object, short};
use xception_web::labels::Labels;
use xception_web::picture::Picture;

/// File names that are taken for pictures, by their ends in any case.
const EXTENSIONS: [&str; 6] = ["png", "jpg", "jpeg", "webp", "gif", "bmp"];
const TRAIN: &str = "train";
const VALIDATION: &str = "val";
/// Of tiny-imagenet-200: which picture of the validation set shows what, and what the classes are called.
const ANNOTATIONS: &str = "val_annotations.txt";
const IMAGES: &str = "images";
const WORDS: &str = "words.txt";
/// Folders that hold a part of the data rather than a class, when there are no others.
const PARTS: [&str; 7] = ["train", "training", "val", "valid", "validation", "test", "testing"];
/// As an error says it.
const LAYOUTS: &str = "understood are: one folder of pictures per class; train/ and val/ with one folder per class each; and \
                       tiny-imagenet-200 as it is published";
/// One of so many pictures of a class may be broken.
const BROKEN: usize = 20;
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

/// A picture that cannot be read, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Place of its class.
    pub class: usize,
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub why: String,
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
            true => self::folders(&validation)?.into_iter().collect(),
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

    /// What to say of pictures that cannot be read, out of `counts` of each class, if they are few.
    ///
    /// # Errors
    ///
    /// When they are more than 1 in 20 of a class.
    pub fn tolerate(&self, broken: &[Broken], counts: &[usize]) -> Result<Option<String>> {
        if broken.is_empty() {
            return Ok(None);
        }
        for (class, count) in counts.iter().enumerate() {
            let those: Vec<_> = broken.iter().filter(|picture| picture.class == class).collect();
            if those.len() * BROKEN > *count {
                return Err(Error::Training(format!(
                    "{} of {count} pictures of {} cannot be read, and at most 1 in {BROKEN} may be left out; repair or remove {}",
                    those.len(),
                    self.folder(class).display(),
                    list(those.iter().map(|picture| picture.text()))
                )));
            }
        }
        Ok(Some(format!(
            "{} of {} pictures cannot be read and are left out: {}",
            broken.len(),
            counts.iter().sum::<usize>(),
            list(broken.iter().map(Broken::text))
        )))
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

impl Broken {
    fn text(&self) -> String {
        format!("{} ({})", self.file.display(), self.why)
    }
}

/// What folders are called whose names are ids: the content of a file of labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FolderNames(BTreeMap<String, String>);

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
        let bytes = fs::read(path).map_err(|source| io(path, source))?;
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
    fn words(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(|source| io(path, source))?;
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

/// The picture in a file, or what is wrong with it.
pub(super) fn decode(path: &Path) -> Result<Picture, String> {
    let bytes = fs::read(path).map_err(|source| source.to_string())?;
    Picture::decode(&bytes).map_err(|error| error.to_string())
}

/// The pictures of tiny-imagenet-200's validation set by class.
fn annotated(validation: &Path, annotations: &Path) -> Result<BTreeMap<String, Vec<PathBuf>>> {
    let text = fs::read_to_string(annotations).map_err(|source| io(annotations, source))?;
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
fn folders(dir: &Path) -> Result<Vec<(String, Vec<PathBuf>)>> {
    let folders = entries(dir)?.into_iter().filter(|path| path.is_dir());
    folders.map(|folder| Ok((name(&folder), pictures(&folder)?))).collect()
}

/// The pictures below a folder at any depth, sorted.
pub(super) fn pictures(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut above) = (Vec::new(), Vec::new());
    gather(folder, &mut above, &mut found)?;
    found.sort();
    Ok(found)
}

fn gather(folder: &Path, above: &mut Vec<PathBuf>, found: &mut Vec<PathBuf>) -> Result<()> {
    let here = fs::canonicalize(folder).map_err(|source| io(folder, source))?;
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
fn holds_folders(dir: &Path) -> Result<bool> {
    if !dir.is_dir() {
        return Ok(false);
    }
    let entries = entries(dir)?;
    Ok(entries.iter().any(|path| path.is_dir()) && !entries.iter().any(|path| is_picture(path)))
}

/// What is in a folder, sorted, but for hidden things.
fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).and_then(|list| list.map(|e| Ok(e?.path())).collect());
    let mut entries: Vec<PathBuf> = entries.map_err(|source| io(dir, source))?;
    entries.retain(|path| !name(path).starts_with('.'));
    entries.sort();
    Ok(entries)
}

fn is_picture(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    EXTENSIONS.contains(&extension.as_str()) && path.is_file()
}

fn is_part(folder: &str) -> bool {
    PARTS.contains(&folder.to_lowercase().as_str())
}

/// Whether it is WordNet's id of a noun, such as `n01443537`.
fn is_synset(folder: &str) -> bool {
    folder.len() == 9 && folder.strip_prefix('n').is_some_and(|id| id.bytes().all(|b| b.is_ascii_digit()))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
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

fn io(path: &Path, source: std::io::Error) -> Error {
    Error::Io { action: "read", path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("xception-layout-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        /// An empty file for each; only names matter here.
        fn with(self, files: &[&str]) -> Self {
            for file in files {
                self.write(file, "");
            }
            self
        }

        fn write(&self, file: &str, text: &str) {
            let path = self.0.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn read(&self) -> Layout {
            Layout::read(&self.0, None).unwrap()
        }

        fn refusal(&self, names: Option<&str>) -> String {
            let names = names.map(|text| FolderNames::parse(text.as_bytes()).unwrap());
            let layout = Layout::read(&self.0, names.as_ref());
            let message = layout.and_then(|layout| layout.check_trainable()).unwrap_err().to_string();
            assert!(!message.contains('\n'));
            message
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// Label, pictures to learn from, pictures of the validation set.
    fn summary(layout: &Layout) -> Vec<(&str, usize, usize)> {
        layout.classes.iter().map(|c| (c.label.as_str(), c.train.len(), c.validation.len())).collect()
    }

    #[test]
    fn pictures_lie_at_any_depth_with_endings_in_any_case() {
        let files = [
            "cat/1.JPEG",
            "cat/a/b/2.Png",
            "cat/.3.jpg",
            "cat/notes.txt",
            "dog/1.jpg",
            "dog/.thumbs/2.jpg",
            "readme.md",
        ];
        let folder = Folder::new("deep").with(&files);
        #[cfg(unix)]
        std::os::unix::fs::symlink("..", folder.0.join("cat/a/around")).unwrap();
        let layout = folder.read();
        assert_eq!(summary(&layout), [("cat", 2, 0), ("dog", 1, 0)]);
        assert!(!layout.split && layout.judged().count() == 3);
        assert_eq!(layout.labels(), Labels::new(vec!["cat".into(), "dog".into()]));
    }

    #[test]
    fn a_validation_set_is_what_is_judged() {
        let folder = Folder::new("split").with(&[
            "train/cat/1.jpg",
            "train/cat/2.jpg",
            "train/dog/x/1.jpg",
            "val/cat/9.jpg",
        ]);
        let layout = folder.read();
        assert_eq!(summary(&layout), [("cat", 2, 1), ("dog", 1, 0)]);
        let judged: Vec<_> = layout.judged().collect();
        assert_eq!(judged, [(0, folder.0.join("val/cat/9.jpg").as_path())]);
        assert!(folder.refusal(None).contains("train/dog holds 1 pictures"));
        folder.write("val/cow/1.jpg", "");
        assert!(folder.refusal(None).contains("val/cow is no class"));
        // Things that are called so.
        let things = Folder::new("things").with(&["train/1.jpg", "val/1.jpg", "car/1.jpg"]);
        assert_eq!(summary(&things.read()), [("car", 1, 0), ("train", 1, 0), ("val", 1, 0)]);
    }

    #[test]
    fn tiny_imagenet_is_read_as_it_is_published() {
        let folder = Folder::new("tiny").with(&[
            "train/n02124075/images/n02124075_0.JPEG",
            "train/n02124075/images/n02124075_1.JPEG",
            "train/n02124075/n02124075_boxes.txt",
            "train/n01443537/images/n01443537_0.JPEG",
            "val/images/val_0.JPEG",
            "val/images/val_1.JPEG",
            "val/images/val_2.JPEG",
            "test/images/test_0.JPEG",
            "wnids.txt",
        ]);
        // The third class was taken out.
        let annotations = "val_1.JPEG\tn01443537\t0\t32\t44\t62\nval_0.JPEG\tn01443537\t0\t0\t1\t1\nval_2.JPEG\tn09999999\t0\t0\t1\t1\n";
        folder.write("val/val_annotations.txt", annotations);
        folder.write(
            "words.txt",
            "n00001740\tentity\nn01443537\tgoldfish, Carassius auratus\nn02124075\tEgyptian cat\n",
        );
        let layout = folder.read();
        assert_eq!(summary(&layout), [("goldfish", 1, 2), ("Egyptian cat", 2, 0)]);
        assert!(layout.classes[0].validation.iter().all(|file| file.is_file()));
        let labels = layout.labels();
        assert_eq!((labels.get(1).as_str(), labels.synset(1)), ("Egyptian cat", Some("n02124075")));

        let names = "n01443537\tfish\tgoldfish, Carassius auratus\nn02124075\tcat\n\n";
        let names = FolderNames::parse(names.as_bytes()).unwrap();
        let named = Layout::read(&folder.0, Some(&names)).unwrap();
        assert_eq!(named.labels().names(), ["fish", "cat"]);
        assert!(folder.refusal(Some("n01443537\tfish")).contains("not 1 of the 2 in"));
        assert!(folder.refusal(Some("n01443537\tpet\nn02124075\tpet")).contains("same label \"pet\""));
    }

    #[test]
    fn what_is_no_layout_is_refused_with_those_that_are() {
        let folder = Folder::new("none").with(&["1.jpg", "notes/a.txt"]);
        let message = folder.refusal(None);
        for word in
            ["holds 0 folders", "one folder of pictures per class", "train/ and val/", "tiny-imagenet-200"]
        {
            assert!(message.contains(word), "{message}");
        }
        folder.write("cat/1.jpg", "");
        assert!(folder.refusal(None).contains("notes holds 0 pictures"));
        // Not two classes named train and test.
        let parts = Folder::new("parts").with(&["train/cat/1.jpg", "train/dog/1.jpg", "test/cat/1.jpg"]);
        assert!(parts.refusal(None).contains("parts of a data set") && parts.refusal(None).contains("val/"));
    }

    #[test]
    fn files_of_labels_are_read_or_refused_in_one_sentence() {
        let read = |text: &str| FolderNames::parse(text.as_bytes());
        for text in [
            "n1\tcat\nn2\thot dog\twords, and words\n",
            "\u{feff}n1\tcat\r\nn2\thot dog\r\n",
            r#"{"n1": "cat", "n2": "hot dog"}"#,
            r#"{"0": ["n1", "cat"], "1": ["n2", "hot dog"]}"#,
        ] {
            let names = read(text).unwrap();
            assert_eq!(
                (names.get("n1"), names.get("n2"), names.get("n3")),
                (Some("cat"), Some("hot dog"), None),
                "{text}"
            );
        }
        for (text, words) in [
            ("n1 cat", "line 1 of the labels has no tab"),
            ("n1\tcat\nn1\tdog", "\"n1\" twice"),
            (r#"{"n1": "cat", "n1": "dog"}"#, "\"n1\" twice"),
            ("n1\t \n", "\"n1\" is empty"),
            ("\n", "name no folder"),
            (r#"["cat"]"#, "no JSON object"),
        ] {
            let message = read(text).unwrap_err().to_string();
            assert!(message.contains(words) && !message.contains('\n'), "{text}: {message}");
        }
    }

    #[test]
    fn few_broken_pictures_are_named_and_many_are_refused() {
        let folder = Folder::new("broken").with(&["cat/1.jpg", "dog/1.jpg"]);
        let layout = folder.read();
        let broken = |count: usize| -> Vec<_> {
            let one = |n| Broken { class: 1, file: format!("{n}.jpg").into(), why: "cut short".into() };
            (0..count).map(one).collect()
        };
        assert_eq!(layout.tolerate(&[], &[1, 1]).unwrap(), None);
        let said = layout.tolerate(&broken(5), &[40, 100]).unwrap().unwrap();
        assert!(said.contains("5 of 140") && said.contains("2.jpg (cut short) and 2 more"), "{said}");
        let message = layout.tolerate(&broken(6), &[40, 100]).unwrap_err().to_string();
        assert!(
            message.contains("6 of 100") && message.contains("dog") && message.contains("0.jpg"),
            "{message}"
        );
    }
}
