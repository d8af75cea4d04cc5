//! Between named tensors and a Burn module: shapes out, values in, values out.

use std::collections::{HashMap, HashSet};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};

use super::names::Row;
use super::source::TensorSource;
use crate::error::{Error, Result, short};
use crate::model::Xception;

/// Canonical name, shape and values of one tensor.
pub(super) type Named = (String, Vec<usize>, Vec<f32>);

/// Every tensor with its values.
pub(super) fn export(network: &Xception) -> Result<Vec<Named>> {
    let mut visitor = Values::default();
    network.visit(&mut visitor);
    match visitor.failure {
        Some(failure) => Err(failure),
        None => Ok(visitor.found),
    }
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

/// Puts the values of `source` in place. Call after [`check`].
pub(super) fn load(network: Xception, rows: &[Row], source: &dyn TensorSource) -> Result<Xception> {
    let rows = rows.iter().map(|row| (row.canonical.as_str(), row)).collect();
    let mut loader = Loader { path: Path::default(), rows, source, failure: None };
    let network = network.map(&mut loader);
    match loader.failure {
        Some(failure) => Err(failure),
        None => Ok(network),
    }
}

/// Where in the module tree a visitor is.
#[derive(Default)]
struct Path(Vec<String>);

impl Path {
    fn enter(&mut self, name: &str) {
        self.0.push(name.into());
    }

    fn exit(&mut self) {
        self.0.pop();
    }

    fn name(&self) -> String {
        self.0.join(".")
    }
}

#[derive(Default)]
struct Values {
    path: Path,
    found: Vec<Named>,
    failure: Option<Error>,
}

impl ModuleVisitor for Values {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        match param.val().into_data().try_into_vec_as::<f32>() {
            Ok(values) => self.found.push((self.path.name(), param.lazy_shape().to_vec(), values)),
            Err(error) => {
                self.failure =
                    Some(Error::Weights(format!("cannot read {} back: {error:?}", self.path.name())));
            }
        }
    }
}

struct Loader<'a> {
    path: Path,
    rows: HashMap<&'a str, &'a Row>,
    source: &'a dyn TensorSource,
    failure: Option<Error>,
}

impl ModuleMapper for Loader<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.name();
        if self.failure.is_some() {
            return param;
        }
        let values = match self.rows.get(name.as_str()) {
            Some(row) => row.read(self.source),
            None => Err(Error::Weights(format!("the name table has no row for {name}"))),
        };
        match values {
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
