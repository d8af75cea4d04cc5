//! What a user says of a model's input that its file does not say, or says otherwise.

use xception_web::preprocess::Fit;
use xception_web::weights::{Assumed, ModelFile};
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
        let mut preprocess = file.preprocess.clone();
        if let Some(crop) = &self.crop {
            preprocess.fit = match (crop.as_str(), preprocess.fit) {
                ("center", fit @ Fit::CenterCrop { .. }) => fit,
                ("center", _) => Fit::CenterCrop { crop_pct: 1.0 },
                ("squash", _) => Fit::Squash,
                ("pad", _) => Fit::Pad,
                _ => {
                    return Err(Error::Option(format!(
                        "there is no crop \"{crop}\"; choose center, squash or pad"
                    )));
                }
            };
        }
        if let Some(mean) = &self.mean {
            preprocess.mean = channels("mean", mean)?;
        }
        if let Some(std) = &self.std {
            preprocess.std = channels("std", std)?;
        }
        preprocess.size = self.size.unwrap_or(preprocess.size);
        // What a network has learned of no finer detail was said of its own size.
        preprocess.detail = preprocess.detail.filter(|&detail| detail < preprocess.size);
        file.set_preprocess(preprocess)?;
        file.assumed = Assumed {
            size: file.assumed.size && self.size.is_none(),
            fit: file.assumed.fit && self.crop.is_none(),
            normalisation: file.assumed.normalisation && (self.mean.is_none() || self.std.is_none()),
            ..file.assumed
        };
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
