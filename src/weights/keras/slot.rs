//! Which of the network's tensors a layer of Keras's holds.

use std::collections::HashMap;

use super::Row;
use crate::error::Result;
use crate::model::place::{Part, Place, TensorId, Unit};
use crate::model::plan::Layer;
use crate::model::{Plan, XceptionConfig};
use crate::weights::names::Layout;

/// A layer of Keras's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Conv(Place),
    Separable(Unit),
    Norm(Place),
    Dense(Place),
}

impl Slot {
    /// Its tensors in Keras's order, and how they lie there.
    pub fn tensors(self) -> Vec<(TensorId, Layout)> {
        match self {
            Self::Conv(place) => vec![(place.part(Part::Kernel), Layout::Hwio)],
            Self::Separable(unit) => vec![
                (unit.depthwise().part(Part::Kernel), Layout::Hwcm),
                (unit.pointwise().part(Part::Kernel), Layout::Hwio),
            ],
            Self::Norm(place) => Part::NORM.map(|part| (place.part(part), Layout::Same)).into(),
            // Keras and Burn both keep a dense kernel as [in, out].
            Self::Dense(place) => {
                [Part::Kernel, Part::Bias].map(|part| (place.part(part), Layout::Same)).into()
            }
        }
    }
}

/// The slots of a network of the paper's structure, in the order of `model.layers`.
///
/// Keras sorts layers by their depth from the output: a shortcut's norm comes after the block's last one, because a pool
/// follows that. So do the modules'.
pub(super) fn slots(plan: &Plan) -> Vec<Slot> {
    let of = |layer| match layer {
        Layer::Conv(place, _) => vec![Slot::Conv(place), Slot::Norm(place)],
        Layer::Separable(unit, _) => vec![Slot::Separable(unit), Slot::Norm(unit.pointwise())],
        Layer::Norm(place, _) => vec![Slot::Norm(place)],
        Layer::Dense(place, _) => vec![Slot::Dense(place)],
    };
    plan.layers().into_iter().flat_map(of).collect()
}

/// Where each tensor of the plan is in the file.
pub(super) fn rows(config: &XceptionConfig, mut found: HashMap<TensorId, Row>) -> Result<Vec<Option<Row>>> {
    // Of what no network has, there is no plan.
    config.validate()?;
    Ok(config.plan().tensors().into_iter().map(|(id, _)| found.remove(&id)).collect())
}
