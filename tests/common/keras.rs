//! The same weights as Keras has them.

use std::collections::HashMap;

use hdf5_pure::{AttrValue, FileBuilder, GroupBuilder};
use xception_web::model::XceptionConfig;

use super::Stored;

/// How a Keras file spells its lists of names: h5py stored fixed-length strings once, variable ones today.
#[derive(Clone, Copy, Debug)]
pub enum Strings {
    Fixed,
    Variable,
}

/// A layer's tensor: name, shape and values.
pub type KerasTensor = (String, Vec<usize>, Vec<f32>);

/// A layer of a Keras file: its name, and of each tensor the name, the Keras shape and the values.
pub type KerasLayer = (String, Vec<KerasTensor>);

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

/// Puts tensors into a group of this name, each under the last part of its own.
fn add_tensors<'a>(
    group: &mut GroupBuilder,
    within: &str,
    tensors: impl IntoIterator<Item = &'a KerasTensor>,
) {
    let mut inner = group.create_group(within);
    for (name, shape, values) in tensors {
        let name = name.rsplit('/').next().expect("a name");
        let shape: Vec<u64> = shape.iter().map(|&side| side as u64).collect();
        inner.create_dataset(name).with_f32_data(values).with_shape(&shape);
    }
    group.add_group(inner.finish());
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
            add_tensors(&mut group, layer, tensors);
        }
        file.add_group(group.finish());
    }
    file.finish().expect("an HDF5 file")
}

/// The same of layers that are models: each tensor lies in a group of the layer within.
pub fn keras_nested_file(layers: &[KerasLayer]) -> Vec<u8> {
    let list = AttrValue::AsciiStringArray;
    let mut file = FileBuilder::new();
    file.set_attr("layer_names", list(layers.iter().map(|(name, _)| name.clone()).collect()));
    for (layer, tensors) in layers {
        let mut group = file.create_group(layer);
        group.set_attr("weight_names", list(tensors.iter().map(|(name, ..)| name.clone()).collect()));
        let mut left: Vec<_> = tensors.iter().collect();
        while let Some(inner) = left.first().and_then(|(name, ..)| name.split('/').next()) {
            let (own, others): (Vec<_>, Vec<_>) =
                left.into_iter().partition(|(name, ..)| name.split('/').next() == Some(inner));
            left = others;
            add_tensors(&mut group, inner, own);
        }
        file.add_group(group.finish());
    }
    file.finish().expect("an HDF5 file")
}
