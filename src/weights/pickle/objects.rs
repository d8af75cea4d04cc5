//! The few objects that tensors are made of.

use super::machine::{Id, Machine, Value};
use super::{MAX_ENTRIES, MAX_NAME, MAX_SIDES, Storage, Tensor, refuse};
use crate::error::{Error, Result, short};

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
            // Python 2's way to make an object, and what modules hold beside tensors and modules.
            ("copy_reg._reconstructor", _) => Value::Object(None),
            (
                "__builtin__.set"
                | "builtins.set"
                | "torch.Size"
                | "torch.nn.backends.thnn._get_thnn_function_backend",
                _,
            ) => Value::Other,
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

    /// The tensors of a module and of all modules in it, by their paths.
    pub fn module(&self, root: Id) -> Result<Vec<(String, Tensor)>> {
        let (mut found, mut left) = (Vec::new(), MAX_ENTRIES);
        self.walk(root, "", &mut found, &mut left)?;
        Ok(found)
    }

    fn walk(
        &self,
        module: Id,
        path: &str,
        found: &mut Vec<(String, Tensor)>,
        left: &mut usize,
    ) -> Result<()> {
        let endless = || refuse("holds a module that is in itself, or too many of them");
        if path.len() > MAX_NAME {
            return Err(endless());
        }
        let Value::Object(Some(state)) = self.values[module] else { return Ok(()) };
        let Value::Dict(state) = &self.values[state] else { return Err(self.damaged()) };
        *left = left.checked_sub(state.len()).ok_or_else(endless)?;
        for &(key, value) in state {
            let (Value::Text(kind), Value::Dict(parts)) = (&self.values[key], &self.values[value]) else {
                continue;
            };
            *left = left.checked_sub(parts.len()).ok_or_else(endless)?;
            for &(name, part) in parts {
                let Value::Text(name) = &self.values[name] else { continue };
                let name = format!("{path}{}", short(name));
                match (kind.as_str(), &self.values[part]) {
                    ("_parameters" | "_buffers", Value::Tensor(tensor)) => found.push((name, tensor.clone())),
                    ("_modules", Value::Object(_)) => self.walk(part, &format!("{name}."), found, left)?,
                    _ => {}
                }
            }
        }
        Ok(())
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
}
