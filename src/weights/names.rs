//! The name table: one row per tensor of the plan, with the name and the layout that a file has it under.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::numbers::not_finite;
use super::source::TensorSource;
use crate::error::{Error, Result, short};
use crate::model::{Part, TensorId, XceptionConfig};

/// How a foreign tensor lies in memory, compared to ours (`[out, in, H, W]`, linear `[in, out]`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Layout {
    /// As ours.
    Same,
    /// Keras convolution `[H, W, in, out]`.
    Hwio,
    /// Keras depthwise convolution `[H, W, C, 1]`.
    Hwcm,
    /// Keras convolution `[3, 3, in, out]` that is our matrix of `9 · in` rows.
    Windows,
    /// A matrix the other way round.
    Transposed,
}

impl Layout {
    /// The shape that the file must hold for a tensor of our shape.
    fn foreign_shape(self, shape: &[usize]) -> Vec<usize> {
        match (self, shape) {
            (Self::Hwio, &[o, i, h, w]) => vec![h, w, i, o],
            (Self::Hwcm, &[c, m, h, w]) => vec![h, w, c, m],
            (Self::Windows, &[i, o]) => vec![3, 3, i / 9, o],
            (Self::Transposed, &[i, o]) => vec![o, i],
            _ => shape.to_vec(),
        }
    }

    /// Values in our order. `shape` is ours.
    fn arrange(self, values: Vec<f32>, shape: &[usize]) -> Vec<f32> {
        let [rows, columns] = match (self, shape) {
            // All three are one matrix transposed: what the file varies slowest, we vary fastest.
            (Self::Hwio, &[o, i, h, w]) if h * w == 1 => [i, o],
            (Self::Hwio, &[o, i, h, w]) => return hwio_to_oihw(&values, [o, i, h * w]),
            (Self::Hwcm, &[c, m, h, w]) => [h * w, c * m],
            (Self::Transposed, &[i, o]) => return transpose(&values, [o, i]),
            _ => return values,
        };
        transpose(&values, [rows, columns])
    }
}

/// Rows that are read side by side: as many cache lines stay near while they are turned into columns.
const SIDE_BY_SIDE: usize = 16;

/// `[rows, columns]` to `[columns, rows]`.
fn transpose(values: &[f32], [rows, columns]: [usize; 2]) -> Vec<f32> {
    let mut out = vec![0.0; values.len()];
    for first in (0..rows).step_by(SIDE_BY_SIDE) {
        turn(values, first..rows.min(first + SIDE_BY_SIDE), [rows, columns], &mut out);
    }
    out
}

/// Some rows to columns; a call of its own, as an engine compiles a function anew only between two calls.
#[inline(never)]
fn turn(values: &[f32], some: Range<usize>, [rows, columns]: [usize; 2], out: &mut [f32]) {
    for (column, out) in out.chunks_exact_mut(rows).enumerate().take(columns) {
        for (out, row) in out[some.clone()].iter_mut().zip(some.clone()) {
            *out = values[row * columns + column];
        }
    }
}

fn hwio_to_oihw(values: &[f32], [o, i, hw]: [usize; 3]) -> Vec<f32> {
    let mut out = Vec::with_capacity(values.len());
    for to in 0..o {
        for from in 0..i {
            out.extend((0..hw).map(|at| values[(at * i + from) * o + to]));
        }
    }
    out
}

/// One tensor: ours, and where the file has it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// Which tensor of the plan.
    pub id: TensorId,
    /// Its shape there.
    pub shape: Vec<usize>,
    /// Name in the file.
    pub name: String,
    /// Layout in the file.
    pub layout: Layout,
}

impl Row {
    /// The shape in the file.
    pub fn foreign_shape(&self) -> Vec<usize> {
        self.layout.foreign_shape(&self.shape)
    }

    /// The values in our order; a number that is not finite is an error.
    pub fn read(&self, source: &dyn TensorSource) -> Result<Vec<f32>> {
        let values = source.read(&self.name)?;
        if let Some(bad) = not_finite(&values) {
            return Err(Error::Weights(format!(
                "the tensor {} holds {bad}; every weight must be finite: the file is damaged or its training diverged",
                short(&self.name)
            )));
        }
        let least = values.iter().copied().fold(0.0, f32::min);
        if least < 0.0 && self.id.part == Part::Variance {
            return Err(Error::Weights(format!(
                "the tensor {} holds {least}; a variance must be at least 0: the file is damaged",
                short(&self.name)
            )));
        }
        Ok(self.layout.arrange(values, &self.shape))
    }
}

/// The table of `config`, in the plan's order: `foreign` says what a file calls a tensor, and how it lies there.
pub(super) fn table(
    config: &XceptionConfig,
    mut foreign: impl FnMut(TensorId) -> (String, Layout),
) -> Result<Vec<Row>> {
    config.validate()?;
    let tensors = config.plan().tensors().into_iter();
    let row = |(id, shape)| {
        let (name, layout) = foreign(id);
        Row { id, shape, name, layout }
    };
    Ok(tensors.map(row).collect())
}

/// The table of the project's own files.
pub(super) fn own(config: &XceptionConfig) -> Result<Vec<Row>> {
    table(config, |id| (id.to_string(), Layout::Same))
}

/// Numbers that training changes: all but running statistics.
pub(super) fn trained<'a>(rows: impl Iterator<Item = &'a Row>) -> usize {
    rows.filter(|row| row.id.part.is_trained()).map(|row| row.shape.iter().product::<usize>()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layout_is_the_inverse_of_its_foreign_order() {
        // Values 0.. in our order [o=2, i=3, h=2, w=2], written as HWIO by hand.
        let shape = [2, 3, 2, 2];
        let ours: Vec<f32> = (0..24u8).map(f32::from).collect();
        let mut hwio = vec![0.0; 24];
        for (at, value) in ours.iter().enumerate() {
            let (o, i, h, w) = (at / 12, at / 4 % 3, at / 2 % 2, at % 2);
            hwio[((h * 2 + w) * 3 + i) * 2 + o] = *value;
        }
        assert_eq!(Layout::Hwio.arrange(hwio, &shape), ours);
        assert_eq!(Layout::Hwcm.arrange(vec![0., 2., 1., 3.], &[2, 1, 1, 2]), [0., 1., 2., 3.]);
        assert_eq!(
            Layout::Transposed.arrange(vec![0., 2., 4., 1., 3., 5.], &[3, 2]),
            [0., 1., 2., 3., 4., 5.]
        );
    }
}
