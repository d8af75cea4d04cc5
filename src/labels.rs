//! Class names in index order.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The names of a model's classes; empty when the file carries none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(Vec<String>);

impl Labels {
    /// Names in index order.
    pub fn new(names: Vec<String>) -> Self {
        Self(names)
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
        self.0.get(index).cloned().unwrap_or_else(|| format!("class {index}"))
    }

    /// All names; empty when there are none.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// Fails unless there is a name for each class or none at all.
    pub(crate) fn check_count(&self, classes: usize) -> Result<()> {
        if self.0.is_empty() || self.0.len() == classes {
            return Ok(());
        }
        Err(Error::Format(format!(
            "{} labels were given for {classes} classes; give one per class or none",
            self.0.len()
        )))
    }
}
