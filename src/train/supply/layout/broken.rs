//! Pictures that cannot be read: few are left out, many are refused.

use std::path::PathBuf;

use super::Layout;
use super::list;
use xception_web::error::{Error, Result};

/// One of so many pictures of a class may be broken.
const BROKEN: usize = 20;

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
}

impl Broken {
    fn text(&self) -> String {
        format!("{} ({})", self.file.display(), self.why)
    }
}
