//! Weights by formula, for measuring speed: a full-size network that no file of 92 MB must carry.
//!
//! Not a trained network, but not an absurd one: values keep their scale from layer to layer, so that
//! logits are finite and differ, and rounding shows as it would in a real one.

use super::names::own;
use super::source::TensorSource;
use super::{About, Assumed, ModelFile};
use crate::calibration::Calibration;
use crate::error::{Error, Result};
use crate::labels::Labels;
use crate::model::XceptionConfig;
use crate::model::place::{BlockId, Part, Place, TensorId, Unit};
use crate::preprocess::Preprocess;

/// 2^64 / φ, splitmix64's increment.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The norms that end an identity-bridged block: small, so that eight sums keep the signal's scale.
const BRIDGED_GAIN: f32 = 0.3;

/// Against the growth of values by max-pools and sums: logits with a standard deviation of about 2.
const HEAD_GAIN: f32 = 0.2;

struct Seeded {
    tensors: Vec<(TensorId, Vec<usize>)>,
    /// Number of the last separable convolution of a block of the middle flow.
    bridged_end: usize,
}

impl TensorSource for Seeded {
    fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        self.tensors.iter().map(|(id, shape)| (id.to_string(), shape.clone())).collect()
    }

    fn read(&self, name: &str) -> Result<Vec<f32>> {
        let found = self.tensors.iter().find(|(id, _)| id.to_string() == name);
        let (id, shape) =
            found.ok_or_else(|| Error::Weights(format!("this network has no tensor {name}")))?;
        let [low, high] = self.range(*id, shape);
        Ok((0..shape.iter().product()).map(|at| low + (high - low) * uniform(name, at)).collect())
    }
}

impl Seeded {
    /// Between which values a tensor's numbers lie.
    fn range(&self, id: TensorId, shape: &[usize]) -> [f32; 2] {
        // A uniform distribution in ±b has variance b² / 3.
        let symmetric = |variance: f32| [-(3.0 * variance).sqrt(), (3.0 * variance).sqrt()];
        match *shape {
            [_, 1, h, w] => symmetric(1.0 / (h * w) as f32),
            // He: half of what comes in was set to zero by ReLU.
            [_, input, h, w] => symmetric(2.0 / (input * h * w) as f32),
            [input, _] => symmetric(HEAD_GAIN * HEAD_GAIN / input as f32),
            _ if id.part == Part::Gamma => {
                let gain = match id.place {
                    Place::Depthwise(Unit::Of(BlockId::Middle(_), at))
                    | Place::Pointwise(Unit::Of(BlockId::Middle(_), at))
                        if at == self.bridged_end =>
                    {
                        BRIDGED_GAIN
                    }
                    _ => 1.0,
                };
                [0.9 * gain, 1.1 * gain]
            }
            _ if id.part == Part::Variance => [0.9, 1.1],
            _ => [-0.1, 0.1],
        }
    }
}

/// The number at flat index `at` of the tensor `name`, in `0..1`: the same on every machine.
fn uniform(name: &str, at: usize) -> f32 {
    let fnv1a = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    let key = name.bytes().fold(0xCBF2_9CE4_8422_2325, fnv1a);
    let mut x = key.wrapping_add((at as u64 + 1).wrapping_mul(GOLDEN));
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((x ^ (x >> 31)) >> 40) as f32 / (1u32 << 24) as f32
}

impl ModelFile {
    /// A network of this architecture with weights by formula, the same on every machine.
    ///
    /// # Errors
    ///
    /// When no real network has this architecture.
    pub fn seeded(config: XceptionConfig, preprocess: Preprocess) -> Result<Self> {
        let rows = own(&config)?;
        let tensors = rows.iter().map(|row| (row.id, row.shape.clone())).collect();
        let bridged_end = config.middle_units.saturating_sub(1);
        Ok(Self {
            preprocess,
            labels: Labels::default(),
            about: About { title: Some("Weights by formula, for benchmarks".into()), ..About::default() },
            format: "seeded",
            writer: None,
            calibration: Calibration::default(),
            assumed: Assumed::default(),
            headless: false,
            unused: Vec::new(),
            digest: None,
            source: Box::new(Seeded { tensors, bridged_end }),
            rows,
            config,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Tensor, TensorData};

    use crate::model::Dialect;

    #[test]
    fn seeded_logits_are_finite_differ_and_depend_on_the_picture() {
        let config = XceptionConfig::mini(Dialect::Keras, 50);
        let file = ModelFile::seeded(config, Preprocess::keras(72)).unwrap();
        let device = Device::flex();
        let network = file.build(&device).unwrap();
        let logits = |stripe: usize| {
            let pixels: Vec<f32> =
                (0..3 * 72 * 72).map(|at| if (at / stripe).is_multiple_of(2) { -0.6 } else { 0.9 }).collect();
            let picture = Tensor::<4>::from_data(TensorData::new(pixels, [1, 3, 72, 72]), &device);
            network.forward(picture).into_data().try_into_vec_as::<f32>().unwrap()
        };
        let spread = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>() / 50.0;
        let (one, other) = (logits(7), logits(300));
        let mean = vec![one.iter().sum::<f32>() / 50.0; 50];
        assert!((0.3..10.0).contains(&spread(&one, &mean)), "variance {}", spread(&one, &mean));
        assert!(
            spread(&one, &other) > 0.01 * spread(&one, &mean),
            "pictures differ by {}",
            spread(&one, &other)
        );
    }
}
