//! What a user says of a model's input that its file does not say, or says otherwise.

use serde_json::Value;
use xception_web::preprocess::{Filter, Fit};
use xception_web::weights::{Adjustment, Assumed, ModelFile};
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

/// Puts what timm's `config.json` says of a model's input (`pretrained_cfg`) into it, if this is one.
pub fn as_timm_says(file: &mut ModelFile, json: &[u8]) -> Result<()> {
    let Ok(json) = serde_json::from_slice::<Value>(json) else { return Ok(()) };
    let config = &json["pretrained_cfg"];
    if !config.is_object() {
        return Ok(());
    }
    let numbers = |key: &str| -> Option<[f32; 3]> {
        let list: Vec<f32> =
            config[key].as_array()?.iter().filter_map(|v| Some(v.as_f64()? as f32)).collect();
        list.try_into().ok()
    };
    let mut preprocess = file.preprocess.clone();
    let size = config["input_size"][1].as_u64().and_then(|size| usize::try_from(size).ok());
    let (mean, std, crop) = (numbers("mean"), numbers("std"), config["crop_pct"].as_f64());
    preprocess.size = size.unwrap_or(preprocess.size);
    preprocess.mean = mean.unwrap_or(preprocess.mean);
    preprocess.std = std.unwrap_or(preprocess.std);
    if let Some(crop_pct) = crop {
        preprocess.fit = match config["crop_mode"].as_str() {
            None | Some("center") => Fit::CenterCrop { crop_pct },
            Some("squash") => Fit::Squash,
            Some(other) => {
                return Err(Error::Preprocess(format!(
                    "the crop_mode of pretrained_cfg is \"{other}\"; center and squash are read: say --crop center, squash or pad"
                )));
            }
        };
    }
    preprocess.filter = match config["interpolation"].as_str() {
        None => preprocess.filter,
        Some("bicubic") => Filter::Bicubic,
        Some("bilinear") => Filter::Bilinear,
        Some(other) => {
            return Err(Error::Preprocess(format!(
                "the interpolation of pretrained_cfg is \"{other}\"; bicubic and bilinear are read"
            )));
        }
    };
    file.set_preprocess(preprocess)?;
    file.assumed = Assumed {
        size: file.assumed.size && size.is_none(),
        fit: file.assumed.fit && crop.is_none(),
        normalisation: file.assumed.normalisation && (mean.is_none() || std.is_none()),
        ..file.assumed
    };
    Ok(())
}
