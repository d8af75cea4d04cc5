//! What one picture costs.

use super::block::BlockConfig;
use super::config::XceptionConfig;
use super::conv_norm::ConvNormConfig;
use super::separable::SeparableConvConfig;

impl XceptionConfig {
    /// Multiply-accumulates of one picture of side `size`, as in timm's table: convolutions, classifier,
    /// and two for each number that a batch norm passes on (folding saves those). A layer that a picture is too
    /// small for costs nothing.
    pub fn macs(&self, size: usize) -> u64 {
        let plan = self.plan();
        let mut cost = Cost { side: size, macs: 0 };
        plan.stem.iter().for_each(|conv| cost.conv(conv));
        plan.blocks().for_each(|(_, block)| cost.block(block));
        plan.tail.iter().for_each(|unit| cost.separable(unit));
        // The classifier of windows is a convolution, before the pixels are one.
        cost.side = if plan.windows { cost.side } else { 1 };
        let dense = plan.hidden.iter().map(|dense| dense.channels).chain([plan.head]);
        dense.for_each(|[from, to]| cost.add(from * to));
        cost.macs
    }
}

/// A walk through the plan.
struct Cost {
    side: usize,
    /// Of the paper's network they are more than 32 bits hold, which is all that a `usize` has in WebAssembly.
    macs: u64,
}

impl Cost {
    /// So many for each pixel.
    fn add(&mut self, each: usize) {
        self.macs += (self.side as u64).pow(2) * each as u64;
    }

    fn conv(&mut self, conv: &ConvNormConfig) {
        self.side = conv.window.output(self.side);
        self.at_output(conv);
    }

    fn at_output(&mut self, conv: &ConvNormConfig) {
        self.add(conv.kernel_shape().iter().product());
        if conv.epsilon.is_some() {
            self.norm(conv.channels[1]);
        }
    }

    fn norm(&mut self, channels: usize) {
        self.add(2 * channels);
    }

    fn separable(&mut self, unit: &SeparableConvConfig) {
        self.conv(&unit.depthwise());
        self.conv(&unit.pointwise());
    }

    fn block(&mut self, block: &BlockConfig) {
        block.units().iter().for_each(|unit| self.separable(unit));
        if block.is_pooled() {
            // Under either dialect's padding.
            self.side = self.side.div_ceil(2);
        }
        if let Some(shortcut) = block.shortcut() {
            self.at_output(&shortcut);
        }
        if block.norm().is_some() {
            self.norm(block.output());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::{Dialect, IMAGENET_CLASSES as CLASSES};
    use super::*;

    /// Rounding of timm's table.
    const ROUNDING: f64 = 0.005;

    #[test]
    fn every_network_costs_what_timms_table_says() {
        for (config, giga) in [
            (XceptionConfig::xception(Dialect::Timm, CLASSES), 8.40),
            (XceptionConfig::xception41(CLASSES), 9.28),
            (XceptionConfig::xception41p(CLASSES), 9.25),
            (XceptionConfig::xception65(CLASSES), 13.96),
            (XceptionConfig::xception65p(CLASSES), 13.91),
            (XceptionConfig::xception71(CLASSES), 18.09),
        ] {
            let found = config.macs(299) as f64 / 1e9;
            assert!((found - giga).abs() <= ROUNDING, "{}: {found}", config.architecture);
            assert_eq!(config.clone().named(), config);
        }
    }

    #[test]
    fn no_picture_costs_less_than_a_smaller_one() {
        for config in [
            XceptionConfig::xception(Dialect::Keras, CLASSES),
            XceptionConfig::xception(Dialect::Timm, CLASSES),
            XceptionConfig::xception41p(CLASSES),
            XceptionConfig::xception71(CLASSES),
        ] {
            let costs: Vec<u64> = (0..64).map(|size| config.macs(size)).collect();
            assert_eq!(costs[0], (config.features() * CLASSES) as u64, "of no picture, the classifier's");
            assert!(costs.is_sorted(), "{}: {costs:?}", config.architecture);
        }
    }
}
