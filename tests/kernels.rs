//! The kernels against plain operations, one by one and as a whole network; and which of them run.
#![cfg(feature = "cpu")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "bench/noise.rs"]
mod noise;
#[cfg(feature = "ndarray")]
#[path = "kernels/plain.rs"]
mod plain;

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::LazyLock;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};
use noise::noise;
use xception_web::fused::{Fused, Precision};
use xception_web::kernels::{self, Act, Conv, PANEL, Rows, Weights, Windows};
use xception_web::model::{Dialect, Planes, TensorId, XceptionConfig};

/// Some twenty layers of such sums, one after the other, relative to the largest logit.
const NETWORK_TOLERANCE: f32 = 1e-4;

/// The devices that run fused kernels. A missing GPU is a failure, not a skip: install a software adapter (Mesa's
/// lavapipe, package `mesa-vulkan-drivers`).
fn fused_devices() -> Vec<Device> {
    static DEVICES: LazyLock<Vec<Device>> = LazyLock::new(|| {
        #[allow(unused_mut, reason = "a build may hold the CPU alone")]
        let mut devices = vec![Device::flex()];
        #[cfg(feature = "webgpu")]
        {
            use xception_web::backend::{Backend, BackendKind};
            devices.push(pollster::block_on(Backend::named(BackendKind::Webgpu)).unwrap().device);
        }
        devices
    });
    DEVICES.clone()
}

/// Every kind of block, small: the paper's in both dialects, the aligned ones with batch norm after and before.
fn networks() -> [XceptionConfig; 4] {
    let aligned = |config: XceptionConfig| XceptionConfig {
        stem: [5, 6],
        entry: vec![vec![9, 9, 11], vec![8, 13, 17], vec![18, 10, 19]],
        middle_blocks: 2,
        exit: vec![12, 20, 24],
        tail: vec![21, 16, 33],
        ..config
    };
    [
        XceptionConfig::mini(Dialect::Keras, 7),
        XceptionConfig::mini(Dialect::Timm, 7),
        aligned(XceptionConfig::xception41(7)),
        aligned(XceptionConfig::xception41p(7)),
    ]
}

/// Gives every vector (batch norms and their statistics, biases) numbers that matter.
struct Shake(u32);

impl ModuleMapper for Shake {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.0 += 1;
        if D != 1 {
            return param;
        }
        let [len] = param.lazy_shape().dims();
        let values: Vec<f32> = noise(len, self.0).into_iter().map(|x| 1.0 + 0.5 * x).collect();
        let shape = param.lazy_shape();
        let (device, id) = (param.lazy_device(), param.id);
        param.transform_for_load(Tensor::from_data(TensorData::new(values, shape), &device), id)
    }
}

/// The values of a network's tensors by the paths of its modules.
#[derive(Default)]
struct Values {
    path: Vec<String>,
    found: HashMap<String, Vec<f32>>,
}

impl ModuleVisitor for Values {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let values = param.val().into_data().try_into_vec_as().unwrap();
        assert!(self.found.insert(self.path.join("."), values).is_none());
    }
}

#[test]
fn the_fused_network_is_the_plain_one_and_reads_each_tensor_once() {
    let (device, devices) = (&Device::flex(), fused_devices());
    let pairs =
        networks().into_iter().flat_map(|config| devices.iter().map(move |device| (config.clone(), device)));
    for (config, fused_device) in pairs {
        let network = config.init(device).map(&mut Shake(0));
        let mut values = Values::default();
        network.visit(&mut values);
        let values = RefCell::new(values.found);
        let read = |id: TensorId| Ok(values.borrow_mut().remove(&id.to_string()).unwrap());
        let fused = Fused::new(&config, &read, Precision::F32, fused_device).unwrap();
        assert!(values.borrow().is_empty(), "{:?}", values.borrow().keys());
        for [b, h, w] in [[1, 71, 64], [3, 45, 38]] {
            let x = |device: &Device| {
                Tensor::<4>::from_data(TensorData::new(noise(b * 3 * h * w, 9), [b, 3, h, w]), device)
            };
            let read = |logits: Tensor<2>| logits.into_data().try_into_vec_as::<f32>().unwrap();
            let expected = read(network.forward(x(device)));
            let scale = expected.iter().fold(1e-6f32, |scale, x| scale.max(x.abs()));
            for (a, b) in read(fused.forward(x(fused_device))).iter().zip(&expected) {
                assert!(
                    (a - b).abs() <= NETWORK_TOLERANCE * scale,
                    "{}: {a}, plain {b}",
                    config.architecture
                );
            }
        }
    }
}

