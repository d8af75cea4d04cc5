//! The stack machine that a pickle is a program for.

use std::collections::HashMap;

use super::{MAX_NAME, Storage, Tensor, refuse};
use crate::error::{Error, Result};

/// The protocols that are read: PyTorch writes 2 unless told otherwise, and Python knows none above 5.
const PROTOCOLS: std::ops::RangeInclusive<u8> = 2..=5;

/// Index of a value: containers hold these, so that shared values cost nothing.
pub(super) type Id = usize;

#[derive(Clone, Debug)]
pub(super) enum Value {
    /// None, or anything else that no tensor is made of.
    Other,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// A tuple or a list.
    Sequence(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// Module and name.
    Global(String),
    Storage(Storage),
    Tensor(Tensor),
    /// An object of any class, of which nothing but the state that it was saved with is looked at: a module.
    Object(Option<Id>),
}

/// A pickle, and what it has made so far.
pub(super) struct Machine<'a> {
    bytes: &'a [u8],
    /// How far it has read.
    pub at: usize,
    pub values: Vec<Value>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<'a> Machine<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, values: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() }
    }

    pub fn run(&mut self) -> Result<Id> {
        loop {
            let [code] = self.array()?;
            match code {
                0x80 => match self.array()? {
                    [known] if PROTOCOLS.contains(&known) => {}
                    [other] => {
                        return Err(refuse(format!(
                            "is a pickle of protocol {other}, and {} to {} are read, of which PyTorch writes the first unless told otherwise",
                            PROTOCOLS.start(),
                            PROTOCOLS.end()
                        )));
                    }
                },
                b'.' => return self.pop(),
                b'(' => self.marks.push(self.stack.len()),
                b'N' => self.push(Value::Other),
                0x88 | 0x89 => self.push(Value::Bool(code == 0x88)),
                b'G' => {
                    let value = f64::from_be_bytes(self.array()?);
                    self.push(Value::Float(value));
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
                    self.push(value.map_or(Value::Other, Value::Int));
                }
                b'X' => {
                    let length = u32::from_le_bytes(self.array()?);
                    self.push_text(length.into())?;
                }
                0x8c => {
                    let [length] = self.array()?;
                    self.push_text(length.into())?;
                }
                0x8d => {
                    let length = u64::from_le_bytes(self.array()?);
                    self.push_text(length)?;
                }
                // Bytes, which Python 2 took for texts.
                b'C' | b'U' => {
                    let [length] = self.array()?;
                    self.push_bytes(length.into())?;
                }
                b'B' | b'T' => {
                    let length = u32::from_le_bytes(self.array()?);
                    self.push_bytes(length as usize)?;
                }
                // How long the next part of the pickle is.
                0x95 => {
                    let _: [u8; 8] = self.array()?;
                }
                0x94 => {
                    let slot = u32::try_from(self.memo.len()).map_err(|_| self.damaged())?;
                    self.remember(slot)?;
                }
                b'c' => {
                    let global = format!("{}.{}", self.line()?, self.line()?);
                    self.push(Value::Global(global));
                }
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    let (Value::Text(module), Value::Text(name)) = (&self.values[module], &self.values[name])
                    else {
                        return Err(self.damaged());
                    };
                    // Both may be referred to again and again, and the text is copied.
                    if module.len().max(name.len()) > MAX_NAME {
                        return Err(self.damaged());
                    }
                    let global = format!("{module}.{name}");
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
                b')' | b']' | 0x8f => self.push(Value::Sequence(Vec::new())),
                b'}' => self.push(Value::Dict(Vec::new())),
                0x85..=0x87 => {
                    let count = usize::from(code - 0x84);
                    let start = self.stack.len().checked_sub(count).ok_or_else(|| self.damaged())?;
                    let items = self.stack.split_off(start);
                    self.push(Value::Sequence(items));
                }
                // A tuple, or a set that does not change.
                b't' | 0x91 => {
                    let items = self.marked()?;
                    self.push(Value::Sequence(items));
                }
                b'a' => {
                    let item = self.pop()?;
                    self.extend(vec![item])?;
                }
                b'e' | 0x90 => {
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
                // State of an object; that of a state dict is its `_metadata`.
                b'b' => {
                    let state = self.pop()?;
                    if let Some(Value::Object(of)) = self.stack.last().and_then(|&id| self.values.get_mut(id))
                    {
                        *of = Some(state);
                    }
                }
                b'Q' => self.storage()?,
                b'R' => self.reduce()?,
                // `cls.__new__`, which is not called: the object stays empty until its state comes.
                0x81 | 0x92 => {
                    if code == 0x92 {
                        self.pop()?;
                    }
                    let (_, class) = (self.pop()?, self.pop()?);
                    if !matches!(self.values[class], Value::Global(_)) {
                        return Err(self.damaged());
                    }
                    self.push(Value::Object(None));
                }
                other => {
                    return Err(refuse(format!(
                        "uses the pickle code {other:#04x}, which weights do not need"
                    )));
                }
            }
        }
    }

    pub fn damaged(&self) -> Error {
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

    /// The next bytes as a text.
    fn push_text(&mut self, length: u64) -> Result<()> {
        let length = usize::try_from(length).map_err(|_| self.damaged())?;
        let text = self.text(length)?;
        self.push(Value::Text(text));
        Ok(())
    }

    /// The next bytes as a text, if they are one.
    fn push_bytes(&mut self, length: usize) -> Result<()> {
        let text = String::from_utf8(self.take(length)?.to_vec());
        self.push(text.map_or(Value::Other, Value::Text));
        Ok(())
    }

    fn line(&mut self) -> Result<String> {
        let length = self.bytes[self.at..].iter().position(|&byte| byte == b'\n');
        let length = length.ok_or_else(|| self.damaged())?;
        let line = self.text(length)?;
        self.take(1)?;
        Ok(line)
    }

    /// A number of so many bytes; none if it is beyond what sizes are, as seeds may be.
    fn long(&mut self, length: usize) -> Result<Option<i64>> {
        let bytes = self.take(length)?;
        if length > size_of::<i64>() {
            return Ok(None);
        }
        let sign = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
        let mut whole = [sign; 8];
        whole[..length].copy_from_slice(bytes);
        Ok(Some(i64::from_le_bytes(whole)))
    }

    pub fn push(&mut self, value: Value) {
        self.stack.push(self.values.len());
        self.values.push(value);
    }

    /// Pushes a value that is there.
    pub fn again(&mut self, id: Id) {
        self.stack.push(id);
    }

    pub fn pop(&mut self) -> Result<Id> {
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
}
