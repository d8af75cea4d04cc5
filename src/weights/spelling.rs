//! How PyTorch's users spell the tensors of timm's networks: something before every name, other names of the head,
//! pointwise kernels without their height and width, and beside them what no answer depends on.

use std::collections::HashSet;

use super::aligned;
use super::source::TensorSource;
use super::unused::{COUNTER, LOSS, SECOND_WAY, Unused};
use crate::error::{Error, Result, short};

/// Tensors at the beginning of timm's networks, by which what stands before all names is found.
const ANCHORS: [&str; 6] = [
    "conv1.weight",
    "bn1.weight",
    "bn1.running_mean",
    "stem.0.conv.weight",
    "stem.0.bn.weight",
    "stem.1.conv.weight",
];

/// What people call the head: Cadene's port and the deepfake detectors `last_linear`, with dropout before it `….1`, and in
/// a sequence of its own `….0`.
const HEADS: [&str; 16] = [
    "fc",
    "fc.0",
    "fc.1",
    "last_linear",
    "last_linear.0",
    "last_linear.1",
    "head.fc",
    "head.fc.0",
    "head.fc.1",
    "classifier",
    "classifier.0",
    "classifier.1",
    "head",
    "head.0",
    "head.1",
    "linear",
];

/// Kernels of one pixel; files of the first ports have them as matrices.
const POINTWISE: [&str; 4] = ["pointwise.weight", "skip.weight", "conv_pw.weight", "shortcut.weight"];

/// What the deepfake detectors have beside the network.
const UNUSED: &str = "adjust_channel.";

/// What Lightning's users call the loss, which may have a weight for each class, beside the network.
const LOSSES: [&str; 4] = ["criterion.", "loss.", "loss_fn.", "loss_func."];

/// A tensor, as the file has it and as timm has it.
struct Tensor {
    theirs: String,
    ours: String,
    shape: Vec<usize>,
}

/// Tensors of a file under timm's names.
pub(super) struct Spelled {
    source: Box<dyn TensorSource>,
    tensors: Vec<Tensor>,
}

/// The tensors of `source` under timm's names and in their shapes, and those that are known to be unused.
///
/// # Errors
///
/// When most names begin alike and one does not.
pub(super) fn as_timms(source: Box<dyn TensorSource>) -> Result<(Spelled, Vec<Unused>)> {
    let mut stored = source.tensors();
    let before = before_all(stored.iter().map(|(name, _)| name.as_str()));
    let mut unused = Vec::new();
    if !before.is_empty() {
        stored.retain(|(name, _)| {
            let is_loss = LOSSES.iter().any(|loss| name.starts_with(loss)) && !name.starts_with(&before);
            if is_loss {
                unused.push(Unused::new(name, LOSS));
            }
            !is_loss
        });
    }
    let names: HashSet<String> = stored.iter().map(|(name, _)| bare(name, &before).to_owned()).collect();
    let head = head(&names);
    let is_head = |name: &str| head.is_some_and(|[theirs, _]| is_part(name, theirs));
    // A classifier on a network that others gave only features for.
    let mut beside = stored.iter().filter(|(name, _)| !name.starts_with(&before));
    if let Some((name, _)) = beside.find(|(name, _)| !is_head(name)) {
        return Err(Error::Weights(format!(
            "the file holds the tensor {} beside a network under {}, which has no place for it",
            short(name),
            short(&before)
        )));
    }
    let mut tensors = Vec::new();
    for (theirs, mut shape) in stored {
        let name = bare(&theirs, &before);
        let why = match name {
            _ if is_counter(name, &shape, &names) => Some(COUNTER),
            _ if name.starts_with(UNUSED) => Some(SECOND_WAY),
            _ => None,
        };
        if let Some(why) = why {
            unused.push(Unused::new(theirs, why));
            continue;
        }
        let ours = match head {
            Some([theirs, ours]) if is_part(name, theirs) => name.replacen(theirs, ours, 1),
            _ => name.to_owned(),
        };
        if shape.len() == 2 && POINTWISE.iter().any(|end| ours.ends_with(end)) {
            shape.extend([1, 1]);
        }
        tensors.push(Tensor { theirs, ours, shape });
    }
    Ok((Spelled { source, tensors }, unused))
}

/// `name` without what stands before all names.
fn bare<'a>(name: &'a str, before: &str) -> &'a str {
    name.strip_prefix(before).unwrap_or(name)
}

/// What stands before most names and before an anchor: `module.` of several GPUs, `model.` of Lightning, `backbone.`.
fn before_all<'a>(names: impl Iterator<Item = &'a str> + Clone) -> String {
    let count = names.clone().count();
    let candidates =
        names.clone().flat_map(|name| ANCHORS.iter().filter_map(|anchor| name.strip_suffix(anchor)));
    let most = |before: &&str| {
        let whole = before.is_empty() || before.ends_with('.');
        whole && 2 * names.clone().filter(|name| name.starts_with(*before)).count() > count
    };
    // Of a hostile file each is tried once.
    let mut seen = HashSet::new();
    let mut best = "";
    for candidate in candidates.filter(|candidate| seen.insert(*candidate)) {
        if candidate.len() > best.len() && most(&candidate) {
            best = candidate;
        }
    }
    best.to_owned()
}

