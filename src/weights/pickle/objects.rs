//! The few objects that tensors are made of.

use serde_json::Value as Json;

use super::machine::{Id, Machine, Value};
use super::{CONFIGURATION, MAX_ENTRIES, MAX_NAME, MAX_SIDES, Storage, Tensor, refuse};
use crate::error::{Error, Result, short};

/// Most entries of timm's description of an input, twice what it has.
const MAX_SETTINGS: usize = 64;

/// A module's tensors, and timm's description of its input.
pub(super) struct Walked {
    pub tensors: Vec<(String, Tensor)>,
    pub configuration: Option<Json>,
    /// Entries that may still be walked through.
    left: usize,
}

/// What modules and training scripts keep beside tensors, of which nothing is made here: numbers and lists of numpy,
/// paths, dates and collections.
const DATA: [&str; 35] = [
    "__builtin__.bytearray",
    "__builtin__.set",
    "_codecs.encode",
    "builtins.bytearray",
    "builtins.complex",
    "builtins.frozenset",
    "builtins.range",
    "builtins.set",
    "builtins.slice",
    "collections.Counter",
    "collections.defaultdict",
    "collections.deque",
    "datetime.date",
    "datetime.datetime",
    "datetime.timedelta",
    "datetime.timezone",
    "functools.partial",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy._core.numeric._frombuffer",
    "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy.core.numeric._frombuffer",
    "numpy.dtype",
    "pathlib.Path",
    "pathlib.PosixPath",
    "pathlib.PurePosixPath",
    "pathlib.WindowsPath",
    "pathlib._local.PosixPath",
    "pathlib._local.WindowsPath",
    "torch.Size",
    "torch.device",
    "torch.nn.backends.thnn._get_thnn_function_backend",
    "torch.serialization._get_layout",
    "torch.torch.device",
];

