//! timm's aligned family (`xception41`, `65`, `71`, `41p`, `65p`): its tensor names, and the architecture
//! read back from them.

use super::names::Layout;
use super::timm::{Shapes, number, torch};
use crate::error::{Error, Result};
use crate::model::config::{Aligned, Order};
use crate::model::place::{BlockId, Place, TensorId, Unit};
use crate::model::{Dialect, XceptionConfig};

/// Crop of the published weights (`default_cfgs`): those converted from TensorFlow, and those of recipe
/// `ra3`. `xception65` exists as both with equal shapes: the file cannot tell, and `ra3` is assumed, as timm
/// itself does for the plain name.
pub(super) const CROP_TF: f64 = 0.903;
pub(super) const CROP_RA3: f64 = 0.94;

/// Batch-norm epsilon (timm's model functions): PyTorch's own in `xception41p` alone.
const EPSILON: f64 = 1e-3;
const EPSILON_41P: f64 = 1e-5;
const MIDDLE_41P: usize = 8;

/// Whether a file with such names is of this family.
pub(super) fn is_aligned<'a>(mut names: impl Iterator<Item = &'a str>) -> bool {
    names.any(|name| name.starts_with("stem.") || name.starts_with("blocks."))
}

/// The published crop of this architecture.
pub(super) fn crop(config: &XceptionConfig) -> f64 {
    match &config.aligned {
        Some(aligned) if aligned.order == Order::Pre => CROP_RA3,
        _ if config.architecture == "xception65" => CROP_RA3,
        _ => CROP_TF,
    }
}

/// timm's name for a tensor.
///
/// Blocks count from 0 through the flows, the tail being the last. A pre-activation network's batch norm
/// belongs to what follows it there, and to what precedes it here, where it can be folded.
pub(super) fn name(config: &XceptionConfig, id: TensorId) -> (String, Layout) {
    let pre = config.aligned.as_ref().is_some_and(|aligned| aligned.order == Order::Pre);
    let block = |id| number(config, id);
    // Names of a place's convolution, or dense layer, and of the batch norm after it.
    let [kernel, norm] = match id.place {
        Place::Stem(1) if pre => ["stem.1".into(), "blocks.0.norm".into()],
        Place::Stem(i) => [format!("stem.{i}.conv"), format!("stem.{i}.bn")],
        Place::Depthwise(unit) | Place::Pointwise(unit) => {
            let (of, i) = match unit {
                Unit::Of(of, i) => (block(of), i),
                Unit::Tail(i) => (block(BlockId::Exit) + 1, i),
            };
            let stack = format!("blocks.{of}.stack.conv");
            let conv = format!("{stack}{}", i + 1);
            match id.place {
                Place::Depthwise(_) => [format!("{conv}.conv_dw"), format!("{conv}.bn_dw")],
                // The norm after this pair opens the next one.
                _ if pre => [format!("{conv}.conv_pw"), format!("{stack}{}.norm", i + 2)],
                _ => [format!("{conv}.conv_pw"), format!("{conv}.bn_pw")],
            }
        }
        Place::Shortcut(of) => {
            let shortcut = format!("blocks.{}.shortcut", block(of));
            if pre {
                [shortcut, String::new()]
            } else {
                ["conv", "bn"].map(|part| format!("{shortcut}.{part}"))
            }
        }
        // The norm on this block's sum opens the next one.
        Place::Sum(of) => [String::new(), format!("blocks.{}.norm", block(of) + 1)],
        Place::Head => ["head.fc".into(), String::new()],
        // It has none.
        Place::Hidden(_) => [id.place.to_string(), String::new()],
    };
    torch(id, &kernel, &norm)
}

