//! Class names in index order, with their WordNet synsets where they are known.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

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
                let (synsets, names) = pairs.into_iter().map(|[synset, name]| (synset, name)).unzip();
                Self { names, synsets }
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
    HuggingFace { id2label: BTreeMap<String, String> },
    Keras(BTreeMap<String, [String; 2]>),
    Map(BTreeMap<String, String>),
}

impl Labels {
    /// Names in index order.
    pub fn new(names: Vec<String>) -> Self {
        Self { names, synsets: Vec::new() }
    }

    /// Reads a sidecar: a list of names, Hugging Face's `config.json` with `id2label`, or Keras's
    /// `imagenet_class_index.json`.
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
    /// When it is none of these, or its indices do not count up from 0.
    pub fn from_json(json: &str) -> Result<Self> {
        let sidecar = serde_json::from_str(json).map_err(|_| {
            Error::Format(
                "the labels are no JSON that is read here; give a list of names, an object with id2label, or Keras's class index {\"0\": [synset, name], …}".into(),
            )
        })?;
        Ok(match sidecar {
            Sidecar::List(stored) => stored.into(),
            Sidecar::HuggingFace { id2label: map } | Sidecar::Map(map) => Self::new(in_order(map)?),
            Sidecar::Keras(map) => Stored::Pairs(in_order(map)?).into(),
        })
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

/// Values by their keys as numbers, which must be 0, 1, 2 and so on.
fn in_order<T>(map: BTreeMap<String, T>) -> Result<Vec<T>> {
    let mut values: Vec<Option<T>> = (0..map.len()).map(|_| None).collect();
    for (key, value) in map {
        match key.parse::<usize>().ok().and_then(|index| values.get_mut(index)) {
            Some(place) => *place = Some(value),
            None => {
                return Err(Error::Format(format!(
                    "the labels have the index \"{key}\", but {} of them must count up from 0",
                    values.len()
                )));
            }
        }
    }
    let found: Vec<T> = values.into_iter().flatten().collect();
    Ok(found)
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
    fn gaps_and_other_documents_are_refused() {
        for json in
            [r#"{"0": "cat", "2": "dog"}"#, r#"{"a": "cat"}"#, "3", "[1, 2]", "", r#"{"id2label": 3}"#]
        {
            assert!(Labels::from_json(json).is_err(), "{json}");
        }
    }
}
