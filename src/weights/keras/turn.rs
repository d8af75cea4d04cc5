//! The turn of each layer of a nested Xception by its name. Keras lists the tensors that training may change first, so
//! a network of which a part was frozen stands in the file in another order than its layers.

use super::order::Layer;

/// Where a layer stands: its block, and its place there.
type Turn = (usize, usize);

/// The place of what leads around a block: its batch norm comes after those of the block.
const BRIDGE: usize = usize::MAX;
/// What stands behind all blocks, such as dense layers.
const END: Turn = (usize::MAX, 0);

/// How Keras names layers that nobody names, of its generations.
const UNNAMED: [&str; 3] = ["conv2d", "convolution2d", "batch_normalization"];

/// Brings layers into their turn, if their names tell it; else they stay.
pub(in crate::weights) fn sort(layers: &mut Vec<Layer>) {
    let Some(turns) = turns(layers) else { return };
    let mut sorted: Vec<(Turn, Layer)> = turns.into_iter().zip(std::mem::take(layers)).collect();
    sorted.sort_by_key(|(turn, _)| *turn);
    layers.extend(sorted.into_iter().map(|(_, layer)| layer));
}

fn turns(layers: &[Layer]) -> Option<Vec<Turn>> {
    let mut blocks: Vec<usize> = layers
        .iter()
        .filter(|layer| layer.name.contains("_sepconv"))
        .filter_map(|layer| Some(named(&layer.name)?.0))
        .collect();
    blocks.sort_unstable();
    blocks.dedup();
    // Bridges lead around the first blocks, and around the last but one.
    let counts: Vec<Option<(&str, usize)>> = layers.iter().map(|layer| unnamed(&layer.name)).collect();
    let bridge = |(class, count): (&str, usize)| -> Option<Turn> {
        let same = counts.iter().flatten().filter(|(other, _)| *other == class);
        let (bridges, before) =
            same.fold((0, 0), |(all, before), (_, other)| (all + 1, before + usize::from(*other < count)));
        let block = if before + 1 == bridges { blocks.len().checked_sub(2)? } else { before };
        Some((*blocks.get(block)?, BRIDGE))
    };
    let turn = |(layer, count): (&Layer, &Option<(&str, usize)>)| match (count, layer.tensors.len()) {
        (Some(count), _) => bridge(*count),
        (None, 2) if layer.tensors[0].1.len() == 2 => Some(END),
        (None, _) => named(&layer.name),
    };
    layers.iter().zip(&counts).map(turn).collect()
}

/// Of `block5_sepconv1` and `block5_sepconv1_bn`, and KerasHub's `block2_residual_conv`.
fn named(name: &str) -> Option<Turn> {
    let (block, part) = name.strip_prefix("block")?.split_once('_')?;
    let part = part.strip_suffix("_bn").unwrap_or(part);
    let place = match part.trim_start_matches("sep").strip_prefix("conv") {
        Some(unit) => unit.parse().ok()?,
        None if part.starts_with("residual") => BRIDGE,
        None => return None,
    };
    Some((block.parse().ok()?, place))
}

/// The class and the count of a layer that nobody named; the first has none, or 1.
fn unnamed(name: &str) -> Option<(&'static str, usize)> {
    UNNAMED.into_iter().find_map(|class| {
        let count = name.strip_prefix(class)?;
        match count.strip_prefix('_') {
            None if count.is_empty() => Some((class, 0)),
            None => None,
            Some(count) => Some((class, count.parse().ok()?)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(names: &[&str]) -> Vec<Layer> {
        names.iter().map(|name| Layer { name: (*name).into(), tensors: Vec::new() }).collect()
    }

    fn sorted(names: &[&str]) -> Vec<String> {
        let mut layers = layers(names);
        sort(&mut layers);
        layers.into_iter().map(|layer| layer.name).collect()
    }

    /// A network whose blocks 3 and 4 were frozen, and which has three bridges.
    #[test]
    fn what_was_frozen_comes_back_to_its_turn() {
        let expected = [
            "block1_conv1",
            "block1_conv2_bn",
            "block2_sepconv1",
            "block2_sepconv2_bn",
            "conv2d_9",
            "batch_normalization_4",
            "block3_sepconv1",
            "conv2d_10",
            "batch_normalization_12",
            "block4_sepconv3",
            "block5_sepconv2",
            "conv2d_11",
            "batch_normalization_100",
            "block6_sepconv2",
        ];
        let mut saved: Vec<&str> = expected.to_vec();
        let frozen = saved.split_off(6);
        let saved = [&frozen[4..], &saved[..], &frozen[..4]].concat();
        assert_ne!(saved, expected);
        assert_eq!(sorted(&saved), expected);
    }

    #[test]
    fn layers_of_other_names_stay_as_they_are() {
        let names = ["separable_conv2d_7", "block3_sepconv1", "separable_conv2d_1"];
        assert_eq!(sorted(&names), names);
    }
}
