//! The layers as plain data, between the table of [`super::config`] and any tensor: what
//! [`XceptionConfig::init`] makes modules of, what `fused` packs, and which tensors a file must hold.

use super::block::{BlockConfig, Bridge, Lead, Norms};
use super::config::{Hidden, Order, XceptionConfig};
use super::conv_norm::ConvNormConfig;
use super::place::{BlockId, Part, Place, TensorId, Unit};
use super::separable::SeparableConvConfig;
use super::xception::DenseConfig;

/// A layer that has tensors, and where it stands.
#[derive(Clone, Debug)]
pub enum Layer {
    /// A plain convolution, or a shortcut.
    Conv(Place, ConvNormConfig),
    /// A separable convolution.
    Separable(Unit, SeparableConvConfig),
    /// A batch norm of so many channels that follows no convolution.
    Norm(Place, usize),
    /// A dense layer of so many inputs and outputs.
    Dense(Place, [usize; 2]),
}

/// All layers of a network, in the order of [`super::Xception`]'s fields.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Two plain convolutions.
    pub stem: Vec<ConvNormConfig>,
    /// Entry flow.
    pub entry: Vec<BlockConfig>,
    /// Middle flow.
    pub middle: Vec<BlockConfig>,
    /// The block of the exit flow.
    pub exit: BlockConfig,
    /// The separable convolutions after it, which no bridge leads around.
    pub tail: Vec<SeparableConvConfig>,
    /// Whether the pooled features are those of each pixel's 3×3 window: the classifier is then that of a 3×3
    /// convolution before pooling, since both are linear.
    pub windows: bool,
    /// Dense layers before the classifier.
    pub hidden: Vec<DenseConfig>,
    /// Inputs and classes of the classifier.
    pub head: [usize; 2],
}

impl XceptionConfig {
    /// Every layer of this network.
    pub fn plan(&self) -> Plan {
        let epsilon = self.epsilon();
        let order = self.aligned.as_ref().map(|aligned| aligned.order);
        let norms = match order {
            None => Norms::Pairs,
            Some(Order::Post) => Norms::All,
            Some(Order::Pre) => Norms::Sum,
        };
        let bare = self.face.as_ref().is_some_and(|face| !face.leading_relu);
        // After the stem's ReLU another would change nothing; in a pre-activation network one ends each block.
        let lead = |first: bool| if first || norms == Norms::Sum || bare { Lead::Bare } else { Lead::Relu };
        let down = |stride: usize| match order {
            None => Bridge::Pooled(self.dialect),
            Some(_) => Bridge::Strided(stride),
        };
        let block = |input: usize, widths: &[usize], lead: Lead, bridge: Bridge| BlockConfig {
            input,
            widths: widths.to_vec(),
            lead,
            bridge,
            norms,
            epsilon,
        };

        let padding = usize::from(order.is_some());
        let stride = self.face.as_ref().map_or(2, |face| face.stride);
        let stem = vec![
            ConvNormConfig::plain([self.channels(), self.stem[0]], stride, padding, epsilon),
            ConvNormConfig::plain(self.stem, 1, padding, epsilon),
        ];
        let mut from = self.stem[1];
        let mut entry = Vec::new();
        for (i, widths) in self.entry.iter().enumerate() {
            entry.push(block(from, widths, lead(i == 0), down(self.entry_stride(i))));
            from = widths.last().copied().unwrap_or(from);
        }
        let widths = vec![from; self.middle_units];
        let middle = vec![block(from, &widths, lead(false), Bridge::Identity); self.middle_blocks];
        let halves = self.face.as_ref().is_none_or(|face| face.last_halves);
        let last = if halves { down(2) } else { Bridge::Strided(1) };
        let exit = block(from, &self.exit, lead(false), last);
        let from = self.exit.last().copied().unwrap_or(from);
        let mut tail = block(from, &self.tail, Lead::Bare, Bridge::Identity).units();
        tail.iter_mut().for_each(|unit| unit.relu_between = norms == Norms::All);
        let mut from = self.features();
        let dense = |hidden: &Hidden| DenseConfig {
            channels: [std::mem::replace(&mut from, hidden.width), hidden.width],
            relu: hidden.relu,
        };
        let hidden = self.hidden.iter().map(dense).collect();
        let windows = self.face.is_some();
        Plan { stem, entry, middle, exit, tail, windows, hidden, head: [from, self.classes] }
    }
}

impl Plan {
    /// The blocks of all flows, in order.
    pub fn blocks(&self) -> impl Iterator<Item = (BlockId, &BlockConfig)> {
        let entry = self.entry.iter().enumerate().map(|(i, block)| (BlockId::Entry(i), block));
        let middle = self.middle.iter().enumerate().map(|(i, block)| (BlockId::Middle(i), block));
        entry.chain(middle).chain([(BlockId::Exit, &self.exit)])
    }

