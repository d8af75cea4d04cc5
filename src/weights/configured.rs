//! What timm says of a model beside its file.

use serde_json::Value;

use super::timm::CONFIGURATION;
use super::{Assumed, ModelFile};
use crate::error::{Error, Result, short};
use crate::preprocess::{Filter, Fit};

impl ModelFile {
    /// Takes what timm's `config.json` says of a model's input (`pretrained_cfg`), if this is one, and says whether.
    ///
    /// # Errors
    ///
    /// When no picture can be prepared like this, or not for this network.
    pub fn configure(&mut self, json: &[u8]) -> Result<bool> {
        let Ok(json) = serde_json::from_slice::<Value>(json) else { return Ok(false) };
        let config = &json[CONFIGURATION];
        if !config.is_object() {
            return Ok(false);
        }
        self.take_configuration(config)?;
        Ok(true)
    }

    /// The same of the description itself.
    pub(super) fn take_configuration(&mut self, config: &Value) -> Result<()> {
        // What is said and not understood must not be taken for what is not said.
        let three = |key: &str| -> Result<Option<[f64; 3]>> {
            let list = &config[key];
            if list.is_null() {
                return Ok(None);
            }
            let numbers: Option<Vec<f64>> =
                list.as_array().and_then(|list| list.iter().map(Value::as_f64).collect());
            numbers.and_then(|numbers| numbers.try_into().ok()).map(Some).ok_or_else(|| {
                Error::Preprocess(format!(
                    "the {key} of pretrained_cfg is {}; three numbers are read",
                    short(list)
                ))
            })
        };
        let numbers = |key: &str| Ok(three(key)?.map(|numbers| numbers.map(|number| number as f32)));
        let mut preprocess = self.preprocess.clone();
        let size = match three("input_size")? {
            Some([_, height, width]) if height != width => {
                return Err(Error::Preprocess(format!(
                    "the input_size of pretrained_cfg is {height} by {width}; squares are read"
                )));
            }
            size => size.map(|[_, height, _]| height as usize),
        };
        let (mean, std, crop) = (numbers("mean")?, numbers("std")?, config["crop_pct"].as_f64());
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
        Ok(())
    }
}
