//! Class names in index order, with their WordNet synsets where they are known.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, short};

/// The names of a model's classes; empty when the file carries none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Labels {
    names: Vec<String>,
    /// As many as names, or none.
    synsets: Vec<String>,
}

/// In a model file: a list of names, or of `[synset, name]`.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Names(Vec<String>),
    Pairs(Vec<[String; 2]>),
}

impl From<Stored> for Labels {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Names(names) => Self::new(names),
            Stored::Pairs(pairs) => {
                Self::with_synsets(pairs.into_iter().map(|[synset, name]| (synset, name)).collect())
            }
        }
    }
}

impl From<Labels> for Stored {
    fn from(labels: Labels) -> Self {
        match labels.synsets.is_empty() {
            true => Self::Names(labels.names),
            false => {
                let pairs = labels.synsets.into_iter().zip(labels.names);
                Self::Pairs(pairs.map(|(synset, name)| [synset, name]).collect())
            }
        }
    }
}

/// What may stand in a file of labels.
#[derive(Deserialize)]
#[serde(untagged)]
enum Sidecar {
    List(Stored),
    HuggingFace { id2label: Object<String> },
    Timm { label_names: Names },
    Keras(Object<[String; 2]>),
    Map(Object<String>),
}

/// What timm's `config.json` calls its classes.
#[derive(Deserialize)]
#[serde(untagged)]
enum Names {
    List(Vec<String>),
    Map(Object<String>),
}

/// A JSON object as it stands, with keys that come twice: a map would take one of them without a word.
pub struct Object<T>(pub Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Object(entries))
            }
        }

        deserializer.deserialize_map(Entries(PhantomData))
    }
}

impl Labels {
    /// Names in index order.
    pub fn new(names: Vec<String>) -> Self {
        Self { names, synsets: Vec::new() }
    }

    /// Names with their synsets, in index order.
    pub fn with_synsets(pairs: Vec<(String, String)>) -> Self {
        let (synsets, names) = pairs.into_iter().unzip();
        Self { names, synsets }
    }

    /// Reads a sidecar: a list of names, Hugging Face's `config.json` with `id2label`, timm's with `label_names`,
    /// or Keras's `imagenet_class_index.json`.
    ///
    /// ```
    /// use xception_web::labels::Labels;
    ///
    /// let labels = Labels::from_json(r#"{"0": ["n01440764", "tench"]}"#)?;
    /// assert_eq!((labels.get(0).as_str(), labels.synset(0)), ("tench", Some("n01440764")));
    /// # Ok::<(), xception_web::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When it is none of these, names no class, or its indices do not count up from 0, each once.
    pub fn from_json(json: &str) -> Result<Self> {
        // Some editors begin a file with a mark that is no part of the JSON.
        let sidecar = serde_json::from_str(json.trim_start_matches('\u{feff}')).map_err(|_| {
            Error::Format(
                "the labels are no JSON that is read here; give a list of names, an object with id2label or label_names, or Keras's class index {\"0\": [synset, name], …}".into(),
            )
        })?;
        let labels: Self = match sidecar {
            Sidecar::List(stored) => stored.into(),
            Sidecar::Timm { label_names: Names::List(names) } => Self::new(names),
            Sidecar::HuggingFace { id2label: map }
            | Sidecar::Timm { label_names: Names::Map(map) }
            | Sidecar::Map(map) => Self::new(in_order(map)?),
            Sidecar::Keras(map) => Stored::Pairs(in_order(map)?).into(),
        };
        if labels.names.is_empty() {
            return Err(Error::Format(
                "the labels name no class; give one name per class, or no labels to keep the model's own"
                    .into(),
            ));
        }
        Ok(labels)
    }

    /// The same of a file's bytes, which must be UTF-8.
    ///
    /// # Errors
    ///
    /// As for [`Labels::from_json`].
    pub fn from_bytes(json: &[u8]) -> Result<Self> {
        match std::str::from_utf8(json) {
            Ok(json) => Self::from_json(json),
            Err(error) => Err(Error::Format(format!(
                "the labels are no UTF-8 from byte {} on; save the file as UTF-8",
                error.valid_up_to()
            ))),
        }
    }

