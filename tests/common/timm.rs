//! Weights and files as timm has them.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, TensorView};
use xception_web::model::XceptionConfig;

use super::{SEED, means, parity_document, uniform};

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
                (_, "running_mean") => means(&format!("{which}/mean/{layer}"))
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
