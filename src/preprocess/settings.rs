//! What a network expects of a picture.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The largest side of a network's input that [`Preprocess::validate`] lets pass: past it, one
/// picture's activations outgrow what a browser tab may hold.
pub const MAX_SIZE: usize = 2048;

/// The longest shorter side that a picture may be resized to before the crop. No published network
/// asks for more than a few hundred; metadata with a tiny `crop_pct` would ask for any number.
pub const MAX_RESIZED_SIDE: u64 = 1 << 16;

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
    /// Resize the longer side to the input size, keep the aspect, and fill what is left with black on both sides
    /// (Keras's `pad_to_aspect_ratio`).
    Pad,
}

impl Fit {
    /// The way of this name, `center`, `squash` or `pad`, for a model that is used to this one.
    ///
    /// # Errors
    /// [`Error::Option`] for any other name.
    pub fn named(self, name: &str) -> Result<Self> {
        match (name, self) {
            ("center", Self::CenterCrop { .. }) => Ok(self),
            ("center", _) => Ok(Self::CenterCrop { crop_pct: 1.0 }),
            ("squash", _) => Ok(Self::Squash),
            ("pad", _) => Ok(Self::Pad),
            _ => Err(Error::Option(format!("there is no crop \"{name}\"; choose center, squash or pad"))),
        }
    }
}

/// timm's `floor(size / crop_pct)`: never below `size` for a `crop_pct` up to 1, so no crop needs padding.
pub(super) fn resized_short_side(size: usize, crop_pct: f64) -> u64 {
    (size as f64 / crop_pct).floor() as u64
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
    /// The side that larger pictures are brought to before, where a network has learned from no larger ones: what is
    /// finer it does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<usize>,
    /// Whether the network sees one channel of grey, as Pillow's mode `L` has it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub grey: bool,
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
    /// What timm does for its Xceptions: bicubic, centre crop, values in -1..1.
    ///
    /// `legacy_xception.tf_in1k` has size 299 and `crop_pct` 0.8975; the aligned family 0.903 (`.tf_in1k`)
    /// or 0.94 (`.ra3_in1k`).
    pub fn timm(size: usize, crop_pct: f64) -> Self {
        Self {
            size,
            detail: None,
            grey: false,
            fit: Fit::CenterCrop { crop_pct },
            filter: Filter::Bicubic,
            mean: [0.5; 3],
            std: [0.5; 3],
        }
    }

    /// What Keras users do for its Xception: the whole picture squashed to the square, values in -1..1.
    ///
    /// Keras writes the scaling `x / 127.5 - 1`; `(x / 255 - 0.5) / 0.5` is the same to the last bit or so.
    ///
    /// NOTE: Keras defines no resize for its applications, and its `load_img` defaults to nearest neighbour.
    /// Bilinear is what its training loaders use.
    pub fn keras(size: usize) -> Self {
        let (fit, filter) = (Fit::Squash, Filter::Bilinear);
        Self { size, detail: None, grey: false, fit, filter, mean: [0.5; 3], std: [0.5; 3] }
    }

    /// Says whether a picture can be prepared like this. Model files come from strangers.
    ///
    /// # Errors
    /// [`Error::Preprocess`] with the first value that is out of its range.
    pub fn validate(&self) -> Result<()> {
        let refuse = |message: String| {
            Err(Error::Preprocess(format!("{message}; give another, or correct the model file")))
        };
        if !(1..=MAX_SIZE).contains(&self.size) {
            return refuse(format!("the input size is {} and must be 1 to {MAX_SIZE}", self.size));
        }
        if let Some(detail) = self.detail.filter(|detail| !(1..=self.size).contains(detail)) {
            return refuse(format!("the detail is {detail} and must be 1 to the input size, {}", self.size));
        }
        if let Fit::CenterCrop { crop_pct } = self.fit {
            if !(crop_pct > 0.0 && crop_pct <= 1.0) {
                return refuse(format!("crop_pct is {crop_pct} and must be above 0 and at most 1"));
            }
            let side = resized_short_side(self.size, crop_pct);
            if side > MAX_RESIZED_SIDE {
                return refuse(format!(
                    "crop_pct is {crop_pct}, which resizes pictures to {side} pixels before the crop, \
                     and at most {MAX_RESIZED_SIDE} are allowed"
                ));
            }
        }
        if let Some(mean) = self.mean.iter().find(|mean| !mean.is_finite()) {
            return refuse(format!("a mean is {mean} and must be finite"));
        }
        if let Some(std) = self.std.iter().find(|s| !s.is_finite() || **s == 0.0) {
            return refuse(format!("a std is {std} and must be finite and not 0"));
        }
        Ok(())
    }

    /// Channels that the network sees.
    pub fn channels(&self) -> usize {
        if self.grey { 1 } else { 3 }
    }
}
