//! The layers of an Xception in their order, from the preprocessing to the last separable convolution.

use super::layer::{Op, strange};
use super::walk::Before;
use super::way::Walk;
use crate::error::Result;
use crate::model::config::Dialect;

/// A block as it is found.
pub(super) struct Block {
    pub lead: bool,
    pub widths: Vec<usize>,
    /// The layers of its separable convolutions, each with its batch norm's.
    pub units: Vec<[usize; 2]>,
    /// Those of its shortcut.
    pub shortcut: Option<[usize; 2]>,
    /// Whether the shortcut, and a pool, halve height and width.
    pub halves: bool,
    /// The last layer, the sum.
    pub name: String,
}

impl Walk<'_> {
    pub fn preprocessing(&mut self) -> Result<Vec<Before>> {
        let mut found = Vec::new();
        while let Some((next, op)) = self.peek() {
            found.push(match op {
                Op::Affine { scale, offset } => {
                    Before::Affine { scale: scale.clone(), offset: offset.clone() }
                }
                Op::Normalization => Before::Normalization(next),
                Op::Published => Before::Published,
                _ => break,
            });
            self.at = next;
        }
        Ok(found)
    }

    /// A batch norm of the network, whose epsilon is Keras's.
    fn norm(&mut self) -> Result<usize> {
        let at = self.expect("a batch norm", |op| matches!(op, Op::Norm { .. }))?;
        match self.ops[at] {
            Op::Norm { scale, center, .. } if !(scale && center) => {
                Err(strange(self.node(at), "has scale or center false, and true alone is within the network"))
            }
            Op::Norm { epsilon, .. } if (epsilon - Dialect::Keras.epsilon()).abs() > 1e-9 => Err(strange(
                self.node(at),
                format!("has the epsilon {epsilon}, and {} alone is", Dialect::Keras.epsilon()),
            )),
            _ => Ok(at),
        }
    }

    /// Convolution, batch norm, ReLU: the layers of the first two, the stride and the channels.
    pub fn stem(&mut self, i: usize) -> Result<([usize; 2], usize, usize)> {
        let is = |op: &Op| matches!(op, Op::Conv { side: 3, same: false, bias: false, .. });
        let at = self.expect("a 3×3 convolution without padding and bias", is)?;
        let Op::Conv { stride, filters, .. } = self.ops[at] else {
            return Err(strange(self.node(at), "is none"));
        };
        if stride > 2 || (i == 1 && stride != 1) {
            return Err(strange(self.node(at), format!("has stride {stride}, which is not")));
        }
        let norm = self.norm()?;
        self.expect("ReLU", |op| *op == Op::Relu)?;
        Ok(([at, norm], stride, filters))
    }

    /// A separable convolution and its batch norm, if one comes next: their layers and the channels.
    pub fn separable(&mut self) -> Result<Option<([usize; 2], usize)>> {
        let Some((at, &Op::Separable { filters })) = self.peek() else { return Ok(None) };
        self.at = at;
        Ok(Some(([at, self.norm()?], filters)))
    }

    /// A block, if two ways lead on from here.
    pub fn block(&mut self) -> Result<Option<Block>> {
        let from = self.at;
        let &[first, second] = &self.to[from][..] else { return Ok(None) };
        let (bridge, main) = match (&self.ops[first], &self.ops[second]) {
            (Op::Conv { side: 1, .. } | Op::Add, _) => (first, second),
            (_, Op::Conv { side: 1, .. } | Op::Add) => (second, first),
            _ => return Err(strange(self.node(from), "leads two ways, of which none leads around a block")),
        };
        let (mut shortcut, mut halves) = (None, false);
        let sum = match self.ops[bridge] {
            Op::Conv { stride: stride @ (1 | 2), bias: false, .. } => {
                self.at = bridge;
                shortcut = Some([bridge, self.norm()?]);
                halves = stride == 2;
                self.next()?
            }
            Op::Add => bridge,
            _ => {
                return Err(strange(
                    self.node(bridge),
                    "is a shortcut of another stride than 2, or with bias",
                ));
            }
        };
        // The way that is not the bridge begins at `main`, which need not be the only one from here.
        let lead = self.ops[main] == Op::Relu;
        self.at = if lead { main } else { from };
        let (mut units, mut widths) = (Vec::new(), Vec::new());
        if !lead {
            let Op::Separable { filters } = self.ops[main] else {
                return Err(strange(
                    self.node(main),
                    "begins a block, where an Xception has ReLU or a separable convolution",
                ));
            };
            self.at = main;
            units.push([main, self.norm()?]);
            widths.push(filters);
        }
        loop {
            if !widths.is_empty() {
                match self.peek() {
                    Some((next, Op::Relu)) => self.at = next,
                    _ => break,
                }
            }
            match self.separable()? {
                Some((unit, filters)) => {
                    units.push(unit);
                    widths.push(filters);
                }
                None => {
                    return Err(strange(
                        self.node(self.next()?),
                        "stands where an Xception has a separable convolution, and there is not",
                    ));
                }
            }
        }
        if halves {
            self.expect("a max-pool of 3×3 with stride 2", |op| *op == Op::Pool)?;
        }
        if self.next()? != sum || self.ops[sum] != Op::Add {
            return Err(strange(self.node(sum), "does not add a block and what leads around it"));
        }
        self.at = sum;
        let name = self.node(sum).name.clone();
        Ok(Some(Block { lead, widths, units, shortcut, halves, name }))
    }
}
