//! Small HDF5 files that ask for much: `tests/fixtures/hostile.py` writes them.

use super::common::{Strings, keras_layers, keras_legacy_file, mini, read_fixture, timm_tensors};
use super::{load, refused};
use xception_web::model::Dialect;

/// Longest message that a file may bring about, in bytes: it quotes the file's names, but not whole.
pub const LONGEST_MESSAGE: usize = 1000;

pub fn asking_for_memory() {
    for (name, words) in [
        ("hostile_circle.h5", "deeper than"),
        ("hostile_chunk.h5", "ask for"),
        ("hostile_packed.h5", "packed 2 times"),
        ("hostile_names.h5", "take more than 33554432 bytes"),
    ] {
        let file = read_fixture(name);
        refused(name, file.clone(), &[words]);
        let message = load(file).unwrap_err();
        assert!(message.len() < LONGEST_MESSAGE, "{name}: a message of {} bytes", message.len());
    }
    let config = mini(Dialect::Keras);
    let mut layers = keras_layers(&config, &timm_tensors(&config, "mini"));
    layers.push(("x".repeat(20_000), vec![("y/z:0".into(), vec![1, 1, 1], vec![0.0])]));
    let message = load(keras_legacy_file(&layers, Strings::Variable)).unwrap_err();
    assert!(message.contains("xxx…") && message.len() < LONGEST_MESSAGE, "{message}");
}
