//! Between named tensors and a Burn module: shapes out, values in, values out.

use std::collections::{HashMap, HashSet};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};

use super::names::Row;
use super::source::TensorSource;
use crate::error::{Error, Result, short};
use crate::model::{TensorId, Xception, XceptionConfig};

/// A tensor, its shape and its values.
pub(super) type Named = (TensorId, Vec<usize>, Vec<f32>);

/// Every tensor of a network of this architecture with its values.
pub(super) fn export(network: &Xception, config: &XceptionConfig) -> Result<Vec<Named>> {
    let mut visitor = Values::default();
    network.visit(&mut visitor);
    if let Some(failure) = visitor.failure {
        return Err(failure);
    }
    let tensors = config.plan().tensors();
    if !tensors.iter().map(|(_, shape)| shape).eq(visitor.found.iter().map(|(shape, _)| shape)) {
        return Err(of_another());
    }
    let values = visitor.found.into_iter().map(|(_, values)| values);
    Ok(tensors.into_iter().zip(values).map(|((id, shape), values)| (id, shape, values)).collect())
}

/// Fails on the first tensor that is missing, misshaped, of an unknown type or unused, and names it.
pub(super) fn check(rows: &[Row], source: &dyn TensorSource) -> Result<()> {
    let stored = source.tensors();
    let mut shapes: HashMap<&str, &[usize]> = HashMap::new();
    for (name, shape) in &stored {
        if shapes.insert(name, shape).is_some() {
            return Err(Error::Weights(format!(
                "the file holds the tensor {} twice; each must appear once",
                short(name)
            )));
        }
    }
    for row in rows {
        let expected = row.foreign_shape();
        match shapes.get(row.name.as_str()) {
            None => {
                return Err(Error::Weights(format!(
                    "the file lacks the tensor {} of shape {expected:?}; the whole network must be in it",
                    row.name
                )));
            }
            Some(&found) if found != expected => {
                return Err(Error::Weights(format!(
                    "the tensor {} has shape {found:?}, but this network needs {expected:?}",
                    short(&row.name)
                )));
            }
            Some(_) => source.check(&row.name)?,
        }
    }
    let used: HashSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    match stored.iter().find(|(name, _)| !used.contains(name.as_str())) {
        Some((name, shape)) => Err(Error::Weights(format!(
            "the file holds the tensor {} of shape {shape:?}, which this network has no place for",
            short(name)
        ))),
        None => Ok(()),
    }
}

/// Puts the values of `source` in place. Call after [`check`]. The rows are in the order of the network's modules, as
/// the plan is.
pub(super) fn load(network: Xception, rows: &[Row], source: &dyn TensorSource) -> Result<Xception> {
    let mut loader = Loader { rows: rows.iter(), source, failure: None };
    let network = network.map(&mut loader);
    match loader.failure {
        Some(failure) => Err(failure),
        None => Ok(network),
    }
}

#[derive(Default)]
struct Values {
    found: Vec<(Vec<usize>, Vec<f32>)>,
    failure: Option<Error>,
}

impl ModuleVisitor for Values {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        match param.val().into_data().try_into_vec_as::<f32>() {
            Ok(values) => self.found.push((param.lazy_shape().to_vec(), values)),
            Err(error) => {
                self.failure = Some(Error::Weights(format!("cannot read a tensor back: {error:?}")));
            }
        }
    }
}

struct Loader<'a> {
    rows: std::slice::Iter<'a, Row>,
    source: &'a dyn TensorSource,
    failure: Option<Error>,
}

impl ModuleMapper for Loader<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.failure.is_some() {
            return param;
        }
        let row = self.rows.next().filter(|row| row.shape == param.lazy_shape().to_vec());
        match row.ok_or_else(of_another).and_then(|row| row.read(self.source)) {
            Ok(values) => {
                let data = TensorData::new(values, param.lazy_shape());
                let tensor = Tensor::from_data(data, &param.lazy_device());
                let id = param.id;
                param.transform_for_load(tensor, id)
            }
            Err(failure) => {
                self.failure = Some(failure);
                param
            }
        }
    }
}

fn of_another() -> Error {
    Error::Weights("the network is not of this architecture; give the one that it was made by".into())
}
