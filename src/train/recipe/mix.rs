//! How often pictures are mixed into others; `supply` does it.

use serde::{Deserialize, Serialize};

/// How often batches are mixed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mix {
    /// Share of the batches in which each picture has a rectangle of another one.
    pub cut: f32,
    /// Share of the batches in which each picture is laid over another one.
    pub blend: f32,
    /// Share of the pictures that make place for colours, patterns, noise, text or flat drawings.
    pub nothing: f32,
}

impl Mix {
    /// What is out of range, and what is allowed.
    pub fn fault(&self) -> Option<String> {
        let Self { cut, blend, nothing } = *self;
        if !(cut >= 0.0 && blend >= 0.0 && cut + blend <= 1.0) {
            return Some(format!(
                "has cut = {cut} and blend = {blend}, which must be shares, together at most 1"
            ));
        }
        let share = (0.0..1.0).contains(&nothing);
        (!share).then(|| format!("has nothing = {nothing}, which must be a share, from 0 to below 1"))
    }
}
