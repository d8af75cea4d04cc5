//! The part of Python's pickle that a PyTorch state dict needs, and nothing else: no class is looked up,
//! nothing is called. Whatever is not a name, a number, a container or a tensor is refused.

use std::collections::{HashMap, HashSet};

use crate::error::{Error, Result, short};

/// Most bytes of a pickle, some ten times those of the largest network here; values live in memory.
const MAX_BYTES: usize = 1 << 20;

/// Longest name, and most sides of a tensor. Names and sides are copied for every tensor that refers to them:
/// without a limit a small pickle could fill any memory.
const MAX_NAME: usize = 128;
const MAX_SIDES: usize = 8;

/// The protocol that PyTorch writes.
const PROTOCOL: u8 = 2;

/// First pickle of a file from before PyTorch 1.6: its magic number.
pub(super) const LEGACY_MAGIC: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";

/// Index of a value: containers hold these, so that shared values cost nothing.
type Id = usize;

#[derive(Clone, Debug)]
enum Value {
    /// None, a float, or anything else that no tensor is made of.
    Other,
    Int(i64),
    Text(String),
    /// A tuple or a list.
    Sequence(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// Module and name.
    Global(String),
    Storage(Storage),
    Tensor(Tensor),
}

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
    /// In numbers.
    pub offset: usize,
    pub shape: Vec<usize>,
}

fn refuse(why: impl std::fmt::Display) -> Error {
    Error::Format(format!(
        "the PyTorch file {why}; save only the weights (torch.save(model.state_dict(), …)) or give the model as safetensors"
    ))
}

/// Names and tensors of a state dict, alone or under `state_dict` or `model`.
pub(super) fn state_dict(bytes: &[u8]) -> Result<Vec<(String, Tensor)>> {
    if bytes.len() > MAX_BYTES {
        return Err(refuse(format!("describes its tensors in {} bytes, more than {MAX_BYTES}", bytes.len())));
    }
    let mut machine = Machine::new(bytes);
    let root = machine.run()?;
    machine.tensors(root)
}