    /// The name of class `index`, or `class 17` when it has none.
    ///
    /// ```
    /// use xception_web::labels::Labels;
    ///
    /// assert_eq!(Labels::new(vec!["apple".into()]).get(0), "apple");
    /// assert_eq!(Labels::default().get(17), "class 17");
    /// ```
    pub fn get(&self, index: usize) -> String {
        self.names.get(index).cloned().unwrap_or_else(|| format!("class {index}"))
    }

    /// The WordNet synset of class `index`, such as `n01440764`, when it is known.
    pub fn synset(&self, index: usize) -> Option<&str> {
        self.synsets.get(index).map(String::as_str)
    }

    /// All names; empty when there are none.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Fails unless there is a name for each class or none at all.
    pub fn check_count(&self, classes: usize) -> Result<()> {
        if self.names.is_empty() || self.names.len() == classes {
            return Ok(());
        }
        Err(Error::Format(format!(
            "{} labels were given for {classes} classes; give one per class or none",
            self.names.len()
        )))
    }
}

/// Values by their keys as numbers, which must be 0, 1, 2 and so on, each once and spelt so.
fn in_order<T>(Object(entries): Object<T>) -> Result<Vec<T>> {
    let count = entries.len();
    let mut values: Vec<Option<T>> = (0..count).map(|_| None).collect();
    for (key, value) in entries {
        let index = key.parse::<usize>().ok().filter(|index| index.to_string() == key);
        let why = match index.and_then(|index| values.get_mut(index)) {
            Some(place) if place.is_none() => {
                *place = Some(value);
                continue;
            }
            Some(_) => "twice, but each must stand once".into(),
            None => format!("among {count}, which must count up from 0"),
        };
        return Err(Error::Format(format!("the labels have the index \"{}\" {why}", short(key))));
    }
    Ok(values.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_published_kind_of_sidecar_is_read() {
        let names = Labels::new(vec!["cat".into(), "dog".into()]);
        for json in [
            r#"["cat", "dog"]"#,
            r#"{"id2label": {"1": "dog", "0": "cat"}, "model_type": "timm"}"#,
            r#"{"0": "cat", "1": "dog"}"#,
            r#"{"architecture": "xception41", "num_classes": 2, "label_names": ["cat", "dog"]}"#,
            r#"{"label_names": {"1": "dog", "0": "cat"}}"#,
            "\u{feff}[\"cat\", \"dog\"]",
        ] {
            assert_eq!(Labels::from_json(json).unwrap(), names, "{json}");
        }
        let keras = Labels::from_json(r#"{"1": ["n2", "dog"], "0": ["n1", "cat"]}"#).unwrap();
        assert_eq!((keras.names(), keras.synset(1)), (names.names(), Some("n2")));
        let stored = serde_json::to_string(&keras).unwrap();
        assert_eq!(serde_json::from_str::<Labels>(&stored).unwrap(), keras);
        assert_eq!(serde_json::to_string(&names).unwrap(), r#"["cat","dog"]"#);
    }

    #[test]
    fn labels_that_name_nothing_or_a_class_twice_are_refused_by_name() {
        for (json, words) in [
            ("[]", "name no class"),
            ("{}", "name no class"),
            (r#"{"id2label": {}}"#, "name no class"),
            (r#"{"label_names": []}"#, "name no class"),
            (r#"{"0": "cat", "0": "dog"}"#, "index \"0\" twice"),
            (r#"{"0": ["n1", "cat"], "0": ["n2", "dog"]}"#, "index \"0\" twice"),
            (r#"{"id2label": {"0": "cat", "0": "dog"}}"#, "index \"0\" twice"),
            (r#"{"0": "cat", "00": "dog"}"#, "index \"00\" among 2"),
            (r#"{"+0": "cat"}"#, "index \"+0\" among 1"),
        ] {
            let message = Labels::from_json(json).unwrap_err().to_string();
            assert!(message.contains(words), "{json}: {message}");
        }
        let latin1 = Labels::from_bytes(b"[\"caf\xe9\"]").unwrap_err().to_string();
        assert!(latin1.contains("UTF-8 from byte 5"), "{latin1}");
        assert_eq!(Labels::from_bytes(b"[\"caf\xc3\xa9\"]").unwrap().get(0), "café");
    }

    #[test]
    fn gaps_and_other_documents_are_refused() {
        for json in
            [r#"{"0": "cat", "2": "dog"}"#, r#"{"a": "cat"}"#, "3", "[1, 2]", "", r#"{"id2label": 3}"#]
        {
            assert!(Labels::from_json(json).is_err(), "{json}");
        }
    }
}
