//! What is said of a model's input that its file does not say, or says otherwise.

use super::{Assumed, ModelFile};
use crate::error::{Error, Result};

/// What a caller says; the rest stays as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Adjustment {
    /// Side of the network's input, in pixels.
    pub size: Option<usize>,
    /// How a picture becomes a square, as [`Fit::named`](crate::preprocess::Fit::named) takes it.
    pub crop: Option<String>,
    /// Subtracted per channel from values of 0 to 1.
    pub mean: Option<[f32; 3]>,
    /// Divided by after that.
    pub std: Option<[f32; 3]>,
}

impl ModelFile {
    /// Takes what is said; nothing of that is assumed any more.
    ///
    /// # Errors
    ///
    /// When no picture can be prepared like this, or not for this network.
    pub fn adjust(&mut self, said: &Adjustment) -> Result<()> {
        let mut preprocess = self.preprocess.clone();
        if let Some(crop) = &said.crop {
            preprocess.fit = preprocess.fit.named(crop)?;
        }
        preprocess.mean = said.mean.unwrap_or(preprocess.mean);
        preprocess.std = said.std.unwrap_or(preprocess.std);
        preprocess.size = said.size.unwrap_or(preprocess.size);
        // What a network has learned of no finer detail was said of its own size.
        preprocess.detail = preprocess.detail.filter(|&detail| detail < preprocess.size);
        // Whoever said nothing is told of the file.
        self.set_preprocess(preprocess).map_err(|error| match error {
            Error::Preprocess(why) if *said != Adjustment::default() => {
                Error::Option(format!("the input cannot be as it was asked for: {why}"))
            }
            other => other,
        })?;
        self.assumed = Assumed {
            size: self.assumed.size && said.size.is_none(),
            fit: self.assumed.fit && said.crop.is_none(),
            normalisation: self.assumed.normalisation && (said.mean.is_none() || said.std.is_none()),
            ..self.assumed
        };
        Ok(())
    }
}