/// The head's name in the file and in timm, if the file has one head.
fn head(names: &HashSet<String>) -> Option<[&'static str; 2]> {
    let aligned = aligned::is_aligned(names.iter().map(String::as_str));
    let ours = if aligned { "head.fc" } else { "fc" };
    let has = |head: &&&str| names.contains(&format!("{head}.weight"));
    let mut found = HEADS.iter().filter(has);
    match (found.next(), found.next()) {
        (Some(head), None) => Some([head, ours]),
        _ => None,
    }
}

/// Whether a tensor is kernel or bias of this layer.
fn is_part(name: &str, layer: &str) -> bool {
    let part = name.strip_prefix(layer).and_then(|rest| rest.strip_prefix('.'));
    part.is_some_and(|part| ["weight", "bias"].contains(&part))
}

/// PyTorch's counter beside a batch norm that is there; no part of the function.
fn is_counter(name: &str, shape: &[usize], names: &HashSet<String>) -> bool {
    let norm = name.strip_suffix(".num_batches_tracked").filter(|_| shape.is_empty());
    norm.is_some_and(|norm| names.contains(&format!("{norm}.running_mean")))
}

impl Spelled {
    fn theirs(&self, name: &str) -> Result<&str> {
        let found = self.tensors.iter().find(|tensor| tensor.ours == name);
        let found = found.ok_or_else(|| Error::Weights(format!("the file lacks the tensor {name}")))?;
        Ok(&found.theirs)
    }
}

impl TensorSource for Spelled {
    fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        self.tensors.iter().map(|tensor| (tensor.ours.clone(), tensor.shape.clone())).collect()
    }

    fn is_quantized(&self, name: &str) -> bool {
        self.theirs(name).is_ok_and(|name| self.source.is_quantized(name))
    }

    fn check(&self, name: &str) -> Result<()> {
        self.source.check(self.theirs(name)?)
    }

    fn read(&self, name: &str) -> Result<Vec<f32>> {
        self.source.read(self.theirs(name)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Names(Vec<(String, Vec<usize>)>);

    impl TensorSource for Names {
        fn tensors(&self) -> Vec<(String, Vec<usize>)> {
            self.0.clone()
        }

        fn read(&self, name: &str) -> Result<Vec<f32>> {
            Ok(vec![name.len() as f32])
        }
    }

    fn spelled(names: &[(&str, &[usize])]) -> (Spelled, Vec<Unused>) {
        let names = names.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec())).collect();
        as_timms(Box::new(Names(names))).unwrap()
    }

    #[test]
    fn names_lose_what_stands_before_all_of_them_and_get_timms_head() {
        let (source, unused) = spelled(&[
            ("net.backbone.conv1.weight", &[32, 3, 3, 3]),
            ("net.backbone.bn1.running_mean", &[32]),
            ("net.backbone.bn1.num_batches_tracked", &[]),
            ("net.backbone.block1.rep.0.conv1.weight", &[32, 1, 3, 3]),
            ("net.backbone.block1.rep.0.pointwise.weight", &[64, 32]),
            ("net.backbone.adjust_channel.0.weight", &[512, 2048, 1, 1]),
            ("net.backbone.last_linear.1.weight", &[2, 2048]),
            ("net.backbone.last_linear.1.bias", &[2]),
            ("criterion.weight", &[2]),
        ]);
        let tensors = source.tensors();
        let names: Vec<_> = tensors.iter().map(|(name, _)| name.as_str()).collect();
        let expected = [
            "conv1.weight",
            "bn1.running_mean",
            "block1.rep.0.conv1.weight",
            "block1.rep.0.pointwise.weight",
            "fc.weight",
            "fc.bias",
        ];
        assert_eq!(names, expected);
        assert_eq!(tensors[3].1, [64, 32, 1, 1]);
        let expected = [
            Unused::new("criterion.weight", LOSS),
            Unused::new("net.backbone.bn1.num_batches_tracked", COUNTER),
            Unused::new("net.backbone.adjust_channel.0.weight", SECOND_WAY),
        ];
        assert_eq!(unused, expected);
        assert_eq!(source.read("fc.bias").unwrap(), ["net.backbone.last_linear.1.bias".len() as f32]);
        assert!(source.read("net.backbone.last_linear.1.bias").is_err());
    }

    #[test]
    fn what_is_ambiguous_stays_as_it_is() {
        let (source, _) = spelled(&[
            ("conv1.weight", &[8, 3, 3, 3]),
            ("fc.weight", &[2, 8]),
            ("last_linear.weight", &[2, 8]),
        ]);
        let names: Vec<_> = source.tensors().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["conv1.weight", "fc.weight", "last_linear.weight"]);
        // Two networks: neither stands before most names.
        let two = [("a.conv1.weight", &[8, 3, 3, 3][..]), ("b.conv1.weight", &[8, 3, 3, 3])];
        assert_eq!(spelled(&two).0.tensors()[0].0, "a.conv1.weight");
    }
}
