//! Folding the batch norms away changes the arithmetic, not the function.
#![cfg(feature = "keras")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use burn::module::Module;
use burn::tensor::Device;
use common::{BATCH, MINI_SIZES, distance, logits, mini, network_input, read_fixture};
use xception_web::model::{Dialect, Xception};
use xception_web::weights::ModelFile;

/// Folding rounds each kernel once more, 6e-8 of itself; logits of about 2 move by 1e-5 at most.
const FOLD_TOLERANCE: f32 = 1e-5;

fn networks(device: &Device) -> [(Dialect, Xception); 2] {
    [("mini_timm.safetensors", Dialect::Timm), ("mini_keras_legacy.h5", Dialect::Keras)].map(
        |(name, dialect)| (dialect, ModelFile::parse(read_fixture(name)).unwrap().build(device).unwrap()),
    )
}

#[test]
fn a_folded_network_answers_as_before() {
    let device = Device::flex();
    for (dialect, network) in networks(&device) {
        for size in MINI_SIZES {
            let input = network_input(size, BATCH, &device);
            let before = logits(&network, input.clone());
            let after = logits(&network.clone().fold(), input);
            let gap = distance(&before, &after);
            println!("{} {size:?}: {gap:.1e}", dialect.name());
            assert!(gap <= FOLD_TOLERANCE, "{}, {size:?}: {gap}", dialect.name());
        }
    }
}

#[test]
fn a_folded_network_has_one_bias_per_norm_and_no_norm() {
    let device = Device::flex();
    for (dialect, network) in networks(&device) {
        let config = mini(dialect);
        let norms: usize = config.stem.iter().sum::<usize>()
            + config.entry.iter().map(|widths| widths.iter().sum::<usize>() + widths[1]).sum::<usize>()
            + config.middle_blocks * config.middle_units * config.middle_channels()
            + config.exit.iter().sum::<usize>()
            + config.exit[1]
            + config.tail.iter().sum::<usize>();
        // Four numbers per channel become one.
        assert_eq!(network.num_params() - network.clone().fold().num_params(), 3 * norms);
    }
}