impl Machine<'_> {
    pub fn sequence(&self, id: Id) -> Result<&[Id]> {
        match &self.values[id] {
            Value::Sequence(items) => Ok(items),
            _ => Err(self.damaged()),
        }
    }

    fn sides(&self, id: Id) -> Result<Vec<usize>> {
        let side = |&id: &Id| match self.values[id] {
            Value::Int(side) => usize::try_from(side).map_err(|_| self.damaged()),
            _ => Err(self.damaged()),
        };
        match self.sequence(id)? {
            sides if sides.len() > MAX_SIDES => {
                Err(refuse(format!("holds a tensor of {} dimensions, more than {MAX_SIDES}", sides.len())))
            }
            sides => sides.iter().map(side).collect(),
        }
    }

    /// `('storage', torch.FloatStorage, key, device, count)`, and before PyTorch 1.6 a view, always None since 0.4.
    pub fn storage(&mut self) -> Result<()> {
        let id = self.pop()?;
        // Before PyTorch 1.6 a module's class came with its source: `('module', class, file, source)`.
        if let [_, class, _, _] = *self.sequence(id)?
            && matches!(self.values[class], Value::Global(_))
        {
            self.again(class);
            return Ok(());
        }
        let (kind, key) = match *self.sequence(id)? {
            [_, kind, key, _, _] => (kind, key),
            [_, kind, key, _, _, view] if matches!(self.values[view], Value::Other) => (kind, key),
            _ => return Err(self.damaged()),
        };
        let (Value::Global(kind), Value::Text(key)) = (&self.values[kind], &self.values[key]) else {
            return Err(self.damaged());
        };
        if kind.len().max(key.len()) > MAX_NAME {
            return Err(self.damaged());
        }
        let storage = Storage { kind: kind.clone(), key: key.clone() };
        self.push(Value::Storage(storage));
        Ok(())
    }

    pub fn reduce(&mut self) -> Result<()> {
        let (arguments, callee) = (self.pop()?, self.pop()?);
        let Value::Global(name) = &self.values[callee] else { return Err(self.damaged()) };
        let arguments = self.sequence(arguments)?;
        let value = match (name.as_str(), arguments) {
            ("collections.OrderedDict", []) => Value::Dict(Vec::new()),
            ("collections.OrderedDict", &[pairs]) => Value::Dict(self.pairs(pairs)?),
            // Python 2's way to make an object.
            ("copy_reg._reconstructor", _) => Value::Object(None),
            (name, _) if DATA.contains(&name) => Value::Other,
            (
                "torch._utils._rebuild_tensor" | "torch._utils._rebuild_tensor_v2",
                &[storage, offset, shape, strides, ..],
            ) => self.tensor(storage, offset, shape, strides)?,
            ("torch._utils._rebuild_parameter", &[tensor, ..]) => match &self.values[tensor] {
                Value::Tensor(tensor) => Value::Tensor(tensor.clone()),
                _ => return Err(self.damaged()),
            },
            (name, _) => return Err(self.call(name)),
        };
        self.push(value);
        Ok(())
    }

    /// The error for the result of this function.
    fn call(&self, function: &str) -> Error {
        refuse(format!("holds what {} gives, which is not called here: it could run code", short(function)))
    }

    /// A list of pairs.
    fn pairs(&self, list: Id) -> Result<Vec<(Id, Id)>> {
        let pair = |&pair: &Id| match *self.sequence(pair)? {
            [key, value] => Ok((key, value)),
            _ => Err(self.damaged()),
        };
        self.sequence(list)?.iter().map(pair).collect()
    }

    /// The tensors of a module and of all modules in it, by their paths, and what timm's says of its input.
    pub fn module(&self, root: Id) -> Result<Walked> {
        let mut walked = Walked { tensors: Vec::new(), configuration: None, left: MAX_ENTRIES };
        self.walk(root, "", &mut walked)?;
        Ok(walked)
    }

    fn walk(&self, module: Id, path: &str, walked: &mut Walked) -> Result<()> {
        let endless = || refuse("holds a module that is in itself, or too many of them");
        if path.len() > MAX_NAME {
            return Err(endless());
        }
        let Value::Object(Some(state)) = self.values[module] else { return Ok(()) };
        let Value::Dict(state) = &self.values[state] else { return Err(self.damaged()) };
        walked.left = walked.left.checked_sub(state.len()).ok_or_else(endless)?;
        for &(key, value) in state {
            let Value::Text(kind) = &self.values[key] else { continue };
            if kind == CONFIGURATION && walked.configuration.is_none() {
                walked.configuration = self.configuration(value);
            }
            let Value::Dict(parts) = &self.values[value] else { continue };
            walked.left = walked.left.checked_sub(parts.len()).ok_or_else(endless)?;
            for &(name, part) in parts {
                let Value::Text(name) = &self.values[name] else { continue };
                let name = format!("{path}{}", short(name));
                match (kind.as_str(), &self.values[part]) {
                    ("_parameters" | "_buffers", Value::Tensor(tensor)) => {
                        walked.tensors.push((name, tensor.clone()));
                    }
                    ("_modules", Value::Object(_)) => self.walk(part, &format!("{name}."), walked)?,
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// timm's dict of what a network expects of its input, as JSON: numbers, texts, and short lists of numbers.
    pub fn configuration(&self, id: Id) -> Option<Json> {
        let Value::Dict(entries) = &self.values[id] else { return None };
        let plain = |id: Id| match &self.values[id] {
            Value::Bool(value) => Some(Json::from(*value)),
            Value::Int(value) => Some(Json::from(*value)),
            Value::Float(value) => Some(Json::from(*value)),
            Value::Text(text) => Some(Json::from(short(text))),
            _ => None,
        };
        let value = |id: Id| match &self.values[id] {
            Value::Sequence(list) if list.len() <= MAX_SIDES => list.iter().map(|&id| plain(id)).collect(),
            _ => plain(id),
        };
        let entry = |&(key, id): &(Id, Id)| match &self.values[key] {
            Value::Text(key) => Some((short(key), value(id)?)),
            _ => None,
        };
        let found: serde_json::Map<String, Json> =
            entries.iter().take(MAX_SETTINGS).filter_map(entry).collect();
        (!found.is_empty()).then_some(Json::Object(found))
    }

    fn tensor(&self, storage: Id, offset: Id, shape: Id, strides: Id) -> Result<Value> {
        let (Value::Storage(storage), &Value::Int(offset)) = (&self.values[storage], &self.values[offset])
        else {
            return Err(self.damaged());
        };
        let (shape, strides) = (self.sides(shape)?, self.sides(strides)?);
        if shape.len() != strides.len() {
            return Err(self.damaged());
        }
        // Dimensions from the one that varies fastest in the file: rows after rows, or channels before them.
        let mut order: Vec<usize> = (0..shape.len()).rev().filter(|&at| shape[at] != 1).collect();
        let rows = order.clone();
        order.sort_by_key(|&at| strides[at]);
        let mut step = 1usize;
        for &at in &order {
            if strides[at] != step {
                return Err(refuse(format!(
                    "holds a tensor of shape {shape:?} with the strides {strides:?}, which leave numbers out or use some twice"
                )));
            }
            step = step.saturating_mul(shape[at]);
        }
        let offset = usize::try_from(offset).map_err(|_| self.damaged())?;
        let strides = (order != rows).then_some(strides);
        Ok(Value::Tensor(Tensor { storage: storage.clone(), offset, shape, strides }))
    }
}
