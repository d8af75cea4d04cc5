//! Keras's files, strictly: nothing missing, nothing misshapen, nothing unused.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use half::f16;
use hdf5_pure::{
    DatasetBuilder, Datatype, DatatypeByteOrder, FileBuilder, FinishedGroup, FloatingPointLayout,
    GroupBuilder,
};
use xception_web::model::Dialect;
use xception_web::weights::{FileBytes, KerasFile, ModelFile};

use super::common::{
    LOGIT_TOLERANCE, Strings, keras_layers, keras_legacy_file, mini, read_fixture, timm_tensors,
};
use super::own::F16_TOLERANCE;
use super::{check_logits, parse_error};

#[test]
fn keras_files_with_fixed_and_variable_length_strings_load() {
    let config = mini(Dialect::Keras);
    let layers = keras_layers(&config, &timm_tensors(&config, "mini"));
    for strings in [Strings::Fixed, Strings::Variable] {
        let file = ModelFile::parse(keras_legacy_file(&layers, strings)).unwrap();
        assert_eq!(file.config, config);
        check_logits(&file, Dialect::Keras, LOGIT_TOLERANCE);
    }
}

#[test]
fn every_missing_keras_tensor_is_an_error_that_names_it() {
    let config = mini(Dialect::Keras);
    let whole = keras_layers(&config, &timm_tensors(&config, "mini"));
    for layer in 0..whole.len() {
        for tensor in 0..whole[layer].1.len() {
            let mut left = whole.clone();
            let (gone, ..) = left[layer].1.remove(tensor);
            let message = parse_error(keras_legacy_file(&left, Strings::Variable));
            let name = gone.split('/').next().unwrap();
            // With its only tensor gone, an unnamed bridge leaves nothing to name.
            let unnamed = name.starts_with("conv2d") && message.contains("convolutions");
            assert!(message.contains(name) || unnamed, "without {gone}: {message}");
        }
    }
}

#[test]
fn every_misshaped_keras_tensor_is_an_error_that_names_it() {
    let config = mini(Dialect::Keras);
    let whole = keras_layers(&config, &timm_tensors(&config, "mini"));
    for layer in 0..whole.len() {
        for tensor in 0..whole[layer].1.len() {
            let mut changed = whole.clone();
            let (name, shape, values) = &mut changed[layer].1[tensor];
            let name = name.clone();
            let last = shape.len() - 1;
            shape[last] += 1;
            values.resize(shape.iter().product(), 0.0);
            let message = parse_error(keras_legacy_file(&changed, Strings::Variable));
            let named = message.contains(&name) || (name.starts_with("pred") && message.contains("pred"));
            assert!(named, "misshaped {name}: {message}");
        }
    }
}

#[test]
fn an_unused_keras_layer_is_an_error_that_names_it() {
    let config = mini(Dialect::Keras);
    let whole = keras_layers(&config, &timm_tensors(&config, "mini"));
    for (name, shapes) in [
        ("dense_extra", vec![vec![21, 7], vec![7]]),
        ("norm_extra", vec![vec![21]; 4]),
        ("odd_extra", vec![vec![2, 3, 4]]),
    ] {
        let mut more = whole.clone();
        let tensors = shapes
            .into_iter()
            .enumerate()
            .map(|(i, shape): (usize, Vec<usize>)| {
                let count = shape.iter().product();
                (format!("{name}/part_{i}:0"), shape, vec![0.5; count])
            })
            .collect();
        more.push((name.into(), tensors));
        let message = parse_error(keras_legacy_file(&more, Strings::Variable));
        assert!(message.contains(name), "with {name}: {message}");
    }
}

/// Shapes and values by their paths.
type Datasets = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// Gives a dataset its values.
type Write<'a> = &'a dyn Fn(&mut DatasetBuilder, &[f32]);

/// What stands below `path` in a group.
fn filled(mut group: GroupBuilder, path: &str, all: &Datasets, write: Write) -> FinishedGroup {
    let mut inner = BTreeSet::new();
    for (name, (shape, values)) in all.iter().filter_map(|(at, data)| Some((at.strip_prefix(path)?, data))) {
        match name.split_once('/') {
            Some((name, _)) => drop(inner.insert(name)),
            None => {
                let shape: Vec<u64> = shape.iter().map(|&side| side as u64).collect();
                let dataset = group.create_dataset(name);
                write(dataset, values);
                dataset.with_shape(&shape);
            }
        }
    }
    for name in inner {
        let below = group.create_group(name);
        group.add_group(filled(below, &format!("{path}{name}/"), all, write));
    }
    group.finish()
}

