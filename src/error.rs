//! One variant per failure that a caller can act on. Each message finishes the sentence:
//! what was given, what is allowed, what to do next.

/// Short for a result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong between a file and its labels.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are no picture that this build can decode, or the picture is unusable.
    #[error("{0}")]
    Image(String),
    /// The bytes are no model file of a known format, or the file is damaged.
    #[error("{0}")]
    Format(String),
    /// The network that a file describes is not one this crate builds.
    #[error("{0}")]
    Architecture(String),
    /// An icon set that training or measuring needs is absent or unusable.
    #[error("{0}")]
    Icons(String),
    /// A training run cannot start, continue or be saved.
    #[error("{0}")]
    Training(String),
    /// A tensor is missing, unused, misshaped or not finite; the message names it.
    #[error("{0}")]
    Weights(String),
    /// A backend is unknown, not in this build, or failed.
    #[error("{0}")]
    Backend(String),
    /// An option is outside of what is allowed.
    #[error("{0}")]
    Option(String),
    /// A file cannot be read or written.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// `read`, `write` …
        action: &'static str,
        /// The path as given.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },

    /// The preprocessing that a model file asks for is out of range.
    #[error("{0}")]
    Preprocess(String),
}

impl Error {
    /// For `map_err`, where something is done to this file or folder.
    pub fn io(action: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::Io { action, path, source }
    }
}

/// Longest text of a file's own that a message quotes, in characters.
const QUOTED: usize = 120;

/// Text out of a file, short enough for a message: names may be as long as the file.
pub(crate) fn short(text: impl std::fmt::Display) -> String {
    let mut text = text.to_string();
    if let Some((end, _)) = text.char_indices().nth(QUOTED) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_text_is_cut_and_between_characters() {
        assert_eq!(short("conv1.weight"), "conv1.weight");
        assert_eq!(short("é".repeat(QUOTED)), "é".repeat(QUOTED));
        assert_eq!(short("é".repeat(QUOTED + 1)), "é".repeat(QUOTED) + "…");
    }
}
