//! TensorFlow.js's layers models: `model.json`, which holds a Keras model's graph and a manifest of its weights, and
//! the files beside it ("shards") that hold the numbers one after another, perhaps in fewer bits.
//!
//! Here they come as one archive: [`pack`] makes it of files, and in the browser JavaScript does.

mod pack;
#[cfg(feature = "keras")]
mod shards;

use serde_json::Value;

use crate::error::{Error, Result, short};

pub use pack::with_shards;
#[cfg(feature = "keras")]
pub(super) use shards::open;

/// The entry of the archive that holds the graph and the manifest.
pub(super) const MODEL: &str = "model.json";

fn damaged(why: impl std::fmt::Display) -> Error {
    Error::Format(format!(
        "the TensorFlow.js model {}; give model.json and its shards as the converter wrote them",
        short(why)
    ))
}

fn parse(json: &[u8]) -> Result<Value> {
    serde_json::from_slice(json).map_err(|error| damaged(format!("has an unreadable model.json ({error})")))
}

/// The lists of shards that a manifest names.
fn manifest(model: &Value) -> Result<&[Value]> {
    let groups = model["weightsManifest"].as_array();
    groups.map(Vec::as_slice).ok_or_else(|| damaged("has no weightsManifest in its model.json"))
}

/// Names of a group's shards, in order.
fn paths(group: &Value) -> Result<Vec<&str>> {
    let paths = group["paths"].as_array().map(Vec::as_slice).unwrap_or_default();
    let paths: Option<Vec<&str>> = paths.iter().map(Value::as_str).collect();
    paths.ok_or_else(|| damaged("names a shard by something else than a text"))
}