/// What a file from before PyTorch 1.6 says of its tensors.
pub(super) struct Legacy {
    /// Names and tensors of the state dict.
    pub tensors: Vec<(String, Tensor)>,
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
    let tensors = model.tensors(root)?;
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
    Ok(Legacy { tensors, kinds: storages.collect(), keys, end })
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    values: Vec<Value>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<'a> Machine<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, values: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() }
    }

    fn run(&mut self) -> Result<Id> {
        loop {
            let [code] = self.array()?;
            match code {
                0x80 => match self.array()? {
                    [PROTOCOL] => {}
                    [other] => {
                        return Err(refuse(format!(
                            "is a pickle of protocol {other}, and {PROTOCOL} is read, which PyTorch writes unless told otherwise"
                        )));
                    }
                },
                b'.' => return self.pop(),
                b'(' => self.marks.push(self.stack.len()),
                b'N' | 0x88 | 0x89 => self.push(Value::Other),
                b'G' => {
                    self.take(8)?;
                    self.push(Value::Other);
                }
                b'J' => {
                    let value = i32::from_le_bytes(self.array()?);
                    self.push(Value::Int(value.into()));
                }
                b'K' => {
                    let [value] = self.array()?;
                    self.push(Value::Int(value.into()));
                }
                b'M' => {
                    let value = u16::from_le_bytes(self.array()?);
                    self.push(Value::Int(value.into()));
                }
                0x8a => {
                    let [length] = self.array()?;
                    let value = self.long(length.into())?;
                    self.push(Value::Int(value));
                }
                b'X' => {
                    let length = u32::from_le_bytes(self.array()?);
                    let text = self.text(length as usize)?;
                    self.push(Value::Text(text));
                }
                b'c' => {
                    let global = format!("{}.{}", self.line()?, self.line()?);
                    self.push(Value::Global(global));
                }
                b'q' => {
                    let [slot] = self.array()?;
                    self.remember(slot.into())?;
                }
                b'r' => {
                    let slot = u32::from_le_bytes(self.array()?);
                    self.remember(slot)?;
                }
                b'h' => {
                    let [slot] = self.array()?;
                    self.recall(slot.into())?;
                }
                b'j' => {
                    let slot = u32::from_le_bytes(self.array()?);
                    self.recall(slot)?;
                }
                b')' | b']' => self.push(Value::Sequence(Vec::new())),
                b'}' => self.push(Value::Dict(Vec::new())),
                0x85..=0x87 => {
                    let count = usize::from(code - 0x84);
                    let start = self.stack.len().checked_sub(count).ok_or_else(|| self.damaged())?;
                    let items = self.stack.split_off(start);
                    self.push(Value::Sequence(items));
                }
                b't' => {
                    let items = self.marked()?;
                    self.push(Value::Sequence(items));
                }
                b'a' => {
                    let item = self.pop()?;
                    self.extend(vec![item])?;
                }
                b'e' => {
                    let items = self.marked()?;
                    self.extend(items)?;
                }
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.set(&[key, value])?;
                }
                b'u' => {
                    let items = self.marked()?;
                    self.set(&items)?;
                }
                // State of an object: a state dict's `_metadata`.
                b'b' => {
                    self.pop()?;
                }
                b'Q' => self.storage()?,
                b'R' => self.reduce()?,
                // Python's own objects: `cls.__new__`, with and without keywords.
                0x81 | 0x92 => {
                    let (_, class) = (self.pop()?, self.pop()?);
                    return Err(self.object(class));
                }
                other => {
                    return Err(refuse(format!(
                        "uses the pickle code {other:#04x}, which weights do not need"
                    )));
                }
            }
        }
    }

    fn damaged(&self) -> Error {
        refuse(format!("is damaged near byte {} of its pickle", self.at))
    }

    fn take(&mut self, count: usize) -> Result<&[u8]> {
        let end = self.at.checked_add(count).filter(|&end| end <= self.bytes.len());
        let end = end.ok_or_else(|| self.damaged())?;
        let start = std::mem::replace(&mut self.at, end);
        Ok(&self.bytes[start..end])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn text(&mut self, count: usize) -> Result<String> {
        let text = String::from_utf8(self.take(count)?.to_vec());
        text.map_err(|_| self.damaged())
    }

    fn line(&mut self) -> Result<String> {
        let length = self.bytes[self.at..].iter().position(|&byte| byte == b'\n');
        let length = length.ok_or_else(|| self.damaged())?;
        let line = self.text(length)?;
        self.take(1)?;
        Ok(line)
    }

    fn long(&mut self, length: usize) -> Result<i64> {
        if length > 8 {
            return Err(self.damaged());
        }
        let bytes = self.take(length)?;
        let sign = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
        let mut whole = [sign; 8];
        whole[..length].copy_from_slice(bytes);
        Ok(i64::from_le_bytes(whole))
    }

    fn push(&mut self, value: Value) {
        self.stack.push(self.values.len());
        self.values.push(value);
    }

    fn pop(&mut self) -> Result<Id> {
        self.stack.pop().ok_or_else(|| self.damaged())
    }

    fn marked(&mut self) -> Result<Vec<Id>> {
        let mark = self.marks.pop().filter(|&mark| mark <= self.stack.len());
        let mark = mark.ok_or_else(|| self.damaged())?;
        Ok(self.stack.split_off(mark))
    }

    fn remember(&mut self, slot: u32) -> Result<()> {
        let top = *self.stack.last().ok_or_else(|| self.damaged())?;
        self.memo.insert(slot, top);
        Ok(())
    }

    fn recall(&mut self, slot: u32) -> Result<()> {
        let id = self.memo.get(&slot).copied().ok_or_else(|| self.damaged())?;
        self.stack.push(id);
        Ok(())
    }

    fn extend(&mut self, items: Vec<Id>) -> Result<()> {
        match self.stack.last().and_then(|&id| self.values.get_mut(id)) {
            Some(Value::Sequence(sequence)) => sequence.extend(items),
            _ => return Err(self.damaged()),
        }
        Ok(())
    }

    fn set(&mut self, items: &[Id]) -> Result<()> {
        let (pairs, rest) = items.as_chunks::<2>();
        match self.stack.last().and_then(|&id| self.values.get_mut(id)) {
            Some(Value::Dict(dict)) if rest.is_empty() => {
                dict.extend(pairs.iter().map(|&[key, value]| (key, value)));
            }
            _ => return Err(self.damaged()),
        }
        Ok(())
    }

    fn sequence(&self, id: Id) -> Result<&[Id]> {
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
    fn storage(&mut self) -> Result<()> {
        let id = self.pop()?;
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

    fn reduce(&mut self) -> Result<()> {
        let (arguments, callee) = (self.pop()?, self.pop()?);
        let Value::Global(name) = &self.values[callee] else { return Err(self.damaged()) };
        let arguments = self.sequence(arguments)?;
        let value = match (name.as_str(), arguments) {
            ("collections.OrderedDict", []) => Value::Dict(Vec::new()),
            ("torch._utils._rebuild_tensor_v2", &[storage, offset, shape, strides, ..]) => {
                self.tensor(storage, offset, shape, strides)?
            }
            ("torch._utils._rebuild_parameter", &[tensor, ..]) => match &self.values[tensor] {
                Value::Tensor(tensor) => Value::Tensor(tensor.clone()),
                _ => return Err(self.damaged()),
            },
            _ => return Err(self.object(callee)),
        };
        self.push(value);
        Ok(())
    }

    /// The error for an object of this class, or the result of this function.
    fn object(&self, class: Id) -> Error {
        match &self.values[class] {
            Value::Global(name) => refuse(format!(
                "holds more than tensors, an object of {} (a training script's settings, or a whole model), which is not made here: it could run code",
                short(name)
            )),
            _ => self.damaged(),
        }
    }

    fn tensor(&self, storage: Id, offset: Id, shape: Id, strides: Id) -> Result<Value> {
        let (Value::Storage(storage), &Value::Int(offset)) = (&self.values[storage], &self.values[offset])
        else {
            return Err(self.damaged());
        };
        let (shape, strides) = (self.sides(shape)?, self.sides(strides)?);
        let mut step = 1usize;
        for (&side, &stride) in shape.iter().zip(&strides).rev() {
            if side > 1 && stride != step {
                return Err(refuse(format!(
                    "holds a tensor of shape {shape:?} with the strides {strides:?}, which are not those of rows after rows"
                )));
            }
            step = step.saturating_mul(side);
        }
        let offset = usize::try_from(offset).map_err(|_| self.damaged())?;
        Ok(Value::Tensor(Tensor { storage: storage.clone(), offset, shape }))
    }

    /// The tensors of a dict by name, or of the one dict in it that training scripts put around them.
    fn tensors(&self, root: Id) -> Result<Vec<(String, Tensor)>> {
        let Value::Dict(entries) = &self.values[root] else {
            return Err(refuse("holds no state dict"));
        };
        let text = |id: Id| match &self.values[id] {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        };
        let inner: Vec<Id> = entries
            .iter()
            .filter(|&&(key, value)| {
                matches!(text(key), Some("state_dict" | "model"))
                    && matches!(self.values[value], Value::Dict(_))
            })
            .map(|&(_, value)| value)
            .collect();
        match inner[..] {
            [] => {}
            [inner] if inner != root => return self.tensors_of(inner),
            _ => return Err(refuse("holds several state dicts, and which is meant is not said")),
        }
        self.tensors_of(root)
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
