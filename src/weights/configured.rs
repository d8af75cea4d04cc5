//! What timm says of a model beside its file.

use serde_json::Value;

use super::{Assumed, ModelFile};
use crate::error::{Error, Result};
use crate::preprocess::{Filter, Fit};

impl ModelFile {
    /// Takes what timm's `config.json` says of a model's input (`pretrained_cfg`), if this is one, and says whether.
    ///
    /// # Errors
    ///
    /// When no picture can be prepared like this, or not for this network.
    pub fn configure(&mut self, json: &[u8]) -> Result<bool> {
        let Ok(json) = serde_json::from_slice::<Value>(json) else { return Ok(false) };
        let config = &json["pretrained_cfg"];
        if !config.is_object() {
            return Ok(false);
        }
        let numbers = |key: &str| -> Option<[f32; 3]> {
            let list: Vec<f32> =
                config[key].as_array()?.iter().filter_map(|v| Some(v.as_f64()? as f32)).collect();
            list.try_into().ok()
        };
        let mut preprocess = self.preprocess.clone();
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
                        "the crop_mode of pretrained_cfg is \"{other}\"; center and squash are read: say the crop by an option: center, squash or pad"
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
        self.set_preprocess(preprocess)?;
        self.assumed = Assumed {
            size: self.assumed.size && size.is_none(),
            fit: self.assumed.fit && crop.is_none(),
            normalisation: self.assumed.normalisation && (mean.is_none() || std.is_none()),
            ..self.assumed
        };
        Ok(true)
    }
}
