//! A walk through the graph of a Keras model, step by step in the order of an Xception.

use super::layer::{Act, Op, strange};
use super::model::{Graph, Input, Node};
use super::walk::{Before, DenseAt};
use crate::calibration::Activation;
use crate::error::{Error, Result};
use crate::model::XceptionConfig;
use crate::model::config::{Dialect, Hidden};

/// A block as it is found.
pub(super) struct Block {
    pub lead: bool,
    pub widths: Vec<usize>,
    /// The layers of its separable convolutions, each with its batch norm's.
    pub units: Vec<[usize; 2]>,
    /// Those of its shortcut.
    pub shortcut: Option<[usize; 2]>,
    /// The last layer, the sum.
    pub name: String,
}

/// A place in the graph, and where the ways from there lead.
pub(super) struct Walk<'a> {
    graph: &'a Graph,
    ops: Vec<Op>,
    /// Which layers are given the answer of each, with those that do nothing left out.
    to: Vec<Vec<usize>>,
    at: usize,
}

impl<'a> Walk<'a> {
    pub fn new(graph: &'a Graph) -> Result<Self> {
        // Only what the answer depends on.
        let mut reached = vec![false; graph.nodes.len()];
        let mut left = vec![graph.output];
        while let Some(at) = left.pop() {
            if std::mem::replace(&mut reached[at], true) {
                continue;
            }
            left.extend(layers(&graph.nodes[at]));
        }
        let op = |(at, node): (usize, &Node)| if reached[at] { node.op() } else { Ok(Op::Pass) };
        let ops = graph.nodes.iter().enumerate().map(op).collect::<Result<Vec<_>>>()?;
        for (at, node) in graph.nodes.iter().enumerate().filter(|(at, _)| reached[*at]) {
            let (given, wanted) = (layers(node).count(), inputs(&ops[at]));
            if given != wanted {
                return Err(strange(node, format!("is given {given} tensors and takes {wanted}")));
            }
        }
        let passes = |at: usize| ops[at] == Op::Pass;
        let mut to = vec![Vec::new(); graph.nodes.len()];
        for at in (0..graph.nodes.len()).filter(|&at| reached[at] && !passes(at)) {
            for mut from in layers(&graph.nodes[at]) {
                // As many steps as there are layers: a file may let them follow each other in a circle.
                for _ in 0..graph.nodes.len() {
                    if !passes(from) {
                        break;
                    }
                    from = layers(&graph.nodes[from]).next().unwrap_or(from);
                }
                to[from].push(at);
            }
        }
        let entries: Vec<usize> = (0..ops.len()).filter(|&at| reached[at] && ops[at] == Op::Input).collect();
        match entries[..] {
            [at] => Ok(Self { graph, ops, to, at }),
            _ => Err(Error::Architecture(format!(
                "the model has {} inputs; models of one picture are read",
                entries.len()
            ))),
        }
    }