/// Reads the table back from names and shapes; the strict check afterwards holds it to them.
pub(super) fn recognise(tensors: &[(String, Vec<usize>)]) -> Result<XceptionConfig> {
    let shapes = Shapes::of(tensors);
    let pre = shapes.any("blocks.1.norm.") || shapes.any("blocks.0.norm.");
    let lacks = |name: &str| {
        Error::Architecture(format!(
            "the file lacks the tensor {name}, so it is none of timm's xception41, 65, 71, 41p and 65p, whose names it uses"
        ))
    };
    let stem = |at: usize| {
        let (kernel, bn) = match (pre, at) {
            (true, 1) => ("stem.1.weight".into(), "blocks.0.norm".into()),
            _ => (format!("stem.{at}.conv.weight"), format!("stem.{at}.bn")),
        };
        shapes.width(std::slice::from_ref(&kernel), &[bn]).ok_or_else(|| lacks(&kernel))
    };
    // Every tensor that is as wide as the output of a pair; a pre-activation file names the norm after it.
    let width = |block: usize, unit: usize| {
        let path = format!("blocks.{block}.stack.conv{unit}");
        let next = format!("blocks.{block}.stack.conv{}", unit + 1);
        let mut kernels = vec![format!("{path}.conv_pw.weight"), format!("{next}.conv_dw.weight")];
        let norms = match pre {
            false => vec![format!("{path}.bn_pw"), format!("{next}.bn_dw")],
            true if shapes.any(&format!("{next}.")) => vec![format!("{next}.norm")],
            true => {
                kernels.push(format!("blocks.{block}.shortcut.weight"));
                vec![format!("blocks.{}.norm", block + 1)]
            }
        };
        let end = !shapes.any(&format!("{next}.")) && !shapes.any(&format!("blocks.{}.", block + 1));
        // Where there is no head, the last kernel is the only witness of its width.
        let witness = if shapes.any("head.fc.") {
            shapes.side("head.fc.weight", 1)
        } else {
            shapes.side(&kernels[0], 0)
        };
        let features = witness.filter(|_| end);
        shapes.any(&format!("{path}.")).then(|| shapes.width_or(&kernels, &norms, features)).flatten()
    };
    let widths = |block: usize| -> Vec<usize> { (1..).map_while(|unit| width(block, unit)).collect() };
    let stem = [stem(0)?, stem(1)?];
    let blocks: Vec<Vec<usize>> = (0..).map(widths).take_while(|widths| !widths.is_empty()).collect();
    let bridged = |block: &usize| shapes.any(&format!("blocks.{block}.shortcut."));
    let entry = (0..blocks.len()).take_while(bridged).count();
    let strides = match entry {
        3 => vec![2; 3],
        5 => vec![2, 1, 2, 1, 2],
        _ => {
            return Err(Error::Architecture(format!(
                "the file has {} blocks, {entry} of them with a shortcut before the middle flow; timm's xception41 and 65 have 3, xception71 has 5, and strides of others are unknown",
                blocks.len()
            )));
        }
    };
    let Some([exit, tail]) = blocks.last_chunk::<2>().filter(|_| blocks.len() >= entry + 2) else {
        return Err(lacks(&format!("blocks.{}.stack.conv1.conv_dw.weight", blocks.len())));
    };
    let middle = &blocks[entry..blocks.len() - 2];
    let epsilon = if pre && middle.len() == MIDDLE_41P { EPSILON_41P } else { EPSILON };
    let order = if pre { Order::Pre } else { Order::Post };
    let config = XceptionConfig {
        architecture: String::new(),
        dialect: Dialect::Timm,
        classes: shapes.classes("head.fc", tail.last()).ok_or_else(|| lacks("head.fc.weight"))?,
        stem,
        entry: blocks[..entry].to_vec(),
        middle_blocks: middle.len(),
        middle_units: middle.first().map_or(0, Vec::len),
        exit: exit.clone(),
        tail: tail.clone(),
        aligned: Some(Aligned { order, strides, epsilon }),
        face: None,
        hidden: Vec::new(),
    };
    Ok(config.named())
}

#[cfg(test)]
mod tests {
    use super::super::names::{table, trained};
    use super::*;

    #[test]
    fn names_are_timms_and_lead_back_to_the_architecture() {
        for (config, known) in [
            (
                XceptionConfig::xception71(10),
                vec![
                    "stem.0.conv.weight",
                    "stem.1.bn.running_var",
                    "blocks.1.shortcut.bn.bias",
                    "blocks.20.stack.conv3.bn_dw.weight",
                    "blocks.21.shortcut.conv.weight",
                    "blocks.22.stack.conv3.conv_pw.weight",
                    "head.fc.bias",
                ],
            ),
            (
                XceptionConfig::xception41p(1000),
                vec![
                    "stem.0.bn.weight",
                    "stem.1.weight",
                    "blocks.0.norm.running_mean",
                    "blocks.0.stack.conv2.norm.weight",
                    "blocks.0.shortcut.weight",
                    "blocks.12.norm.bias",
                    "blocks.12.stack.conv3.norm.bias",
                    "blocks.12.stack.conv3.conv_pw.weight",
                    "head.fc.weight",
                ],
            ),
            (XceptionConfig::xception41(1000), vec![]),
            (XceptionConfig::xception65(3), vec![]),
            (XceptionConfig::xception65p(1000), vec![]),
        ] {
            let rows = table(&config, |id| name(&config, id)).unwrap();
            let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
            for known in known {
                assert!(names.contains(&known), "{known} is not in {names:?}");
            }
            let tensors: Vec<_> = rows.iter().map(|row| (row.name.clone(), row.foreign_shape())).collect();
            assert_eq!(recognise(&tensors).unwrap(), config);
            // A network for its features has the same table.
            let (headless, _): (Vec<_>, Vec<_>) =
                tensors.into_iter().partition(|(name, _)| !name.starts_with("head."));
            let expected = XceptionConfig { classes: 1, ..config }.named();
            assert_eq!(recognise(&headless).unwrap(), expected);
        }
    }

    /// timm's own table, in millions.
    #[test]
    fn the_aligned_networks_have_timms_count_of_trained_numbers() {
        for (config, millions) in [
            (XceptionConfig::xception41(1000), 26.97),
            (XceptionConfig::xception41p(1000), 26.91),
            (XceptionConfig::xception65(1000), 39.92),
            (XceptionConfig::xception65p(1000), 39.82),
            (XceptionConfig::xception71(1000), 42.34),
        ] {
            let rows = table(&config, |id| name(&config, id)).unwrap();
            let found = trained(rows.iter()) as f64 / 1e6;
            assert!((found - millions).abs() <= 0.005, "{}: {found}", config.architecture);
        }
    }
}
