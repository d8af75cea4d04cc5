//! timm's aligned family from its own files: the logits of timm, by plain modules and fused, on each backend.
#![cfg(feature = "keras")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use burn::tensor::{Device, Tensor, TensorData};
use common::{LOGIT_TOLERANCE, distance, fused, numbers, read_fixture};
use safetensors::SafeTensors;
use xception_web::backend::BackendKind;
use xception_web::model::config::Order;
use xception_web::weights::{Dtype, ModelFile};

/// Written by `tests/fixtures/aligned.py`.
const FILES: [(&str, &str, Order); 3] = [
    ("mini_aligned", "mini_aligned.safetensors", Order::Post),
    ("mini_aligned_p", "mini_aligned_p.pth", Order::Pre),
    ("mini_aligned_p", "mini_aligned_p_legacy.pth", Order::Pre),
];

/// Kernels at 11 significant bits, relative to the largest logit: the small networks here reach 40.
const F16_TOLERANCE: f32 = 2e-2;

fn answer(name: &str) -> (Vec<usize>, Vec<f32>) {
    let bytes = read_fixture("aligned.safetensors");
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let view = file.tensor(name).unwrap();
    let values = view.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    (view.shape().to_vec(), values)
}

/// The first `count` pictures.
fn pictures(count: usize, device: &Device) -> Tensor<4> {
    let (shape, values) = answer("picture");
    let [h, w] = [shape[2], shape[3]];
    Tensor::from_data(TensorData::new(values[..count * 3 * h * w].to_vec(), [count, 3, h, w]), device)
}

fn check(file: &ModelFile, name: &str, kind: BackendKind, count: usize, tolerance: f32) {
    let device = common::device(kind);
    let (_, expected) = answer(name);
    let pictures = pictures(count, &device);
    let plain = numbers(file.build(&device).unwrap().forward(pictures.clone()));
    let fused = numbers(fused(file, &device).forward(pictures));
    for (state, found) in [("plain", plain), ("fused", fused)] {
        let gap = distance(&found, &expected[..found.len()]);
        println!("{name} on {kind} {state}: {gap:.1e}");
        assert!(gap <= tolerance, "{name} on {kind} {state}: logits are off by {gap}");
    }
}

#[test]
fn files_of_timms_give_timms_logits_on_the_cpu() {
    for (name, path, order) in FILES {
        let file = ModelFile::parse(read_fixture(path)).unwrap();
        assert_eq!(file.config.aligned.as_ref().unwrap().order, order);
        check(&file, name, BackendKind::Cpu, 2, LOGIT_TOLERANCE);
    }
}

#[cfg(feature = "ndarray")]
#[test]
fn files_of_timms_give_timms_logits_on_ndarray() {
    for (name, path, _) in FILES {
        let file = ModelFile::parse(read_fixture(path)).unwrap();
        check(&file, name, BackendKind::Ndarray, 2, LOGIT_TOLERANCE);
    }
}

#[cfg(feature = "webgpu")]
#[test]
fn files_of_timms_give_timms_logits_on_webgpu() {
    for (name, path, _) in FILES {
        let file = ModelFile::parse(read_fixture(path)).unwrap();
        check(&file, name, BackendKind::Webgpu, 1, LOGIT_TOLERANCE);
    }
}

#[test]
fn the_own_format_keeps_the_architecture_and_the_answers() {
    for (name, path, _) in FILES {
        let foreign = ModelFile::parse(read_fixture(path)).unwrap();
        for (dtype, tolerance) in [(Dtype::F32, LOGIT_TOLERANCE), (Dtype::F16, F16_TOLERANCE)] {
            let own = ModelFile::parse(foreign.convert(dtype).unwrap()).unwrap();
            assert_eq!(own.config, foreign.config);
            let scale = match dtype {
                Dtype::F16 => answer(name).1.iter().fold(1.0f32, |scale, logit| scale.max(logit.abs())),
                _ => 1.0,
            };
            check(&own, name, BackendKind::Cpu, 2, tolerance * scale);
        }
    }
}
