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
    /// The network that a file describes is not one this crate builds.
    #[error("{0}")]
    Architecture(String),
    /// An icon set that training or measuring needs is absent or unusable.
    #[error("{0}")]
    Icons(String),
    /// A training run cannot start, continue or be saved.
    #[error("{0}")]
    Training(String),
}
