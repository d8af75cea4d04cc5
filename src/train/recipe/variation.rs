//! How much pictures are varied while training; `supply` does it.

use serde::{Deserialize, Serialize};

/// How much pictures are varied while training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Variation {
    /// Smallest and largest share that is shown of the largest square in a picture.
    pub area: [f32; 2],
    /// Most that the part shown is wider than high, or higher than wide; 1 shows squares.
    pub aspect: f32,
    /// How much brightness, contrast, saturation and hue change: 0 not at all, 1 beyond recognition.
    pub colour: f32,
    /// Whether every other picture is mirrored.
    pub mirror: bool,
}

impl Default for Variation {
    fn default() -> Self {
        Self { area: [0.4, 1.0], aspect: 4.0 / 3.0, colour: 0.3, mirror: true }
    }
}

impl Variation {
    /// The whole square in the middle, as it is.
    pub const NONE: Self = Self { area: [1.0; 2], aspect: 1.0, colour: 0.0, mirror: false };

    /// What is out of range, and what is allowed.
    pub fn fault(&self) -> Option<String> {
        let Self { area: [least, most], aspect, colour, .. } = *self;
        if !(least > 0.0 && least <= most && most <= 1.0) {
            return Some(format!(
                "has area = [{least}, {most}], which must be rising shares above 0 and at most 1"
            ));
        }
        if !(1.0..=4.0).contains(&aspect) {
            return Some(format!("has aspect = {aspect}, which must be 1 to 4"));
        }
        if !(0.0..=1.0).contains(&colour) {
            return Some(format!("has colour = {colour}, which must be 0 to 1"));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_range_is_named() {
        assert_eq!(Variation::default().fault(), None);
        for (bad, word) in [
            (Variation { area: [0.0, 1.0], ..Variation::NONE }, "area"),
            (Variation { area: [0.9, 0.5], ..Variation::NONE }, "area"),
            (Variation { aspect: 0.5, ..Variation::NONE }, "aspect"),
            (Variation { colour: f32::NAN, ..Variation::NONE }, "colour"),
        ] {
            assert!(bad.fault().unwrap().contains(word));
        }
    }
}
