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
