//! The graph of a layers model, and its tensors in their shards.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use serde_json::Value;

use super::super::FileBytes;
use super::super::keras::place::{Location, Tensors, place};
use super::super::keras::{KERAS3_ROOTS, Opened, Saved, is_of_training};
use super::super::numbers::widen_f16;
use super::{MODEL, damaged, manifest, parse, paths};
use crate::error::{Error, Result, short};

/// Longest `model.json` that is read: the configuration, at most a megabyte, and as much of names.
const MAX_MODEL: usize = 2 << 20;

/// How numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    F32,
    F16,
    /// Unsigned numbers of `width` bytes, of which each stands for `number · scale + min`.
    Levels {
        width: usize,
        scale: f64,
        min: f64,
    },
    /// What no network's tensor is: counters and seeds.
    Other {
        width: usize,
    },
}

/// A tensor's place in the shards of its group.
#[derive(Debug)]
struct Entry {
    name: String,
    shape: Vec<usize>,
    kind: Kind,
    /// What the manifest calls that.
    dtype: String,
    group: usize,
    range: Range<usize>,
}

/// The tensors of a layers model.
struct Shards<B> {
    bytes: B,
    /// Where in the archive the shards of each group lie.
    groups: Vec<Vec<Range<usize>>>,
    entries: Vec<Entry>,
    /// Where in the list each name is.
    places: HashMap<String, usize>,
    /// Where in the list the tensors of each layer are, by the layer's name or, in Keras 3's archives, its path.
    layers: HashMap<String, Vec<usize>>,
}

/// Reads the graph and finds the tensors.
pub(in crate::weights) fn open<B: FileBytes + 'static>(
    bytes: B,
    files: &HashMap<String, Range<usize>>,
) -> Result<Opened> {
    let range = files.get(MODEL).cloned().ok_or_else(|| damaged("lacks its model.json"))?;
    if range.len() > MAX_MODEL {
        return Err(damaged(format!(
            "has a model.json of {} bytes, and at most {MAX_MODEL} are read",
            range.len()
        )));
    }
    let mut json = vec![0; range.len()];
    bytes.read(range.start, &mut json)?;
    let model = parse(&json)?;
    let config = topology(&model)?;
    let text = |key: &str| model[key].as_str();
    let writer = match (text("generatedBy"), text("convertedBy")) {
        (Some(by), Some(converter)) => Some(format!("{by}, converted by {converter}")),
        (by, converter) => by.or(converter).map(str::to_owned),
    };
    let mut shards = Shards::new(bytes, files, &model)?;
    let placed = place(&config, Saved::Tfjs, &mut shards)?;
    let mut contents = placed.contents;
    contents.unused = shards.check_unused(&placed.used)?;
    contents.writer = writer.map(short);
    Ok(Opened { contents, folded: placed.folded, read: Box::new(move |name| shards.values(name)) })
}

/// The configuration of the model, as Keras writes it.
fn topology(model: &Value) -> Result<String> {
    let topology = &model["modelTopology"];
    if model["format"] == "graph-model" || topology["node"].is_array() {
        return Err(Error::Format(
            "the file is a TensorFlow.js graph model, in which no layers are told apart; convert the Keras model with --output_format=tfjs_layers_model, or give the Keras file itself".into(),
        ));
    }
    // The converter wraps it, TensorFlow.js's own `save` does not.
    let config = if topology["model_config"].is_null() { topology } else { &topology["model_config"] };
    match config {
        Value::String(json) => Ok(json.clone()),
        Value::Object(_) => Ok(config.to_string()),
        _ => Err(damaged("has no modelTopology, as weights alone have none")),
    }
}

