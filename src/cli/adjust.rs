//! What a user says of a model's input that its file does not say, or says otherwise.

use xception_web::weights::{Adjustment, ModelFile};
use xception_web::{Error, Result};

#[derive(Debug, clap::Args)]
pub struct Adjust {
    /// How a picture becomes a square: center cuts it out, squash changes the aspect, pad fills with black.
    #[arg(long, value_name = "center|squash|pad")]
    crop: Option<String>,
    /// Subtracted from values of 0 to 1: one number, or three with commas (R,G,B).
    #[arg(long, allow_hyphen_values = true)]
    mean: Option<String>,
    /// Divided by after that: one number, or three with commas.
    #[arg(long)]
    std: Option<String>,
    /// Side of the network's input, in pixels.
    #[arg(long)]
    size: Option<usize>,
}

impl Adjust {
    /// The model with what was said; nothing of that is assumed any more.
    pub fn apply(&self, mut file: ModelFile) -> Result<ModelFile> {
        file.adjust(&Adjustment {
            size: self.size,
            crop: self.crop.clone(),
            mean: self.mean.as_deref().map(|mean| channels("mean", mean)).transpose()?,
            std: self.std.as_deref().map(|std| channels("std", std)).transpose()?,
        })?;
        Ok(file)
    }
}

/// A number for each channel, or one for all.
fn channels(name: &str, given: &str) -> Result<[f32; 3]> {
    let numbers: Option<Vec<f32>> = given.split(',').map(|number| number.trim().parse().ok()).collect();
    match numbers.as_deref() {
        Some(&[all]) => Ok([all; 3]),
        Some(&[r, g, b]) => Ok([r, g, b]),
        _ => Err(Error::Option(format!(
            "--{name} {given} is neither one number nor three with commas; give it as 0.5 or 0.485,0.456,0.406"
        ))),
    }
}
