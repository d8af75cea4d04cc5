//! Another classifier on the network of a file, and the file of both.

use serde::{Deserialize, Serialize};

use super::names::{Layout, Row, own};
use super::source::Stored;
use super::write::{self, Encoded};
use super::{About, Dtype, ModelFile};
use crate::calibration::Calibration;
use crate::error::{Error, Result};
use crate::labels::Labels;
use crate::model::{Part, Place, TensorId, XceptionConfig};

/// A classifier on pooled features: one linear layer, and what its answers mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// `[features, classes]`, row-major.
    pub weight: Vec<f32>,
    /// One per class.
    pub bias: Vec<f32>,
    /// One name per class.
    pub labels: Labels,
    /// What its scores are worth.
    pub calibration: Calibration,
    /// What the model is called.
    pub title: Option<String>,
    /// What it was made from.
    pub provenance: String,
}

impl Head {
    /// One whose scores are a plain softmax.
    pub fn new(weight: Vec<f32>, bias: Vec<f32>, labels: Labels) -> Self {
        let calibration = Calibration::default();
        Self { weight, bias, labels, calibration, title: None, provenance: String::new() }
    }

    /// Refuses what is not for a network with so many features.
    ///
    /// # Errors
    ///
    /// When the numbers are too few, too many or not finite, or the classes have other names than one each.
    pub fn check(&self, features: usize) -> Result<()> {
        let classes = self.bias.len();
        if classes < 2 || self.weight.len() != features * classes {
            return Err(Error::Weights(format!(
                "the head holds {} weights for {classes} classes, but this network has {features} features; teach it on this network",
                self.weight.len()
            )));
        }
        if let Some(bad) = self.weight.iter().chain(&self.bias).find(|number| !number.is_finite()) {
            return Err(Error::Weights(format!(
                "the head holds {bad}; every weight must be finite: teach it again"
            )));
        }
        self.calibration.validate()?;
        match self.labels.names().len() {
            0 => Err(Error::Format("the head names none of its classes; give one name per class".into())),
            _ => self.labels.check_count(classes),
        }
    }

    /// What each of so many places says for each class, `[classes, places]`, by its features `[features, places]`; the
    /// logits of a picture by its features, which are those of one place.
    pub fn maps(&self, features: &[f32], places: usize) -> Vec<f32> {
        let classes = self.bias.len();
        let mut maps: Vec<f32> =
            self.bias.iter().flat_map(|&bias| std::iter::repeat_n(bias, places)).collect();
        for (weights, values) in self.weight.chunks_exact(classes).zip(features.chunks_exact(places)) {
            for (&weight, map) in weights.iter().zip(maps.chunks_exact_mut(places)) {
                map.iter_mut().zip(values).for_each(|(sum, value)| *sum += weight * value);
            }
        }
        maps
    }
}

impl ModelFile {
    /// This file's network with another head, in the project's own format. What the file stores as this format does is
    /// taken as it is, to the bit; the rest, as the head, in single precision.
    ///
    /// # Errors
    ///
    /// When a tensor's bytes cannot be read, or the head is not for this network.
    pub fn with_head(&self, head: &Head) -> Result<Vec<u8>> {
        head.check(self.config.features())?;
        let config =
            XceptionConfig { classes: head.bias.len(), hidden: Vec::new(), ..self.config.clone() }.named();
        let mut encoded: Vec<Encoded> = Vec::new();
        for Row { id, shape: whole, name, .. } in own(&config)? {
            let new = match (id.place, id.part) {
                (Place::Head, Part::Bias) => Some(&head.bias),
                (Place::Head, _) => Some(&head.weight),
                _ => None,
            };
            let stored = if new.is_none() { self.stored(id)? } else { Vec::new() };
            if stored.is_empty() {
                let values = new.map_or_else(|| self.read(id), |new| Ok(new.clone()))?;
                encoded.extend(write::encode((id, whole, values), Dtype::F32)?);
            } else {
                encoded.extend(stored.into_iter().map(|Stored { part, dtype, shape, bytes }| Encoded {
                    name: format!("{name}{part}"),
                    dtype,
                    // Some files keep a pointwise kernel as a matrix.
                    shape: if part.is_empty() { whole.clone() } else { shape },
                    bytes,
                }));
            }
        }
        let network = self.about.provenance.as_deref().unwrap_or(self.format);
        let about = About {
            title: head.title.clone(),
            // The network's terms are the whole's.
            licence: self.about.licence.clone(),
            provenance: Some(format!("{}; the network: {network}", head.provenance)),
        };
        write::assemble(encoded, &config, &self.preprocess, &head.labels, &about, &head.calibration)
    }

    /// A tensor's bytes as they lie in the file; nothing where it lies there in another way than ours.
    fn stored(&self, id: TensorId) -> Result<Vec<Stored>> {
        match self.rows.iter().find(|row| row.id == id) {
            Some(row) if row.layout == Layout::Same => self.source.stored(&row.name),
            _ => Ok(Vec::new()),
        }
    }
}
