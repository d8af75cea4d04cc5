//! The layers as plain data, between the table of [`super::config`] and any tensor: what
//! [`XceptionConfig::init`] makes modules of, what `fused` packs, and which tensors a file must hold.

use super::block::{BlockConfig, Bridge, Lead, Norms};
use super::config::{Hidden, Order, XceptionConfig};
use super::conv_norm::ConvNormConfig;
use super::separable::SeparableConvConfig;
use super::xception::DenseConfig;

/// Canonical name and shape of a tensor.
pub type Named = (String, Vec<usize>);

/// All layers of a network, in the order of [`super::Xception`]'s fields.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Two plain convolutions.
    pub stem: Vec<ConvNormConfig>,
    /// Entry flow.
    pub entry: Vec<BlockConfig>,
    /// Middle flow.
    pub middle: Vec<BlockConfig>,
    /// Exit flow, the block with the residual.
    pub exit: BlockConfig,
    /// Exit flow, the separable convolutions after it.
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
        let exit = block(from, &self.exit, lead(false), down(2));
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
    /// Blocks of all flows with their canonical paths, in order.
    pub fn blocks(&self) -> impl Iterator<Item = (String, &BlockConfig)> {
        let counted = |flow: &'static str| move |(i, block)| (format!("{flow}.{i}"), block);
        let entry = self.entry.iter().enumerate().map(counted("entry"));
        let middle = self.middle.iter().enumerate().map(counted("middle"));
        entry.chain(middle).chain([("exit".to_string(), &self.exit)])
    }

    /// Smallest picture side that leaves a pixel after the stem; nothing later can reach zero.
    pub fn smallest_side(&self) -> usize {
        self.stem.iter().rev().fold(1, |side, conv| (side - 1) * conv.stride + conv.kernel - 2 * conv.padding)
    }

    /// Every tensor of the network, in the order of its modules.
    pub fn tensors(&self) -> Vec<Named> {
        let mut found = Vec::new();
        for (i, conv) in self.stem.iter().enumerate() {
            conv_norm(&format!("stem.{i}"), conv, &mut found);
        }
        for (path, block) in self.blocks() {
            for (i, unit) in block.units().iter().enumerate() {
                separable(&format!("{path}.units.{i}"), unit, &mut found);
            }
            if let Some(shortcut) = block.shortcut() {
                conv_norm(&format!("{path}.shortcut"), &shortcut, &mut found);
            }
            if block.norm().is_some() {
                norm(&path, block.output(), &mut found);
            }
        }
        for (i, unit) in self.tail.iter().enumerate() {
            separable(&format!("tail.{i}"), unit, &mut found);
        }
        for (i, dense) in self.hidden.iter().enumerate() {
            let [from, to] = dense.channels;
            found.push((format!("hidden.{i}.linear.weight"), vec![from, to]));
            found.push((format!("hidden.{i}.linear.bias"), vec![to]));
        }
        let [features, classes] = self.head;
        found.push(("head.weight".into(), vec![features, classes]));
        found.push(("head.bias".into(), vec![classes]));
        found
    }
}

fn separable(path: &str, unit: &SeparableConvConfig, found: &mut Vec<Named>) {
    conv_norm(&format!("{path}.depthwise"), &unit.depthwise(), found);
    conv_norm(&format!("{path}.pointwise"), &unit.pointwise(), found);
}

fn conv_norm(path: &str, conv: &ConvNormConfig, found: &mut Vec<Named>) {
    found.push((format!("{path}.conv.weight"), conv.kernel_shape().to_vec()));
    if conv.epsilon.is_some() {
        norm(path, conv.channels[1], found);
    }
}

fn norm(path: &str, channels: usize, found: &mut Vec<Named>) {
    let parts = ["gamma", "beta", "running_mean", "running_var"];
    found.extend(parts.map(|part| (format!("{path}.norm.{part}"), vec![channels])));
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
        found: Vec<Named>,
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
            assert_eq!(config.plan().tensors(), modules.found, "{}", config.architecture);
        }
    }
}