/// As Keras 3 lays a file out, with a tensor of one number beside the layers.
fn keras3_file(beside: &str, write: Write) -> Vec<u8> {
    let config = mini(Dialect::Keras);
    let mut all = Datasets::from([(beside.to_string(), (vec![1], vec![0.5]))]);
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for (_, tensors) in keras_layers(&config, &timm_tensors(&config, "mini")) {
        let class = match &tensors[..] {
            [] => continue,
            [_] => "conv2d",
            [(_, shape, _), _] if shape.len() == 4 => "separable_conv2d",
            [_, _] => "dense",
            _ => "batch_normalization",
        };
        let count = counts.entry(class).or_default();
        let layer = if *count == 0 { class.to_string() } else { format!("{class}_{count}") };
        *count += 1;
        for (i, (_, shape, values)) in tensors.into_iter().enumerate() {
            all.insert(format!("layers/{layer}/vars/{i}"), (shape, values));
        }
    }
    let mut file = FileBuilder::new();
    let roots: BTreeSet<&str> = all.keys().filter_map(|path| path.split('/').next()).collect();
    for root in roots {
        let group = file.create_group(root);
        file.add_group(filled(group, &format!("{root}/"), &all, write));
    }
    file.finish().unwrap()
}

fn as_f32(dataset: &mut DatasetBuilder, values: &[f32]) {
    dataset.with_f32_data(values);
}

#[test]
fn what_training_leaves_in_a_keras_3_file_is_accepted_and_nothing_else() {
    for beside in ["optimizer/vars/2", "metrics/mean/vars/0", "layers/dropout/seed_generator/vars/0"] {
        let file = ModelFile::parse(keras3_file(beside, &as_f32))
            .unwrap_or_else(|error| panic!("{beside}: {error}"));
        check_logits(&file, Dialect::Keras, LOGIT_TOLERANCE);
    }
    for beside in ["junk/x", "layers/extra", "layers/dropout/extra", "layers/conv2d_9/more/vars/0"] {
        let message = parse_error(keras3_file(beside, &as_f32));
        assert!(message.contains(beside), "{message}");
    }
}

/// A two-byte number's type.
fn half(byte_order: DatatypeByteOrder, exponent_size: u8) -> Datatype {
    let mantissa_size = 15 - exponent_size;
    let layout = FloatingPointLayout {
        bit_offset: 0,
        bit_precision: 16,
        exponent_location: mantissa_size,
        exponent_size,
        mantissa_location: 0,
        mantissa_size,
        exponent_bias: (1 << (exponent_size - 1)) - 1,
    };
    Datatype::FloatingPoint { size: 2, byte_order, layout }
}

#[test]
fn keras_tensors_are_read_in_f16_f32_and_f64_and_in_no_other_type() {
    let little = |dataset: &mut DatasetBuilder, values: &[f32]| {
        let bytes = values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect();
        dataset.with_raw_data(half(DatatypeByteOrder::LittleEndian, 5), bytes, values.len() as u64);
    };
    let big = |dataset: &mut DatasetBuilder, values: &[f32]| {
        let bytes = values.iter().flat_map(|&value| f16::from_f32(value).to_be_bytes()).collect();
        dataset.with_raw_data(half(DatatypeByteOrder::BigEndian, 5), bytes, values.len() as u64);
    };
    let double = |dataset: &mut DatasetBuilder, values: &[f32]| {
        let values: Vec<f64> = values.iter().map(|&value| value.into()).collect();
        dataset.with_f64_data(&values);
    };
    for (write, tolerance) in
        [(&little as Write, F16_TOLERANCE), (&big, F16_TOLERANCE), (&double, LOGIT_TOLERANCE)]
    {
        let file = ModelFile::parse(keras3_file("optimizer/vars/0", write)).unwrap();
        check_logits(&file, Dialect::Keras, tolerance);
    }
    let whole = |dataset: &mut DatasetBuilder, values: &[f32]| {
        dataset.with_i32_data(&vec![1; values.len()]);
    };
    let bfloat = |dataset: &mut DatasetBuilder, values: &[f32]| {
        let bytes = vec![0; 2 * values.len()];
        dataset.with_raw_data(half(DatatypeByteOrder::LittleEndian, 8), bytes, values.len() as u64);
    };
    for (write, kind) in [(&whole as Write, "i32 numbers"), (&bfloat, "numbers")] {
        let message = parse_error(keras3_file("optimizer/vars/0", write));
        assert!(message.contains(kind) && message.contains("F16"), "{message}");
        assert!(message.contains("tensor ") && !message.contains("damaged"), "{message}");
    }
}

/// A file that counts what is read of it.
struct Counted(Vec<u8>, Arc<AtomicUsize>);

impl FileBytes for Counted {
    fn size(&self) -> usize {
        self.0.len()
    }

    fn read(&self, start: usize, part: &mut [u8]) -> xception_web::Result<()> {
        self.1.fetch_add(part.len(), Relaxed);
        self.0.read(start, part)
    }
}

/// Of this many bytes, a reader refuses what takes more.
const MAX_STRUCTURE: usize = 32 << 20;

#[test]
fn finding_the_layers_takes_a_small_part_of_what_is_allowed() {
    for name in ["mini_keras_legacy.h5", "mini_keras_model.h5", "mini_keras.weights.h5"] {
        let read = Arc::new(AtomicUsize::new(0));
        KerasFile::open(Counted(read_fixture(name), read.clone())).unwrap();
        let read = read.load(Relaxed);
        println!("{name}: {read} bytes");
        // The largest network has twice as many layers, and old files are searched from the start for each.
        assert!(4 * read < MAX_STRUCTURE / 4, "{name}: {read} bytes");
    }
}
