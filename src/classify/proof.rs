//! The known-answer test of a GPU, and what gets its shaders compiled before that.
//!
//! A shader that fails to compile in a browser is only logged, and stale memory read as the answer.

use burn::tensor::Device;

use super::network::{Network, fused};
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::fused::Precision;
use crate::model::{Dialect, Output, Planes, XceptionConfig};
use crate::preprocess::Preprocess;
use crate::weights::ModelFile;

/// Side of the known pictures: small, so that they cost little, but large enough that every layer sees more than one
/// pixel of the full network.
const SIDE: usize = 71;

/// Which known picture is shown, in order: one at first, the same once more, since drivers are known that are right only
/// the first time, and another by the recorded launches, which must not answer for the first.
const PICTURES: [usize; 3] = [0, 0, 1];

/// How far the GPU's logits may be from the CPU's, relative to the largest logit. Sums in another order differ by about
/// 1e-5; weights of q8 files that are rounded anew after a batch norm by less than this; a skipped or miscompiled shader
/// by all of it.
const TOLERANCE: f32 = 1e-2;

/// The CPU's answers to the known pictures.
#[derive(Debug)]
pub(super) struct Proof {
    output: Output,
    expected: Vec<Vec<f32>>,
    channels: usize,
}

fn picture(number: usize, channels: usize) -> Planes {
    let numbers = 0..channels * SIDE * SIDE;
    let values = numbers.map(|at| (at * (37 + 2 * number) % 211) as f32 / 105.0 - 1.0).collect();
    Planes { values, shape: [1, channels, SIDE, SIDE] }
}

impl Proof {
    /// Computes what a GPU must answer.
    pub async fn of(file: &ModelFile) -> Result<Self> {
        let channels = file.config.channels();
        // Without a classifier all logits are 0.
        let output = if file.headless { Output::Features } else { Output::Logits };
        let on_cpu = Backend::fallback("known-answer test")?;
        // In single precision whatever the file keeps, as the GPU computes: pixels in 7 bits are off by more.
        let network = in_single_precision(file, &on_cpu.device)?;
        let mut expected = Vec::new();
        for number in 0..=PICTURES[PICTURES.len() - 1] {
            expected.push(network.answer(output, picture(number, channels)).await?.values);
        }
        Ok(Self { output, expected, channels })
    }

    /// Launches the network once, for an answer that counts for nothing.
    pub async fn compile(&self, network: &Network) -> Result<()> {
        compile(network, self.channels).await
    }

    /// Compares what the GPU answers.
    pub async fn hold(&self, network: &Network) -> Result<()> {
        for number in PICTURES {
            let found = network.answer(self.output, picture(number, self.channels)).await?.values;
            let expected = &self.expected[number];
            let scale = expected.iter().fold(1.0f32, |scale, logit| scale.max(logit.abs()));
            let worst = expected.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            if worst > TOLERANCE * scale {
                return Err(Error::Backend(format!(
                    "it gave a wrong answer to a known picture (off by {worst:.3} in logits of up to {scale:.1})"
                )));
            }
        }
        Ok(())
    }
}

fn in_single_precision(file: &ModelFile, device: &Device) -> Result<Network> {
    fused::Network::in_precision(file, Precision::F32, device).map(Network::Fused)
}

async fn compile(network: &Network, channels: usize) -> Result<()> {
    network.answer(Output::Logits, picture(0, channels)).await.map(drop)
}

/// Has a GPU compile the shaders that nearly every network of the family uses, before there is one: those of a network
/// of the paper's structure with a few channels.
///
/// # Errors
///
/// When the GPU fails.
pub async fn rehearse(backend: &Backend) -> Result<()> {
    let config = XceptionConfig {
        stem: [8, 8],
        entry: vec![vec![8, 8], vec![8, 8]],
        middle_blocks: 1,
        exit: vec![8, 8],
        tail: vec![8, 8],
        ..XceptionConfig::mini(Dialect::Keras, 4)
    };
    let channels = config.channels();
    let file = ModelFile::seeded(config, Preprocess::keras(SIDE))?;
    compile(&in_single_precision(&file, &backend.device)?, channels).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::BackendKind;
    use crate::fused::Fused;
    use crate::model::{Part, Place};
    use crate::weights::Dtype;

    #[test]
    fn a_network_with_another_tensor_is_found_out_and_eight_bits_are_not() {
        let file =
            ModelFile::seeded(XceptionConfig::mini(Dialect::Keras, 10), Preprocess::keras(SIDE)).unwrap();
        let gpu = pollster::block_on(Backend::named(BackendKind::Webgpu)).unwrap().device;
        let proof = pollster::block_on(Proof::of(&file)).unwrap();
        // One tensor of the network is moved.
        let moved = |shift: f32| {
            let read = |id| {
                let mut values = file.read(id)?;
                if id == Place::Stem(0).part(Part::Beta) {
                    values.iter_mut().for_each(|value| *value += shift);
                }
                Ok(values)
            };
            let network = Fused::new(&file.config, &read, Precision::F32, &gpu).unwrap();
            Network::Fused(fused::Network::of(network, Precision::F32))
        };
        let hold = |shift: f32| pollster::block_on(proof.hold(&moved(shift)));
        hold(0.0).unwrap();
        let message = hold(0.5).unwrap_err().to_string();
        assert!(message.contains("wrong answer to a known picture"), "{message}");
        let converted = ModelFile::parse(file.convert(Dtype::Q8).unwrap()).unwrap();
        let proof = pollster::block_on(Proof::of(&converted)).unwrap();
        let network = fused::Network::in_precision(&converted, Precision::Q8, &gpu).unwrap();
        pollster::block_on(proof.hold(&Network::Fused(network))).unwrap();
    }
}
