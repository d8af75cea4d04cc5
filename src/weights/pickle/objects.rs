//! The few objects that tensors are made of.

use super::machine::{Id, Machine, Value};
use super::{MAX_NAME, MAX_SIDES, Storage, Tensor, refuse};
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
    pub fn object(&self, class: Id) -> Error {
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
}