    /// Every layer that has tensors, in the order of the modules.
    pub fn layers(&self) -> Vec<Layer> {
        let mut layers = Vec::new();
        let stem = self.stem.iter().enumerate();
        layers.extend(stem.map(|(i, conv)| Layer::Conv(Place::Stem(i), conv.clone())));
        for (id, block) in self.blocks() {
            let units = block.units().into_iter().enumerate();
            layers.extend(units.map(|(i, unit)| Layer::Separable(Unit::Of(id, i), unit)));
            layers.extend(block.shortcut().map(|conv| Layer::Conv(Place::Shortcut(id), conv)));
            layers.extend(block.norm().map(|_| Layer::Norm(Place::Sum(id), block.output())));
        }
        let tail = self.tail.iter().enumerate();
        layers.extend(tail.map(|(i, unit)| Layer::Separable(Unit::Tail(i), unit.clone())));
        let hidden = self.hidden.iter().enumerate();
        layers.extend(hidden.map(|(i, dense)| Layer::Dense(Place::Hidden(i), dense.channels)));
        layers.push(Layer::Dense(Place::Head, self.head));
        layers
    }

    /// Smallest picture side that leaves a pixel after the stem; nothing later can reach zero.
    pub fn smallest_side(&self) -> usize {
        self.stem.iter().rev().fold(1, |side, conv| conv.window.input(side))
    }

    /// Every tensor of the network with its shape, in the order of the modules.
    pub fn tensors(&self) -> Vec<(TensorId, Vec<usize>)> {
        let mut found = Vec::new();
        for layer in self.layers() {
            match layer {
                Layer::Conv(place, conv) => conv_norm(place, &conv, &mut found),
                Layer::Separable(unit, separable) => {
                    conv_norm(unit.depthwise(), &separable.depthwise(), &mut found);
                    conv_norm(unit.pointwise(), &separable.pointwise(), &mut found);
                }
                Layer::Norm(place, channels) => norm(place, channels, &mut found),
                Layer::Dense(place, [from, to]) => {
                    found.push((place.part(Part::Kernel), vec![from, to]));
                    found.push((place.part(Part::Bias), vec![to]));
                }
            }
        }
        found
    }
}

fn conv_norm(place: Place, conv: &ConvNormConfig, found: &mut Vec<(TensorId, Vec<usize>)>) {
    found.push((place.part(Part::Kernel), conv.kernel_shape().to_vec()));
    if conv.epsilon.is_some() {
        norm(place, conv.channels[1], found);
    }
}

fn norm(place: Place, channels: usize, found: &mut Vec<(TensorId, Vec<usize>)>) {
    found.extend(Part::NORM.map(|part| (place.part(part), vec![channels])));
}

#[cfg(test)]
mod tests {
    use burn::module::{Module, ModuleVisitor, Param};
    use burn::tensor::{Device, Tensor};

    use super::super::config::{Dialect, XceptionConfig};
    use super::*;

    /// Names and shapes of the modules' own tensors.
    #[derive(Default)]
    struct Modules {
        path: Vec<String>,
        found: Vec<(String, Vec<usize>)>,
    }

    impl ModuleVisitor for Modules {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.path.push(name.into());
        }

        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.pop();
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.found.push((self.path.join("."), param.lazy_shape().to_vec()));
        }
    }

    fn with_hidden(config: XceptionConfig) -> XceptionConfig {
        let hidden = vec![Hidden { width: 19, relu: true }, Hidden { width: 6, relu: false }];
        XceptionConfig { hidden, ..config }
    }

    #[test]
    fn only_unpadded_stems_need_more_than_a_pixel() {
        let smallest = |config: XceptionConfig| config.plan().smallest_side();
        assert_eq!(smallest(XceptionConfig::xception(Dialect::Keras, 10)), XceptionConfig::min_size());
        assert_eq!(smallest(XceptionConfig::mini(Dialect::Timm, 10)), XceptionConfig::min_size());
        assert_eq!(smallest(XceptionConfig::xception65p(10)), 1);
    }

    #[test]
    fn the_plan_names_exactly_the_tensors_of_the_modules() {
        for config in [
            XceptionConfig::xception(Dialect::Keras, 1000),
            XceptionConfig::mini(Dialect::Timm, 7),
            XceptionConfig::xception41(10),
            XceptionConfig::xception65(10),
            XceptionConfig::xception71(10),
            XceptionConfig::xception41p(10),
            XceptionConfig::xception65p(10),
            XceptionConfig::mini_face(1, 7),
            XceptionConfig::big_face(3, 2),
            with_hidden(XceptionConfig::mini(Dialect::Keras, 1)),
        ] {
            let mut modules = Modules::default();
            config.init(&Device::flex()).visit(&mut modules);
            let tensors = config.plan().tensors().into_iter();
            let planned: Vec<_> = tensors.map(|(id, shape)| (id.to_string(), shape)).collect();
            assert_eq!(planned, modules.found, "{}", config.architecture);
        }
    }
}
