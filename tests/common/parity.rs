//! What the originals answered: `tests/fixtures/parity.safetensors` and `parity.json`.

use std::collections::HashMap;
use std::sync::LazyLock;

use safetensors::tensor::{Dtype, SafeTensors};
use xception_web::model::Dialect;

use super::read_fixture;

struct Parity {
    document: serde_json::Value,
    logits: HashMap<String, Vec<f32>>,
    means: HashMap<String, Vec<i8>>,
}

static PARITY: LazyLock<Parity> = LazyLock::new(|| {
    let bytes = read_fixture("parity.safetensors");
    let (mut logits, mut means) = (HashMap::new(), HashMap::new());
    for (name, view) in SafeTensors::deserialize(&bytes).expect("the answers").tensors() {
        if view.dtype() == Dtype::F32 {
            let numbers = view.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
            logits.insert(name, numbers);
        } else {
            means.insert(name, view.data().iter().map(|&byte| byte as i8).collect());
        }
    }
    let document = serde_json::from_slice(&read_fixture("parity.json")).expect("the statistics");
    Parity { document, logits, means }
});

/// What was measured of the originals.
pub fn parity_document() -> &'static serde_json::Value {
    &PARITY.document
}

/// The logits of `full/timm/299x299`, `file/keras` and so on, picture after picture.
pub fn expected(case: &str) -> &'static [f32] {
    PARITY.logits.get(case).unwrap_or_else(|| panic!("parity.safetensors holds no {case}"))
}

/// The same for a network input.
pub fn expected_for(which: &str, dialect: Dialect, [height, width]: [usize; 2]) -> &'static [f32] {
    expected(&format!("{which}/{}/{height}x{width}", dialect.name()))
}

/// Running means of a timm layer, in steps of 1/127 of the measured one.
pub fn means(case: &str) -> &'static [i8] {
    PARITY.means.get(case).unwrap_or_else(|| panic!("parity.safetensors holds no {case}"))
}
