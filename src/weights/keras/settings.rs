//! The settings of one layer of a Keras model.

use serde_json::Value;

use super::layer::{Act, strange};
use super::model::{Node, text};
use crate::error::Result;

impl Node {
    /// A setting that must be what it is by default.
    pub fn only(&self, key: &str, value: &Value) -> Result<()> {
        match &self.config[key] {
            Value::Null => Ok(()),
            found if found == value => Ok(()),
            found => Err(strange(self, format!("has {key} {found}, and {value} alone is"))),
        }
    }

    /// No activation of its own and no holes in the window.
    pub fn plain_window(&self) -> Result<()> {
        if self.activation()? != Act::Linear {
            return Err(strange(self, "has an activation of its own, before the batch norm"));
        }
        let dilation = &self.config["dilation_rate"];
        match dilation.is_null() || *dilation == 1 || self.square("dilation_rate")? == 1 {
            true => Ok(()),
            false => Err(strange(self, format!("has dilation_rate {dilation}, and 1 alone is"))),
        }
    }

    /// A number, which Keras writes once or for both directions.
    pub fn square(&self, key: &str) -> Result<usize> {
        let value = &self.config[key];
        let sides: Vec<Option<u64>> = match value.as_array() {
            Some(sides) => sides.iter().map(Value::as_u64).collect(),
            None => vec![value.as_u64(); 2],
        };
        match sides[..] {
            [Some(side @ 1..=16), Some(other)] if side == other => Ok(side as usize),
            _ => Err(strange(self, format!("has {key} {value}; the same small number twice is"))),
        }
    }

    pub fn is_same(&self) -> Result<bool> {
        match text(&self.config, "padding") {
            Some("same") => Ok(true),
            Some("valid") => Ok(false),
            _ => Err(strange(self, format!("has padding {}; same or valid is", self.config["padding"]))),
        }
    }

    pub fn count(&self, key: &str) -> Result<usize> {
        let count = self.config[key].as_u64().and_then(|count| usize::try_from(count).ok());
        count.ok_or_else(|| strange(self, format!("has {key} {}, which is no count", self.config[key])))
    }

    pub fn numbers(&self, key: &str) -> Result<Vec<f64>> {
        numbers(&self.config[key]).ok_or_else(|| strange(self, format!("has {key} {}", self.config[key])))
    }

    pub fn activation(&self) -> Result<Act> {
        let value = &self.config["activation"];
        // Keras 3 writes what it does not know by name as an object.
        let name = value.as_str().or(value["config"].as_str()).or(value["config"]["name"].as_str());
        match name {
            None if value.is_null() => Ok(Act::Linear),
            Some("linear") => Ok(Act::Linear),
            Some("relu") => Ok(Act::Relu),
            Some("softmax") => Ok(Act::Softmax),
            Some("sigmoid") => Ok(Act::Sigmoid),
            _ => Err(strange(self, format!("has the activation {value}, which is not"))),
        }
    }
}

/// A number, or a list of them however deep, of which there are no more than channels.
pub(super) fn numbers(value: &Value) -> Option<Vec<f64>> {
    let found = match value {
        Value::Array(list) => list.iter().map(numbers).collect::<Option<Vec<_>>>()?.concat(),
        // Keras 3 writes arrays of numpy as objects.
        Value::Object(fields) => numbers(&fields.get("config")?["value"])?,
        value => vec![value.as_f64()?],
    };
    (found.len() == 1 || found.len() == 3).then_some(found)
}