    fn node(&self, at: usize) -> &'a Node {
        &self.graph.nodes[at]
    }

    /// The shape of a picture, `[H, W, C]`, as far as the model says it.
    fn shape(&self) -> Vec<Option<usize>> {
        let config = &self.node(self.at).config;
        let shape = ["batch_shape", "batch_input_shape"].iter().find_map(|key| config[key].as_array());
        let side = |side: &serde_json::Value| side.as_u64().and_then(|side| usize::try_from(side).ok());
        shape.map(|shape| shape.iter().skip(1).map(side).collect()).unwrap_or_default()
    }

    pub fn size(&self) -> Result<Option<usize>> {
        match self.shape()[..] {
            [Some(height), Some(width), _] if height != width => Err(strange(
                self.node(self.at),
                format!("takes pictures of {width}×{height}, and squares alone are"),
            )),
            [height, ..] => Ok(height),
            _ => Ok(None),
        }
    }

    pub fn channels(&self) -> Result<usize> {
        match self.shape()[..] {
            [_, _, Some(channels @ (1 | 3))] => Ok(channels),
            _ => Err(strange(
                self.node(self.at),
                "takes no pictures [height, width, channels] of 1 or 3 channels, channels last, which alone are",
            )),
        }
    }

    /// Whether nothing is given the answer of the layer here.
    pub fn is_at_end(&self) -> bool {
        self.to[self.at].is_empty()
    }

    /// The one layer that comes next.
    fn next(&self) -> Result<usize> {
        match self.to[self.at][..] {
            [next] => Ok(next),
            [] => Err(strange(self.node(self.at), "ends the model, where an Xception goes on")),
            _ => Err(strange(self.node(self.at), "leads several ways, where an Xception has one")),
        }
    }

    fn peek(&self) -> Option<(usize, &Op)> {
        match self.to[self.at][..] {
            [next] => Some((next, &self.ops[next])),
            _ => None,
        }
    }

    /// The next layer, which must be of a kind.
    pub fn expect(&mut self, what: &str, is: impl Fn(&Op) -> bool) -> Result<usize> {
        let next = self.next()?;
        if !is(&self.ops[next]) {
            return Err(strange(
                self.node(next),
                format!("stands where an Xception has {what}, and there is not"),
            ));
        }
        self.at = next;
        Ok(next)
    }

    pub fn preprocessing(&mut self) -> Result<Vec<Before>> {
        let mut found = Vec::new();
        while let Some((next, op)) = self.peek() {
            found.push(match op {
                Op::Affine { scale, offset } => {
                    Before::Affine { scale: scale.clone(), offset: offset.clone() }
                }
                Op::Normalization => Before::Normalization(next),
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
            Op::Norm { epsilon } if (epsilon - Dialect::Keras.epsilon()).abs() > 1e-9 => Err(strange(
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
        let mut shortcut = None;
        let sum = match self.ops[bridge] {
            Op::Conv { stride: 2, bias: false, .. } => {
                self.at = bridge;
                shortcut = Some([bridge, self.norm()?]);
                self.next()?
            }
            Op::Add => bridge,
            _ => return Err(strange(self.node(bridge), "is a shortcut without stride 2, or with bias")),
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
        if shortcut.is_some() {
            self.expect("a max-pool of 3×3 with stride 2", |op| *op == Op::Pool)?;
        }
        if self.next()? != sum || self.ops[sum] != Op::Add {
            return Err(strange(self.node(sum), "does not add a block and what leads around it"));
        }
        self.at = sum;
        let name = self.node(sum).name.clone();
        Ok(Some(Block { lead, widths, units, shortcut, name }))
    }

    /// The 3×3 convolution with bias that ends a face network, if it comes next.
    pub fn face_head(&mut self) -> Result<Option<(usize, usize)>> {
        match self.peek() {
            Some((at, &Op::Conv { side: 3, stride: 1, same: true, filters, bias: true })) => {
                self.at = at;
                Ok(Some((at, filters)))
            }
            _ => Ok(None),
        }
    }

    /// Dense layers, batch norms and activations to the end.
    pub fn head(&mut self, config: &mut XceptionConfig) -> Result<(Vec<DenseAt>, Option<Activation>)> {
        let (mut dense, mut hidden, mut loose): (Vec<DenseAt>, Vec<Hidden>, _) =
            (Vec::new(), Vec::new(), Vec::new());
        let mut last = Act::Linear;
        while let Some((at, op)) = self.peek() {
            let ended = matches!(last, Act::Softmax | Act::Sigmoid);
            // A batch norm may be folded into the layer before it, unless ReLU stands between.
            let into_last = hidden.last().is_some_and(|hidden: &Hidden| !hidden.relu) && last == Act::Linear;
            match *op {
                Op::Dense { .. } | Op::Norm { .. } | Op::Relu if ended => break,
                Op::Dense { units, bias, then } => {
                    let norms_before = std::mem::take(&mut loose);
                    dense.push(DenseAt { layer: at, bias, norms_before, ..DenseAt::default() });
                    hidden.push(Hidden { width: units, relu: then == Act::Relu });
                    last = if then == Act::Relu { Act::Linear } else { then };
                }
                Op::Norm { epsilon } => match dense.last_mut() {
                    Some(dense) if into_last => dense.norms_after.push((at, epsilon)),
                    _ => loose.push((at, epsilon)),
                },
                Op::Relu => match hidden.last_mut() {
                    Some(hidden) if loose.is_empty() => hidden.relu = true,
                    _ => {
                        return Err(strange(
                            self.node(at),
                            "follows a batch norm that no dense layer is before, which is not",
                        ));
                    }
                },
                Op::Scores(_) => break,
                _ => return Err(strange(self.node(at), "stands after the features, where it is not")),
            }
            self.at = at;
        }
        let scores = self.scores(last)?;
        match hidden.pop() {
            Some(Hidden { width, relu: false }) if loose.is_empty() => {
                config.classes = width;
                config.hidden = hidden;
                Ok((dense, scores))
            }
            Some(_) => Err(strange(
                self.node(self.graph.output),
                "ends the model, but not in a dense layer of logits",
            )),
            None if loose.is_empty() && scores.is_none() => {
                config.classes = 1;
                Ok((dense, None))
            }
            None => Err(strange(self.node(self.graph.output), "ends the model, which has no dense layer")),
        }
    }

    /// What the model ends in: the activation of its last layer, or one of its own.
    pub fn scores(&mut self, last: Act) -> Result<Option<Activation>> {
        let mut last = last;
        if let Some((at, &Op::Scores(act))) = self.peek().filter(|_| last == Act::Linear) {
            (self.at, last) = (at, act);
        }
        if let Some((at, _)) = self.peek() {
            return Err(strange(self.node(at), "follows the model's scores, where it is not"));
        }
        Ok(match last {
            Act::Softmax => Some(Activation::Softmax),
            Act::Sigmoid => Some(Activation::Sigmoid),
            _ => None,
        })
    }
}

/// How many tensors a layer takes. None takes two but a sum, so no walk from the input comes to a layer twice.
fn inputs(op: &Op) -> usize {
    match op {
        Op::Input => 0,
        Op::Add => 2,
        _ => 1,
    }
}

/// The layers whose answers a layer is given.
fn layers(node: &Node) -> impl Iterator<Item = usize> {
    node.inputs.iter().filter_map(|input| match input {
        Input::Layer(at) => Some(*at),
        Input::Number(_) => None,
    })
}
