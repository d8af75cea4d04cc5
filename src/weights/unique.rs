//! Names of a safetensors header, each once: a JSON reader takes the last of two without a word, and which of
//! them is the model is not said.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use crate::error::{Error, Result, short};

/// Fails on a name that stands twice in the JSON object `header`.
pub(super) fn check(header: &[u8]) -> Result<()> {
    serde_json::from_slice::<Unique>(header).map(|_| ()).map_err(|error| {
        Error::Format(format!("the safetensors header is damaged ({error}); fetch or make the file again"))
    })
}

struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut seen = HashSet::new();
        while let Some((name, IgnoredAny)) = map.next_entry::<String, _>()? {
            if let Some(twice) = seen.replace(name) {
                return Err(A::Error::custom(format!("{} stands in it twice", short(twice))));
            }
        }
        Ok(self)
    }
}
