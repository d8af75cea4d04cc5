//! Dense layers of which the file keeps parts: without a bias, or with batch norms around that fold into them.

use super::super::numbers::not_finite;
use crate::error::{Error, Result, short};

/// Name and shape of a tensor.
pub(in crate::weights) type Named = (String, Vec<usize>);

/// A batch norm: gamma and beta, where it has them, mean, variance, and the epsilon.
#[derive(Debug)]
pub(in crate::weights) struct Norm {
    pub tensors: Vec<Named>,
    pub epsilon: f64,
    pub scale: bool,
    pub center: bool,
}

/// A dense layer as its parts.
#[derive(Debug)]
pub(in crate::weights) struct Folded {
    pub kernel: Named,
    pub bias: Option<String>,
    pub before: Vec<Norm>,
    pub after: Vec<Norm>,
}

/// Per channel.
struct Affine {
    scale: Vec<f64>,
    shift: Vec<f64>,
}

impl Norm {
    /// Refuses a batch norm that does not have a number for each of `channels`.
    pub fn check(&self, channels: usize) -> Result<()> {
        match self.tensors.iter().find(|(_, shape)| shape[..] != [channels]) {
            Some((name, shape)) => Err(Error::Weights(format!(
                "the tensor {} has shape {shape:?}, but the dense layer beside it has {channels} numbers there",
                short(name)
            ))),
            None => Ok(()),
        }
    }

    fn affine(&self, read: &dyn Fn(&str) -> Result<Vec<f32>>) -> Result<Affine> {
        let mut tensors = self.tensors.iter();
        let mut next = || {
            let lacks = || Error::Weights("a batch norm of the classifier lacks tensors".into());
            let (name, _) = tensors.next().ok_or_else(lacks)?;
            finite(name, read(name)?)
        };
        let gamma = self.scale.then(&mut next).transpose()?;
        let beta = self.center.then(&mut next).transpose()?;
        let (mean, variance) = (next()?, next()?);
        let gamma = gamma.unwrap_or_else(|| vec![1.0; mean.len()]);
        let beta = beta.unwrap_or_else(|| vec![0.0; mean.len()]);
        let scale: Vec<f64> = gamma
            .iter()
            .zip(&variance)
            .map(|(gamma, variance)| f64::from(*gamma) / (f64::from(*variance) + self.epsilon).sqrt())
            .collect();
        let shift = beta.iter().zip(&mean).zip(&scale);
        let shift = shift.map(|((beta, mean), scale)| f64::from(*beta) - f64::from(*mean) * scale).collect();
        Ok(Affine { scale, shift })
    }
}

fn finite(name: &str, values: Vec<f32>) -> Result<Vec<f32>> {
    match not_finite(&values) {
        Some(bad) => Err(Error::Weights(format!(
            "the tensor {} holds {bad}; every weight must be finite: the file is damaged or its training diverged",
            short(name)
        ))),
        None => Ok(values),
    }
}

impl Folded {
    /// Kernel `[in, out]` and bias `[out]` of the one layer that all of this is.
    pub fn values(&self, read: &dyn Fn(&str) -> Result<Vec<f32>>) -> Result<[Vec<f32>; 2]> {
        let (name, shape) = &self.kernel;
        let outputs = shape.last().copied().unwrap_or(0);
        let kernel = finite(name, read(name)?)?;
        let mut kernel: Vec<f64> = kernel.into_iter().map(f64::from).collect();
        let mut bias = match &self.bias {
            Some(bias) => finite(bias, read(bias)?)?.into_iter().map(f64::from).collect(),
            None => vec![0.0; outputs],
        };
        // The one nearest to the kernel first.
        for norm in self.before.iter().rev() {
            let Affine { scale, shift } = norm.affine(read)?;
            for ((row, scale), shift) in kernel.chunks_exact_mut(outputs.max(1)).zip(scale).zip(shift) {
                for (weight, bias) in row.iter_mut().zip(&mut bias) {
                    *bias += shift * *weight;
                    *weight *= scale;
                }
            }
        }
        for norm in &self.after {
            let Affine { scale, shift } = norm.affine(read)?;
            for row in kernel.chunks_exact_mut(outputs.max(1)) {
                row.iter_mut().zip(&scale).for_each(|(weight, scale)| *weight *= scale);
            }
            bias.iter_mut()
                .zip(&scale)
                .zip(&shift)
                .for_each(|((bias, scale), shift)| *bias = *bias * scale + shift);
        }
        Ok([kernel, bias].map(|values| values.into_iter().map(|value| value as f32).collect()))
    }
}
