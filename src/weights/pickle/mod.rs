//! The part of Python's pickle that PyTorch's weights need, and nothing else: no class is looked up, nothing is called.
//! An object is the state that it was saved with, and a module's tensors are found in that. Whatever a function would
//! have to make is refused, but for tensors.

mod machine;
mod objects;

use std::collections::{HashMap, HashSet};

use super::timm::CONFIGURATION;
use crate::error::{Error, Result, short};
use machine::{Id, Machine, Value};

/// Most bytes of a pickle, some ten times those of the largest network here; values live in memory.
const MAX_BYTES: usize = 1 << 20;

/// Longest name, and most sides of a tensor. Names and sides are copied for every tensor that refers to them:
/// without a limit a small pickle could fill any memory.
const MAX_NAME: usize = 128;
const MAX_SIDES: usize = 8;

/// Most entries of all modules of a pickled model, tensors, modules and others: some ten times those of the largest
/// network here. A module may be in several others, and counts each time, as do its tensors, which are copied.
const MAX_ENTRIES: usize = 1 << 17;

/// First pickle of a file from before PyTorch 1.6: its magic number.
pub(super) const LEGACY_MAGIC: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";

/// A flat run of numbers in another entry of the archive.
#[derive(Clone, Debug)]
pub(super) struct Storage {
    /// `FloatStorage` and so on.
    pub kind: String,
    /// Name of the entry.
    pub key: String,
}

/// A tensor: a part of a storage, rows after rows.
#[derive(Clone, Debug)]
pub(super) struct Tensor {
    pub storage: Storage,
    /// How many numbers of the storage come before it.
    pub offset: usize,
    pub shape: Vec<usize>,
    /// Numbers between neighbours of each dimension, where these do not follow from the shape.
    pub strides: Option<Vec<usize>>,
}

/// Under what training scripts keep the weights in their checkpoints; of several the first is the model, and not for
/// example the average of its weights.
const WRAPPERS: [&str; 9] = [
    "state_dict",
    "model",
    "model_state_dict",
    "net",
    "network",
    "weights",
    "module",
    "model_state",
    "state_dict_ema",
];

fn refuse(why: impl std::fmt::Display) -> Error {
    Error::Format(format!(
        "the PyTorch file {why}; save only the weights (torch.save(model.state_dict(), …)) or give the model as safetensors"
    ))
}

/// What a pickle holds: names and tensors, and what they stood in.
pub(super) struct Found {
    /// By their names, or paths in a module.
    pub tensors: Vec<(String, Tensor)>,
    /// What the file is, as a report names it.
    pub format: &'static str,
    /// By what it was written, where it says so.
    pub writer: Option<String>,
    /// timm's description of the input, if it is there.
    pub configuration: Option<serde_json::Value>,
}

/// Names and tensors of a state dict or a whole module, alone or in a checkpoint.
pub(super) fn weights(bytes: &[u8]) -> Result<Found> {
    if bytes.len() > MAX_BYTES {
        return Err(refuse(format!("describes its tensors in {} bytes, more than {MAX_BYTES}", bytes.len())));
    }
    let mut machine = Machine::new(bytes);
    let root = machine.run()?;
    machine.tensors(root)
}

/// What a file from before PyTorch 1.6 says of its tensors.
pub(super) struct Legacy {
    /// The weights.
    pub found: Found,
    /// Kind of each storage by its key.
    pub kinds: HashMap<String, String>,
    /// Keys in the order in which the numbers follow.
    pub keys: Vec<String>,
    /// Where the numbers begin.
    pub end: usize,
}

/// Reads such a file's pickles, which begin with [`LEGACY_MAGIC`].
pub(super) fn legacy(bytes: &[u8]) -> Result<Legacy> {
    let bytes = &bytes[..bytes.len().min(MAX_BYTES)];
    let mut end = LEGACY_MAGIC.len();
    let mut next = || -> Result<(Machine, Id)> {
        let mut machine = Machine::new(&bytes[end..]);
        let root = machine.run()?;
        end += machine.at;
        Ok((machine, root))
    };
    // The protocol, and what the writing machine's numbers were like: PyTorch wrote the same on all.
    next()?;
    next()?;
    let (model, root) = next()?;
    let found = model.tensors(root)?;
    let storages = model.values.into_iter().filter_map(|value| match value {
        Value::Storage(Storage { kind, key }) => Some((key, kind)),
        _ => None,
    });
    let (list, root) = next()?;
    let key = |&id: &Id| match &list.values[id] {
        Value::Text(key) if key.len() <= MAX_NAME => Ok(key.clone()),
        _ => Err(list.damaged()),
    };
    let keys = list.sequence(root)?.iter().map(key).collect::<Result<_>>()?;
    Ok(Legacy { found, kinds: storages.collect(), keys, end })
}

impl Machine<'_> {
    /// The tensors of a whole module, of a dict by name, or of the one of both that training scripts put a dict around.
    fn tensors(&self, root: Id) -> Result<Found> {
        let entries = match &self.values[root] {
            Value::Dict(entries) => entries,
            Value::Object(_) => return self.found(root),
            _ => return Err(refuse("holds neither a state dict nor a module")),
        };
        let text = |id: Id| match &self.values[id] {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        };
        let under = |wanted: &str| {
            let values =
                entries.iter().filter(|&&(key, _)| text(key) == Some(wanted)).map(|&(_, value)| value);
            values.collect::<Vec<Id>>()
        };
        let holds_model = |id: Id| matches!(self.values[id], Value::Dict(_) | Value::Object(_));
        let inner = |wanted: &&str| {
            let found: Vec<Id> = under(wanted).into_iter().filter(|&value| holds_model(value)).collect();
            found.first().map(|&first| (first, found.len() > 1))
        };
        let mut found = match WRAPPERS.iter().find_map(inner) {
            None => self.found(root)?,
            Some((inner, false)) if inner != root => self.found(inner)?,
            Some(_) => return Err(refuse("holds several state dicts, and which is meant is not said")),
        };
        let lightning = under("pytorch-lightning_version").first().and_then(|&value| text(value));
        found.writer = lightning.map(|version| short(format!("PyTorch Lightning {version}")));
        let beside = under(CONFIGURATION).first().and_then(|&value| self.configuration(value));
        found.configuration = found.configuration.or(beside);
        Ok(found)
    }

    /// A module or a state dict.
    fn found(&self, root: Id) -> Result<Found> {
        let (tensors, format, configuration) = match self.values[root] {
            Value::Object(_) => {
                let walked = self.module(root)?;
                (walked.tensors, "PyTorch module", walked.configuration)
            }
            _ => (self.tensors_of(root)?, "PyTorch state dict", None),
        };
        Ok(Found { tensors, format, writer: None, configuration })
    }

    fn tensors_of(&self, dict: Id) -> Result<Vec<(String, Tensor)>> {
        let Value::Dict(entries) = &self.values[dict] else { return Err(self.damaged()) };
        let mut seen = HashSet::new();
        entries
            .iter()
            .map(|&(key, value)| match (&self.values[key], &self.values[value]) {
                (Value::Text(name), _) if name.len() > MAX_NAME => Err(self.damaged()),
                (Value::Text(name), _) if !seen.insert(name.as_str()) => {
                    Err(refuse(format!("is damaged: it holds {name} twice")))
                }
                (Value::Text(name), Value::Tensor(tensor)) => Ok((name.clone(), tensor.clone())),
                (Value::Text(name), _) => Err(refuse(format!("holds {name}, which is no tensor"))),
                _ => Err(self.damaged()),
            })
            .collect()
    }
}
