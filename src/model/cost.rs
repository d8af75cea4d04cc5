//! What one picture costs.

use super::config::{Order, XceptionConfig};

impl XceptionConfig {
    /// Multiply-accumulates of one picture of side `size`, as in timm's table: convolutions, classifier,
    /// and two for each number that a batch norm passes on (folding saves those). A layer that a picture is too
    /// small for costs nothing.
    pub fn macs(&self, size: usize) -> u64 {
        let [first, second] = match self.aligned {
            Some(_) => [size.div_ceil(2); 2],
            None => {
                let stride = self.face.as_ref().map_or(2, |face| face.stride);
                let first = size.saturating_sub(3 - stride) / stride;
                [first, first.saturating_sub(2)]
            }
        };
        let mut cost = Cost { config: self, side: second, channels: self.stem[1], macs: 0 };
        cost.kernel(first, 9 * self.channels() * self.stem[0], self.stem[0]);
        cost.kernel(second, 9 * self.stem[0] * self.stem[1], self.stem[1]);
        for (i, widths) in self.entry.iter().enumerate() {
            cost.block(widths, self.entry_stride(i), true);
        }
        let middle = vec![self.middle_channels(); self.middle_units];
        for _ in 0..self.middle_blocks {
            cost.block(&middle, 1, false);
            cost.norm_on_sum();
        }
        cost.block(&self.exit, 2, true);
        cost.block(&self.tail, 1, false);
        if self.face.is_some() {
            // A convolution, before the pixels are one.
            cost.kernel(cost.side, self.features() * self.classes, 0);
            return cost.macs;
        }
        let widths: Vec<usize> = [self.features()]
            .into_iter()
            .chain(self.hidden.iter().map(|hidden| hidden.width))
            .chain([self.classes])
            .collect();
        cost.macs + widths.windows(2).map(|pair| pair[0] as u64 * pair[1] as u64).sum::<u64>()
    }
}

/// A walk through the network.
struct Cost<'a> {
    config: &'a XceptionConfig,
    side: usize,
    channels: usize,
    /// Of the paper's network they are more than 32 bits hold, which is all that a `usize` has in WebAssembly.
    macs: u64,
}

impl Cost<'_> {
    /// A convolution of so many weights to so many channels, of which `normed` pass a batch norm.
    fn kernel(&mut self, side: usize, weights: usize, normed: usize) {
        self.macs += (side as u64).pow(2) * (weights + 2 * normed) as u64;
    }

    fn norm_on_sum(&mut self) {
        if self.order() == Some(Order::Pre) {
            self.kernel(self.side, 0, self.channels);
        }
    }

    fn order(&self) -> Option<Order> {
        self.config.aligned.as_ref().map(|aligned| aligned.order)
    }

    fn block(&mut self, widths: &[usize], stride: usize, bridged: bool) {
        let (order, input) = (self.order(), self.channels);
        let last = widths.len().saturating_sub(1);
        for (unit, &to) in widths.iter().enumerate() {
            if order.is_some() && unit == last {
                self.side = self.side.div_ceil(stride);
            }
            let between = if order == Some(Order::Post) { self.channels } else { 0 };
            let after = if order == Some(Order::Pre) && unit == last { 0 } else { to };
            self.kernel(self.side, self.channels * (9 + to), between + after);
            self.channels = to;
        }
        if order.is_none() && stride > 1 {
            // Under either dialect's padding.
            self.side = self.side.div_ceil(2);
        }
        if bridged {
            // Its norm, or the one on the sum.
            self.kernel(self.side, input * self.channels, self.channels);
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
