//! Why: which places of a picture speak for a class.

use serde::Serialize;

use super::Classifier;
use crate::error::{Error, Result};
use crate::model::{Output, Planes};
use crate::preprocess::RgbaView;

/// A class activation map (Zhou et al., 2016). It is exact: the network ends in a mean over places and one
/// linear layer, so that a logit is the mean of what the layer says of each place.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The class that is explained.
    pub index: usize,
    /// Its name.
    pub label: String,
    /// Places side by side.
    pub width: usize,
    /// Places one above the other.
    pub height: usize,
    /// What each place says for the class, row by row; the mean is the class's logit. Where one logit tells two classes
    /// apart, what speaks for one of them speaks against the other.
    pub values: Vec<f32>,
    /// The part of the picture that the places lie on: left, top, width and height, as shares of it; beyond it where the
    /// picture is padded.
    pub seen: [f64; 4],
}

impl Classifier {
    /// Whether places of a picture can speak for a class by themselves.
    pub fn explains(&self) -> bool {
        // A head that was taught sees the features themselves.
        self.classes() > 0 && (self.taught.is_some() || !self.config.hidden.iter().any(|hidden| hidden.relu))
    }

    /// Which places of the picture speak for the class of this index; without one, for the likeliest.
    ///
    /// # Errors
    ///
    /// When there is no such class, the model cannot be explained, the picture is unusable or the backend fails.
    pub async fn explain(&self, picture: RgbaView<'_>, index: Option<usize>) -> Result<Explanation> {
        let classes = self.classes();
        self.check_classifier()?;
        if let Some(index) = index.filter(|&index| index >= classes) {
            return Err(Error::Option(format!(
                "there is no class {index}; the model has {classes}, from 0 to {}",
                classes.saturating_sub(1)
            )));
        }
        if !self.explains() {
            return Err(Error::Option(
                "this model has dense layers with ReLU before its classifier, so that no place of a picture speaks \
                 for a class by itself; explain with a model whose classifier sees the mean over places"
                    .into(),
            ));
        }
        let output = if self.taught.is_some() { Output::FeatureMap } else { Output::ClassMaps };
        let Planes { values: mut maps, shape: [_, _, height, width] } =
            self.ask(output, self.prepare(picture)?, 1).await?;
        if let Some(head) = &self.taught {
            maps = head.maps(&maps, height * width);
        }
        // All maps are of one size: the largest sum is the largest mean.
        let mut maps: Vec<Vec<f32>> =
            maps.chunks_exact((height * width).max(1)).map(<[f32]>::to_vec).collect();
        if let [second] = &maps[..] {
            let first = second.iter().map(|value| -value).collect();
            maps.insert(0, first);
        }
        let sum = |index: usize| maps[index].iter().sum::<f32>();
        let best = || (0..maps.len()).max_by(|&a, &b| sum(a).total_cmp(&sum(b)));
        let index = index.or_else(best).unwrap_or_default();
        Ok(Explanation {
            index,
            label: self.labels().get(index),
            width,
            height,
            values: maps.into_iter().nth(index).unwrap_or_default(),
            seen: self.preprocess.seen(picture.width(), picture.height()),
        })
    }
}