/// Channels in vectors of four, whose number no split and no look ahead divides.
#[cfg(feature = "webgpu")]
#[test]
fn every_tile_of_a_gpu_makes_the_same_sums() {
    use xception_web::fused::{TILES, set_tile};
    let config = XceptionConfig {
        stem: [8, 12],
        entry: vec![vec![20, 20], vec![28, 44]],
        exit: vec![44, 60],
        // The widest only are in eight bits.
        tail: vec![132, 148],
        ..XceptionConfig::mini(Dialect::Keras, 8)
    };
    let mut values = Values::default();
    config.init(&Device::flex()).map(&mut Shake(0)).visit(&mut values);
    let read = |id: TensorId| Ok(values.found[&id.to_string()].clone());
    let device = fused_devices().pop().unwrap();
    for precision in [Precision::F32, Precision::Q8] {
        let network = Fused::new(&config, &read, precision, &device).unwrap();
        let shape = [2, 3, 39, 44];
        let pictures =
            Tensor::<4>::from_data(TensorData::new(noise(shape.iter().product(), 9), shape), &device);
        let answer = |tile| {
            set_tile(tile);
            network.forward(pictures.clone()).into_data().try_into_vec_as::<f32>().unwrap()
        };
        // What the table says is held to plain operations by the other tests.
        let expected = answer(None);
        let scale = expected.iter().fold(1e-6f32, |scale, x| scale.max(x.abs()));
        for tile in TILES {
            for (a, b) in answer(Some(tile)).iter().zip(&expected) {
                assert!((a - b).abs() <= NETWORK_TOLERANCE * scale, "{tile:?} {precision:?}: {a}, not {b}");
            }
        }
        set_tile(None);
    }
}

/// From the third picture of a shape on, a GPU runs what it recorded: with that picture's numbers, not the recorded
/// one's, and not across a change of shape.
#[test]
fn each_of_many_pictures_gets_its_own_answer() {
    let config = XceptionConfig::mini(Dialect::Keras, 7);
    let mut values = Values::default();
    config.init(&Device::flex()).map(&mut Shake(0)).visit(&mut values);
    let read = |id: TensorId| Ok(values.found[&id.to_string()].clone());
    let networks: Vec<_> = fused_devices()
        .into_iter()
        .map(|device| Fused::new(&config, &read, Precision::F32, &device).unwrap())
        .collect();
    for (seed, side) in
        [(1, 64), (2, 64), (3, 64), (4, 64), (5, 71), (6, 64), (7, 71), (8, 71), (9, 71), (10, 71)]
    {
        let answers: Vec<_> = networks
            .iter()
            .map(|network| {
                let pictures = Planes { values: noise(3 * side * side, seed), shape: [1, 3, side, side] };
                pollster::block_on(network.logits(pictures)).unwrap()
            })
            .collect();
        let scale = answers[0].iter().fold(1e-6f32, |scale, x| scale.max(x.abs()));
        for answer in &answers[1..] {
            for (a, b) in answer.iter().zip(&answers[0]) {
                assert!((a - b).abs() <= NETWORK_TOLERANCE * scale, "picture {seed}: {a}, on the CPU {b}");
            }
        }
    }
}

#[test]
fn every_weight_lies_in_its_panel_once_packed() {
    for (outputs, depth) in [(1, 1), (PANEL, 5), (PANEL + 3, 7)] {
        let kernel = noise(outputs * depth, 1);
        let packed = kernels::pack(&kernel, outputs, depth);
        for (at, &weight) in kernel.iter().enumerate() {
            let (output, k) = (at / depth, at % depth);
            assert_eq!(packed[(output / PANEL * depth + k) * PANEL + output % PANEL], weight);
        }
    }
}

/// `x · x − (1 + 2⁻¹¹)` for x = 1 + 2⁻¹², by the kernels: 2⁻²⁴ when the product is not rounded before the sum, as
/// by AVX2's fused multiply-add, and 0 when it is.
fn rounded_once() -> f32 {
    let x = 1.0 + 2f32.powi(-12);
    kernels::conv(&Conv {
        input: &[x],
        shape: [1; 4],
        lead: Act::None,
        windows: Windows { stride: 1, before: [0; 2], output: [1; 2] },
        rows: Rows::Points,
        weights: Weights::F32(&kernels::pack(&[x], 1, 1)),
        bias: &[-1.0 - 2f32.powi(-11)],
        residual: None,
        act: Act::None,
    })[0]
}

#[test]
fn what_is_reported_is_what_runs() {
    let fused = if kernels::isa() == "avx2" { 2f32.powi(-24) } else { 0.0 };
    assert_eq!(rounded_once(), fused, "{}", kernels::isa());
}

/// What runs is the widest: by the system's word, which the crate does not ask.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[test]
fn this_processors_widest_kernels_run() {
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap();
    let flags = processor.lines().find(|line| line.starts_with("flags")).unwrap();
    let has = |feature: &str| flags.split_whitespace().any(|flag| flag == feature);
    let expected = if has("avx2") && has("fma") { "avx2" } else { "portable" };
    assert_eq!(kernels::isa(), expected);
}
