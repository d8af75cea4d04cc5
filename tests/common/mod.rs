//! Weights, inputs and files by formula, and what Keras and timm answer to them.
//!
//! The formula is written twice: here and in `tests/fixtures/formula.py`, which says what it is.

// Each test file is a crate of its own and uses its part.
#![allow(dead_code)]

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use burn::tensor::{Device, Tensor, TensorData};
use hdf5_pure::{AttrValue, FileBuilder};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use xception_web::backend::{Backend, BackendKind, BackendRequest};
use xception_web::model::{Dialect, Xception, XceptionConfig};

/// Largest allowed distance between our logits and Keras's or timm's, in logits of up to 9. Summing in
/// another order costs 1e-5 at this depth (timm's f32 against its own f64: `f32_noise` in `parity.json`);
/// the dialects differ by 0.3 and more.
pub const LOGIT_TOLERANCE: f32 = 1e-3;

/// Seed of the committed answers.
pub const SEED: u64 = 7;

/// Heights and widths of the committed answers.
pub const FULL_SIZES: [[usize; 2]; 2] = [[299, 299], [149, 181]];
pub const MINI_SIZES: [[usize; 2]; 2] = [[64, 80], [75, 91]];
/// Pictures per answer.
pub const BATCH: usize = 2;
/// Width and height of the picture whose file was classified.
pub const PICTURE: [usize; 2] = [431, 317];

/// The path of a file beside the generating script.
pub fn fixture(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "fixtures", name].iter().collect()
}

