use std::fs;

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

#[test]
fn the_names_of_the_bundled_photographs_are_those_of_its_file() {
    let file = xception_web::bundled::PHOTOS.file().unwrap();
    let names = FolderNames::read(Path::new("examples/photos.tsv")).unwrap();
    for (index, label) in file.labels.names().iter().enumerate() {
        assert_eq!(file.labels.synset(index).and_then(|synset| names.get(synset)), Some(label.as_str()));
    }
}
