//! The layers of a network as the engine goes through them, with the size of every map between them.

use xception_kernels::PANEL_LANES;
use xception_web::error::{Error, Result};
use xception_web::model::XceptionConfig;
use xception_web::model::block::{BlockConfig, Lead};
use xception_web::model::conv_norm::ConvNormConfig;

/// Channels in whole panels.
pub const fn panels(channels: usize) -> usize {
    channels.div_ceil(PANEL_LANES)
}

/// Values between two layers: a convolution's output before its batch norm, or a block's sum.
#[derive(Clone, Debug)]
pub struct Map {
    /// Channels, not yet in whole panels.
    pub channels: usize,
    /// Height and width.
    pub size: [usize; 2],
    /// The batch norm that whoever reads the map applies first.
    pub norm: Option<usize>,
    /// Where its gradient lies: what is added up shares one place.
    pub slot: usize,
}

impl Map {
    /// Panels of its channels.
    pub fn panels(&self) -> usize {
        panels(self.channels)
    }

    /// Pixels of one picture's map.
    pub fn area(&self) -> usize {
        self.size[0] * self.size[1]
    }
}

/// A batch norm. Its tensors follow each other in the plan: gamma, beta, running mean and variance.
#[derive(Clone, Debug)]
pub struct Norm {
    /// The first of its tensors.
    pub tensor: usize,
    /// The map that it normalises.
    pub map: usize,
    /// Added to the variance.
    pub epsilon: f64,
}

/// How a layer reads a map: by its batch norm, if it has one, then ReLU or not.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Its place in [`Graph::maps`].
    pub map: usize,
    /// Whether ReLU stands between the map and the layer.
    pub relu: bool,
}

/// One step forwards, and one backwards. Kernels are named by their place among the plan's tensors.
#[derive(Clone, Debug)]
pub enum Layer {
    /// A plain 3×3 convolution without padding; of the pictures themselves if it is the first.
    Stem { from: Option<View>, to: usize, kernel: usize, stride: usize },
    /// A separable convolution. `adds`: the map it reads is read by others too, whose gradients come first.
    Unit { from: View, to: usize, depthwise: usize, pointwise: usize, adds: bool },
    /// The pointwise convolution of every second pixel on a block's bridge.
    Shortcut { from: View, to: usize, kernel: usize },
    /// Max-pool of `main`, and the bridge beside it; `before` are the rows and columns of padding at the start.
    Pool { main: usize, bridge: usize, to: usize, before: [usize; 2] },
    /// `main` and the block's own input.
    Add { main: usize, around: usize, to: usize },
}

/// All of a network for one size of pictures.
#[derive(Clone, Debug)]
pub struct Graph {
    /// In the order of the forward pass.
    pub layers: Vec<Layer>,
    /// Named by the layers.
    pub maps: Vec<Map>,
    /// Named by the maps.
    pub norms: Vec<Norm>,
    /// What the head pools.
    pub features: View,
    /// The head's weight; its bias follows.
    pub head: usize,
    /// How many logits a picture gets.
    pub classes: usize,
    /// Places for gradients.
    pub slots: usize,
}

impl Graph {
    /// Of the paper's structure, for pictures of `side` by `side`.
    ///
    /// # Errors
    ///
    /// For an aligned network, which trains by Burn's own operations.
    pub fn new(config: &XceptionConfig, side: usize) -> Result<Self> {
        if config.aligned.is_some() || config.face.is_some() || !config.hidden.is_empty() {
            return Err(Error::Training("the training engine knows the paper's own structure only".into()));
        }
        let plan = config.plan();
        let mut graph = Builder::default();
        let mut from = None;
        let mut size = [side; 2];
        for conv in &plan.stem {
            size = size.map(|side| conv.window.output(side));
            let kernel = graph.tensor();
            let to = graph.normed(conv, size);
            graph.layers.push(Layer::Stem { from, to, kernel, stride: conv.window.stride });
            from = Some(View { map: to, relu: true });
        }
        let mut view =
            from.ok_or_else(|| Error::Training("a network without a stem cannot be trained".into()))?;
        for (_, block) in plan.blocks() {
            view = graph.block(block, view, config);
        }
        for unit in &plan.tail {
            let (depthwise, pointwise) = (graph.tensor(), graph.tensor());
            let size = graph.maps[view.map].size;
            let to = graph.normed(&unit.pointwise(), size);
            graph.layers.push(Layer::Unit { from: view, to, depthwise, pointwise, adds: false });
            view = View { map: to, relu: true };
        }
        let Builder { layers, maps, norms, tensors, slots } = graph;
        Ok(Self { layers, maps, norms, features: view, head: tensors, classes: config.classes, slots })
    }
}

#[derive(Default)]
struct Builder {
    layers: Vec<Layer>,
    maps: Vec<Map>,
    norms: Vec<Norm>,
    tensors: usize,
    slots: usize,
}

impl Builder {
    /// The place of the plan's next tensor.
    fn tensor(&mut self) -> usize {
        self.tensors += 1;
        self.tensors - 1
    }

    fn map(&mut self, channels: usize, size: [usize; 2], norm: Option<usize>) -> usize {
        self.maps.push(Map { channels, size, norm, slot: self.slots });
        self.slots += 1;
        self.maps.len() - 1
    }

    /// A convolution's output, and the batch norm after it.
    fn normed(&mut self, conv: &ConvNormConfig, size: [usize; 2]) -> usize {
        let map = self.map(conv.channels[1], size, Some(self.norms.len()));
        let epsilon = conv.epsilon.unwrap_or_default();
        self.norms.push(Norm { tensor: self.tensors, map, epsilon });
        self.tensors += 4;
        map
    }

    fn block(&mut self, block: &BlockConfig, input: View, config: &XceptionConfig) -> View {
        let size @ [h, w] = self.maps[input.map].size;
        let mut from = View { relu: input.relu || block.lead == Lead::Relu, ..input };
        for (i, unit) in block.units().iter().enumerate() {
            let (depthwise, pointwise) = (self.tensor(), self.tensor());
            let to = self.normed(&unit.pointwise(), size);
            self.layers.push(Layer::Unit { from, to, depthwise, pointwise, adds: i == 0 });
            from = View { map: to, relu: true };
        }
        let main = from.map;
        let to = match block.shortcut() {
            Some(shortcut) => {
                let half = [h.div_ceil(2), w.div_ceil(2)];
                let kernel = self.tensor();
                let bridge = self.normed(&shortcut, half);
                self.layers.push(Layer::Shortcut { from: input, to: bridge, kernel });
                let to = self.map(block.output(), half, None);
                self.maps[bridge].slot = self.maps[to].slot;
                let before = [h, w].map(|size| config.dialect.pool_before(size));
                self.layers.push(Layer::Pool { main, bridge, to, before });
                to
            }
            None => {
                let to = self.map(block.output(), size, None);
                let slot = self.maps[input.map].slot;
                self.maps[main].slot = slot;
                self.maps[to].slot = slot;
                self.layers.push(Layer::Add { main, around: input.map, to });
                to
            }
        };
        View { map: to, relu: false }
    }
}
