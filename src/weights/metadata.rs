//! What the project's own format stores beside the tensors, in safetensors' `__metadata__`.

use serde::{Deserialize, Serialize};

use crate::labels::Labels;
use crate::model::XceptionConfig;
use crate::preprocess::Preprocess;

/// The key in `__metadata__`; its value is one JSON document ([`Metadata`]).
pub(super) const KEY: &str = "xception-web";

/// Raised when a reader of the previous version could misunderstand a file.
pub(super) const VERSION: u32 = 1;

/// Number format of the kernels in a file. Vectors (biases, batch norms) always stay f32: they are
/// few, and a running variance may leave f16's range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dtype {
    /// 4 bytes, exact.
    #[default]
    F32,
    /// 2 bytes, 11 significant bits.
    F16,
    /// 1 byte and a scale per output channel; depthwise kernels, few and sensitive, as [`Dtype::F16`].
    Q8,
}

/// What people want to know of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// A short name to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Under which terms the weights may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Where the weights come from: data, command, seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<String>,
}

/// The JSON document under [`KEY`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Metadata {
    /// [`VERSION`] of the writer.
    pub version: u32,
    pub config: XceptionConfig,
    pub preprocess: Preprocess,
    #[serde(default)]
    pub labels: Labels,
    #[serde(flatten)]
    pub about: About,
    /// SHA-256 over the tensors' bytes in file order, in hex: damage is found, not classified with.
    pub sha256: String,
}