/// Its bytes.
pub fn read_fixture(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The small network of the `mini_*` files.
pub fn mini(dialect: Dialect) -> XceptionConfig {
    XceptionConfig {
        architecture: "xception-custom".into(),
        dialect,
        classes: 7,
        stem: [5, 6],
        entry: vec![vec![8, 8], vec![10, 10], vec![13, 13]],
        middle_blocks: 2,
        middle_units: 3,
        exit: vec![13, 15],
        tail: vec![18, 21],
        aligned: None,
    }
}

// The formula.

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

fn fnv1a64(text: &str) -> u64 {
    text.bytes()
        .fold(0xCBF2_9CE4_8422_2325, |value, byte| (value ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

fn splitmix64(x: u64) -> u64 {
    let x = x.wrapping_add(GOLDEN);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// Numbers from `lo` to `hi`.
pub fn uniform(key: &str, count: usize, lo: f64, hi: f64) -> Vec<f32> {
    let base = fnv1a64(key);
    (0..count as u64)
        .map(|i| {
            let hash = splitmix64(base.wrapping_add(i.wrapping_mul(GOLDEN)));
            let u = (hash >> 40) as f64 / f64::from(1 << 24);
            (lo + (hi - lo) * u) as f32
        })
        .collect()
}

/// An RGB picture, `[H, W, 3]`.
pub fn pixels(key: &str, [height, width]: [usize; 2]) -> Vec<u8> {
    let byte = |part: &str| {
        let base = fnv1a64(&format!("{key}/{part}"));
        move |i: usize| (splitmix64(base.wrapping_add((i as u64).wrapping_mul(GOLDEN))) >> 56) as usize
    };
    let (tint, coarse, fine) = (byte("tint"), byte("coarse"), byte("fine"));
    let cell = 5 + byte("cell")(0) % 32;
    let mut picture = Vec::with_capacity(height * width * 3);
    for y in 0..height {
        for x in 0..width {
            for c in 0..3 {
                let value =
                    (coarse(((y / cell) * 4096 + x / cell) * 3 + c) * 3 + fine((y * 4096 + x) * 3 + c)) / 4;
                picture.push((value * (64 + tint(c) * 3 / 4) / 255) as u8);
            }
        }
    }
    picture
}

/// Key of the picture whose file was classified.
pub fn picture_key() -> String {
    format!("file@{SEED}")
}

/// The first `batch` normalised pictures, `[batch, 3, H, W]`.
pub fn network_input([height, width]: [usize; 2], batch: usize, device: &Device) -> Tensor<4> {
    let mut values = Vec::with_capacity(batch * 3 * height * width);
    for b in 0..batch {
        let picture = pixels(&format!("picture{b}@{SEED}"), [height, width]);
        for c in 0..3 {
            values.extend(picture.iter().skip(c).step_by(3).map(|&v| (f64::from(v) / 127.5 - 1.0) as f32));
        }
    }
    Tensor::from_data(TensorData::new(values, [batch, 3, height, width]), device)
}

/// One tensor under its timm name.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    pub name: String,
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// Every tensor of a timm file. `which` is `full` or `mini`, whose measured statistics are taken.
pub fn timm_tensors(config: &XceptionConfig, which: &str) -> Vec<Stored> {
    let statistics = &parity_document()["statistics"][which];
    let first_middle = config.entry.len() + 1;
    let last_norms: Vec<String> = (first_middle..first_middle + config.middle_blocks)
        .map(|block| format!("block{block}.rep.{}", 3 * config.middle_units - 1))
        .collect();
    shapes(config)
        .into_iter()
        .map(|(name, shape)| {
            let key = format!("{name}@{SEED}");
            let count = shape.iter().product();
            let (layer, kind) = name.rsplit_once('.').expect("a layer and a kind");
            let measured = |at: usize| statistics[layer][at].as_f64().expect("a measured number");
            let values = match (layer, kind) {
                ("fc", _) => uniform(&key, count, -measured(0), measured(0)),
                _ if shape.len() == 4 => {
                    let bound = (6.0 / shape[1..].iter().product::<usize>() as f64).sqrt();
                    uniform(&key, count, -bound, bound)
                }
                (_, "weight") => {
                    let gain = if last_norms.iter().any(|norm| norm == layer) { 0.3 } else { 1.0 };
                    uniform(&key, count, 0.8 * gain, 1.2 * gain)
                }
                (_, "bias") => uniform(&key, count, -0.2, 0.2),
                (_, "running_mean") => PARITY.means[&format!("{which}/mean/{layer}")]
                    .iter()
                    .map(|&byte| (measured(0) * (f64::from(byte) / 127.0)) as f32)
                    .collect(),
                _ => uniform(&key, count, 0.5 * measured(1), 1.5 * measured(1)),
            };
            Stored { name, shape, values }
        })
        .collect()
}

/// timm's names and shapes, written out once more: not the crate's own table, which is under test.
fn shapes(config: &XceptionConfig) -> Vec<(String, Vec<usize>)> {
    let mut all = Vec::new();
    let norm = |all: &mut Vec<_>, layer: &str, width: usize| {
        for kind in ["weight", "bias", "running_mean", "running_var"] {
            all.push((format!("{layer}.{kind}"), vec![width]));
        }
    };
    let separable = |all: &mut Vec<_>, layer: &str, from: usize, to: usize| {
        all.push((format!("{layer}.conv1.weight"), vec![from, 1, 3, 3]));
        all.push((format!("{layer}.pointwise.weight"), vec![to, from, 1, 1]));
    };
    let mut from = 3;
    for (i, &to) in config.stem.iter().enumerate() {
        all.push((format!("conv{}.weight", i + 1), vec![to, from, 3, 3]));
        norm(&mut all, &format!("bn{}", i + 1), to);
        from = to;
    }
    let middle = vec![vec![from_last(&config.entry); config.middle_units]; config.middle_blocks];
    let blocks = config.entry.iter().chain(&middle).chain([&config.exit]);
    for (i, widths) in blocks.enumerate() {
        let block = format!("block{}", i + 1);
        if i < config.entry.len() || i == config.entry.len() + config.middle_blocks {
            let to = *widths.last().expect("a width");
            all.push((format!("{block}.skip.weight"), vec![to, from, 1, 1]));
            norm(&mut all, &format!("{block}.skipbn"), to);
        }
        for (unit, &to) in widths.iter().enumerate() {
            let at = 3 * unit + usize::from(i > 0);
            separable(&mut all, &format!("{block}.rep.{at}"), from, to);
            norm(&mut all, &format!("{block}.rep.{}", at + 1), to);
            from = to;
        }
    }
    for (i, &to) in config.tail.iter().enumerate() {
        separable(&mut all, &format!("conv{}", i + 3), from, to);
        norm(&mut all, &format!("bn{}", i + 3), to);
        from = to;
    }
    all.push(("fc.weight".into(), vec![config.classes, from]));
    all.push(("fc.bias".into(), vec![config.classes]));
    all
}

fn from_last(entry: &[Vec<usize>]) -> usize {
    *entry.last().and_then(|widths| widths.last()).expect("an entry flow")
}

/// A safetensors file as timm publishes them.
pub fn timm_file(tensors: &[Stored]) -> Vec<u8> {
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|tensor| tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect())
        .collect();
    let views = tensors.iter().zip(&bytes).map(|(tensor, bytes)| {
        (&tensor.name, TensorView::new(Dtype::F32, tensor.shape.clone(), bytes).expect("a tensor"))
    });
    safetensors::serialize(views, Some(HashMap::from([("format".into(), "pt".into())]))).expect("a file")
}

/// How a Keras file spells its lists of names: h5py stored fixed-length strings once, variable ones today.
#[derive(Clone, Copy, Debug)]
pub enum Strings {
    Fixed,
    Variable,
}

/// A layer of a Keras file: its name, and of each tensor the name, the Keras shape and the values.
pub type KerasLayer = (String, Vec<(String, Vec<usize>, Vec<f32>)>);

/// The layers of a Keras network with these weights, in the order of `model.layers`; layers without
/// weights are left out, but for one.
pub fn keras_layers(config: &XceptionConfig, tensors: &[Stored]) -> Vec<KerasLayer> {
    let by_name: HashMap<&str, &Stored> =
        tensors.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
    let mut layers: Vec<KerasLayer> = vec![("input_1".into(), Vec::new())];
    let mut add = |name: String, parts: Vec<(&str, String)>| {
        let tensors = parts
            .into_iter()
            .map(|(kind, timm)| {
                let tensor = by_name[timm.as_str()];
                let (shape, values) = keras_order(kind, tensor);
                (format!("{name}/{kind}:0"), shape, values)
            })
            .collect();
        layers.push((name, tensors));
    };
    let norm = |timm: &str| {
        [
            ("gamma", "weight"),
            ("beta", "bias"),
            ("moving_mean", "running_mean"),
            ("moving_variance", "running_var"),
        ]
        .map(|(keras, kind)| (keras, format!("{timm}.{kind}")))
        .to_vec()
    };
    let pair = |timm: &str| {
        vec![
            ("depthwise_kernel", format!("{timm}.conv1.weight")),
            ("pointwise_kernel", format!("{timm}.pointwise.weight")),
        ]
    };
    for i in 1..=2 {
        add(format!("block1_conv{i}"), vec![("kernel", format!("conv{i}.weight"))]);
        add(format!("block1_conv{i}_bn"), norm(&format!("bn{i}")));
    }
    let blocks = config.entry.len() + config.middle_blocks + 1;
    let mut bridges = 0;
    for block in 1..=blocks {
        let bridged = block <= config.entry.len() || block == blocks;
        let units = if bridged { 2 } else { config.middle_units };
        for unit in 0..units {
            let (at, name) =
                (3 * unit + usize::from(block > 1), format!("block{}_sepconv{}", block + 1, unit + 1));
            add(name.clone(), pair(&format!("block{block}.rep.{at}")));
            add(format!("{name}_bn"), norm(&format!("block{block}.rep.{}", at + 1)));
        }
        if bridged {
            bridges += 1;
            // As an old Keras numbered them in a user's second model: of no help to a reader.
            add(format!("conv2d_{}", bridges + 4), vec![("kernel", format!("block{block}.skip.weight"))]);
            add(format!("batch_normalization_{}", bridges + 4), norm(&format!("block{block}.skipbn")));
        }
    }
    for unit in 1..=config.tail.len() {
        let name = format!("block{}_sepconv{unit}", blocks + 2);
        add(name.clone(), pair(&format!("conv{}", unit + 2)));
        add(format!("{name}_bn"), norm(&format!("bn{}", unit + 2)));
    }
    add("predictions".into(), vec![("kernel", "fc.weight".into()), ("bias", "fc.bias".into())]);
    layers
}

/// PyTorch's `[out, in, H, W]` to Keras's `[H, W, in, out]`, depthwise to `[H, W, C, 1]`, dense to `[in, out]`.
fn keras_order(kind: &str, tensor: &Stored) -> (Vec<usize>, Vec<f32>) {
    let values = &tensor.values;
    match tensor.shape[..] {
        [o, i, h, w] => {
            let mut ordered = Vec::with_capacity(values.len());
            for at in 0..h * w {
                if kind == "depthwise_kernel" {
                    ordered.extend((0..o).map(|c| values[c * h * w + at]));
                } else {
                    for from in 0..i {
                        ordered.extend((0..o).map(|to| values[(to * i + from) * h * w + at]));
                    }
                }
            }
            let shape = if kind == "depthwise_kernel" { vec![h, w, o, i] } else { vec![h, w, i, o] };
            (shape, ordered)
        }
        [o, i] => {
            let ordered = (0..i).flat_map(|from| (0..o).map(move |to| values[to * i + from])).collect();
            (vec![i, o], ordered)
        }
        _ => (tensor.shape.clone(), values.clone()),
    }
}

/// A legacy Keras weights file.
pub fn keras_legacy_file(layers: &[KerasLayer], strings: Strings) -> Vec<u8> {
    let list = |names: Vec<String>| match strings {
        Strings::Fixed => AttrValue::AsciiStringArray(names),
        Strings::Variable => AttrValue::VarLenStringArray(names),
    };
    let mut file = FileBuilder::new();
    file.set_attr("layer_names", list(layers.iter().map(|(name, _)| name.clone()).collect()));
    for (layer, tensors) in layers {
        let mut group = file.create_group(layer);
        if tensors.is_empty() {
            // What h5py makes of an empty list.
            group.set_attr("weight_names", AttrValue::F64Array(Vec::new()));
        } else {
            group.set_attr("weight_names", list(tensors.iter().map(|(name, ..)| name.clone()).collect()));
            let mut inner = group.create_group(layer);
            for (name, shape, values) in tensors {
                let name = name.rsplit('/').next().expect("a name");
                let shape: Vec<u64> = shape.iter().map(|&side| side as u64).collect();
                inner.create_dataset(name).with_f32_data(values).with_shape(&shape);
            }
            group.add_group(inner.finish());
        }
        file.add_group(group.finish());
    }
    file.finish().expect("an HDF5 file")
}

// What the originals answered.

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

fn parity_document() -> &'static serde_json::Value {
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

/// The network's logits, picture after picture.
pub fn logits(network: &Xception, input: Tensor<4>) -> Vec<f32> {
    network.forward(input).into_data().try_into_vec_as::<f32>().expect("logits")
}

/// Largest distance between two lists of logits; not a number anywhere is infinitely far.
pub fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "counts of logits");
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, |worst, gap| if gap.is_nan() { f32::INFINITY } else { worst.max(gap) })
}

/// The device of a backend by its name. A missing GPU is a failure, not a skip: install a software
/// adapter (Mesa's lavapipe, package `mesa-vulkan-drivers`).
pub fn device(kind: BackendKind) -> Device {
    let backend = pollster::block_on(Backend::choose(BackendRequest::Named(kind))).expect("a backend");
    assert_eq!(backend.kind, kind, "{}", backend.reason);
    backend.device
}