impl<B: FileBytes> Shards<B> {
    fn new(bytes: B, files: &HashMap<String, Range<usize>>, model: &Value) -> Result<Self> {
        let mut shards = Self {
            bytes,
            groups: Vec::new(),
            entries: Vec::new(),
            places: HashMap::new(),
            layers: HashMap::new(),
        };
        let mut seen = HashSet::from([MODEL]);
        for (at, group) in manifest(model)?.iter().enumerate() {
            let mut ranges = Vec::new();
            let paths = paths(group)?;
            for path in &paths {
                let range = files.get(*path).ok_or_else(|| damaged(format!("lacks its shard {path}")))?;
                // Numbers that are used again would let a small file ask for a large network.
                if !seen.insert(*path) {
                    return Err(damaged(format!("names the shard {path} twice")));
                }
                ranges.push(range.clone());
            }
            shards.groups.push(ranges);
            let there: usize = shards.groups[at].iter().map(Range::len).sum();
            let told = shards.group(at, group)?;
            if told != there {
                let paths = paths.join(", ");
                return Err(damaged(format!(
                    "holds {there} bytes of tensors and tells of {told}, in {paths}"
                )));
            }
        }
        match files.keys().find(|path| !seen.contains(path.as_str())) {
            Some(path) => Err(damaged(format!("comes with {path}, which its model.json does not name"))),
            None => Ok(shards),
        }
    }

    /// Adds the tensors of a group, and gives the bytes that they take.
    fn group(&mut self, group: usize, described: &Value) -> Result<usize> {
        let mut end = 0usize;
        for weight in described["weights"].as_array().map(Vec::as_slice).unwrap_or_default() {
            let name = weight["name"].as_str().ok_or_else(|| damaged("has a tensor without a name"))?;
            let sides = weight["shape"].as_array().map(Vec::as_slice).unwrap_or_default();
            let shape: Option<Vec<usize>> =
                sides.iter().map(|side| usize::try_from(side.as_u64()?).ok()).collect();
            let shape = shape
                .ok_or_else(|| damaged(format!("gives the tensor {name} the shape {}", weight["shape"])))?;
            let kind = kind(weight)
                .ok_or_else(|| damaged(format!("holds the tensor {name} as {}", stored(weight))))?;
            let size = shape.iter().try_fold(kind.width(), |size, &side| size.checked_mul(side));
            let start = end;
            end = size.and_then(|size| end.checked_add(size)).ok_or_else(|| {
                damaged(format!("gives the tensor {name} the shape {shape:?}, more than any file holds"))
            })?;
            if self.places.insert(name.to_owned(), self.entries.len()).is_some() {
                return Err(damaged(format!("holds the tensor {name} twice")));
            }
            let layer = turn(name).map_or_else(|| name.rsplit('/').nth(1), |(path, _)| Some(path));
            if let Some(layer) = layer {
                self.layers.entry(layer.to_owned()).or_default().push(self.entries.len());
            }
            let (name, dtype) = (name.to_owned(), stored(weight));
            self.entries.push(Entry { name, shape, kind, dtype, group, range: start..end });
        }
        Ok(end)
    }

    /// The bytes of a tensor, which may lie in several shards.
    fn stored(&self, entry: &Entry) -> Result<Vec<u8>> {
        let mut bytes = vec![0; entry.range.len()];
        let (mut done, mut begin) = (0, 0);
        for shard in &self.groups[entry.group] {
            let end = begin + shard.len();
            let from = entry.range.start.max(begin);
            let count = entry.range.end.min(end).saturating_sub(from);
            if count > 0 {
                self.bytes.read(shard.start + from - begin, &mut bytes[done..done + count])?;
                done += count;
            }
            begin = end;
        }
        Ok(bytes)
    }

    /// The values of the tensor of this name, row-major.
    fn values(&self, name: &str) -> Result<Vec<f32>> {
        let entry = self.places.get(name).map(|&at| &self.entries[at]);
        let entry = entry.ok_or_else(|| damaged(format!("lacks the tensor {name}")))?;
        let bytes = self.stored(entry)?;
        Ok(match entry.kind {
            Kind::F16 => bytes.as_chunks().0.iter().map(|&b| widen_f16(u16::from_le_bytes(b))).collect(),
            Kind::Levels { width, scale, min } => {
                let levels = bytes.chunks_exact(width);
                let levels = levels.map(|level| level.iter().rev().fold(0, |n, &b| n << 8 | u32::from(b)));
                // As TensorFlow.js does it, in double precision.
                levels.map(|level| (f64::from(level) * scale + min) as f32).collect()
            }
            Kind::F32 | Kind::Other { .. } => {
                bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect()
            }
        })
    }

