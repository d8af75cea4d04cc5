//! A way through the graph of a Keras model: where it stands, and what comes next.

use super::layer::{Op, strange};
use super::model::{Graph, Input, Node};
use crate::error::{Error, Result};

/// A place in the graph, and where the ways from there lead.
pub(super) struct Walk<'a> {
    pub graph: &'a Graph,
    pub ops: Vec<Op>,
    /// Which layers are given the answer of each, with those that do nothing left out.
    pub to: Vec<Vec<usize>>,
    pub at: usize,
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

    pub fn node(&self, at: usize) -> &'a Node {
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
    pub fn next(&self) -> Result<usize> {
        match self.to[self.at][..] {
            [next] => Ok(next),
            [] => Err(strange(self.node(self.at), "ends the model, where an Xception goes on")),
            _ => Err(strange(self.node(self.at), "leads several ways, where an Xception has one")),
        }
    }

    pub fn peek(&self) -> Option<(usize, &Op)> {
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