    /// Refuses tensors that belong to no layer, but for what training leaves: the names of those.
    fn check_unused(&self, used: &[String]) -> Result<Vec<String>> {
        let used: HashSet<&str> = used.iter().map(String::as_str).collect();
        let mut left = Vec::new();
        for entry in self.entries.iter().filter(|entry| !used.contains(entry.name.as_str())) {
            if !is_of_training(&entry.name) {
                return Err(Error::Weights(format!(
                    "the file holds the tensor {}, which belongs to none of its layers and this network has no place for",
                    short(&entry.name)
                )));
            }
            left.push(entry.name.clone());
        }
        Ok(left)
    }
}

/// Of a name in Keras 3's archives the path of the layer, and the tensor's turn there; all others end in layer and
/// tensor.
fn turn(name: &str) -> Option<(&str, usize)> {
    let (path, turn) = name.rsplit_once("/vars/")?;
    Some((path, turn.parse().ok()?))
}

impl Kind {
    /// Bytes per number.
    fn width(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
            Self::Levels { width, .. } | Self::Other { width } => width,
        }
    }
}

/// How the manifest says that a tensor is stored; nothing where it is in no way that is known.
fn kind(weight: &Value) -> Option<Kind> {
    let quantization = &weight["quantization"];
    let levels = |width| {
        let number = |key: &str| quantization[key].as_f64().filter(|number| number.is_finite());
        Some(Kind::Levels { width, scale: number("scale")?, min: number("min")? })
    };
    match (weight["dtype"].as_str()?, quantization["dtype"].as_str()) {
        ("float32", None) if quantization.is_null() => Some(Kind::F32),
        ("float32", Some("float16")) => Some(Kind::F16),
        ("float32", Some("uint8")) => levels(1),
        ("float32", Some("uint16")) => levels(2),
        ("int32", None) => Some(Kind::Other { width: 4 }),
        ("uint8" | "bool", None) => Some(Kind::Other { width: 1 }),
        _ => None,
    }
}

fn stored(weight: &Value) -> String {
    match weight["quantization"]["dtype"].as_str() {
        Some(kind) => short(kind),
        None => short(weight["dtype"].as_str().unwrap_or("nothing that is said")),
    }
}

impl<B: FileBytes> Tensors for Shards<B> {
    fn of(&mut self, at: &Location) -> Result<Vec<(String, Vec<usize>)>> {
        let paths = KERAS3_ROOTS.map(|root| at.path.replacen(KERAS3_ROOTS[0], root, 1));
        let layer = at.inner.unwrap_or(at.outermost);
        let keys = paths.iter().map(String::as_str).chain([layer]).collect::<HashSet<&str>>();
        let found = keys.into_iter().filter_map(|key| self.layers.get(key)).flatten();
        let mut found: Vec<(usize, &Entry)> = found
            .map(|&at| (turn(&self.entries[at].name).map_or(at, |(_, turn)| turn), &self.entries[at]))
            .collect();
        found.sort_by_key(|(turn, _)| *turn);
        // A lone number may be a count, as `Normalization` keeps one, of which nothing is read.
        let is_read = |entry: &Entry| entry.shape.is_empty() || !matches!(entry.kind, Kind::Other { .. });
        if let Some((_, entry)) = found.iter().find(|(_, entry)| !is_read(entry)) {
            return Err(Error::Weights(format!(
                "the tensor {} holds {} numbers; float32 is read, and what is quantised to float16, uint16 or uint8",
                short(&entry.name),
                entry.dtype
            )));
        }
        Ok(found.into_iter().map(|(_, entry)| (entry.name.clone(), entry.shape.clone())).collect())
    }

    fn read(&self, name: &str) -> Result<Vec<f32>> {
        self.values(name)
    }
}
