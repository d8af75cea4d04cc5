//! Channels of a variant, so that all have equally many parameters.

use serde::{Deserialize, Serialize};

use super::variant::{Kind, REFERENCE, Variant};

/// Blocks of the middle flow, and convolutions in each.
pub const MIDDLE_BLOCKS: usize = 4;
/// See [`MIDDLE_BLOCKS`].
pub const MIDDLE_UNITS: usize = 3;
/// Towers of an Inception-style module.
pub const TOWERS: usize = 3;
/// Largest share by which a variant's parameters may differ from the reference's.
pub const TOLERANCE: f64 = 0.01;
/// Channels of the reference: about 60,000 parameters.
const BASE: Widths = Widths { stem: 16, entry: 40, middle: 56, tail: 112 };
/// How far the other widths may leave their proportion to the middle's.
const STRETCH: f64 = 1.35;

/// Output channels of each part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Widths {
    /// The first convolution.
    pub stem: usize,
    /// The first unit of the entry block.
    pub entry: usize,
    /// The second one, and the middle flow.
    pub middle: usize,
    /// The last unit.
    pub tail: usize,
}

impl Widths {
    /// The widths nearest to the reference's proportions that give `variant` its number of parameters.
    pub fn of(variant: &Variant, classes: usize) -> Self {
        let target = BASE.parameters(REFERENCE, classes) as f64;
        let near = |base: usize, scale: f64| {
            let ideal = base as f64 * scale;
            let low = ((ideal / STRETCH).round() as usize).max(TOWERS);
            (low..=(ideal * STRETCH).round() as usize).map(move |width| (width, (width as f64 / ideal).ln()))
        };
        let mut best = (f64::INFINITY, BASE);
        for middle in TOWERS..=2 * BASE.middle {
            let scale = middle as f64 / BASE.middle as f64;
            for (stem, a) in near(BASE.stem, scale) {
                for (entry, b) in near(BASE.entry, scale) {
                    for (tail, c) in near(BASE.tail, scale) {
                        let widths = Self { stem, entry, middle, tail };
                        let off = (widths.parameters(variant, classes) as f64 / target - 1.0).abs();
                        let bent = a * a + b * b + c * c;
                        if off <= TOLERANCE && bent < best.0 {
                            best = (bent, widths);
                        }
                    }
                }
            }
        }
        best.1
    }

    /// Numbers that training changes.
    pub fn parameters(&self, variant: &Variant, classes: usize) -> usize {
        let [weights, normed] = self.count(variant, classes);
        weights + 2 * normed
    }

    /// Numbers of kernels and head, and channels that are normalised.
    pub fn count(&self, variant: &Variant, classes: usize) -> [usize; 2] {
        let unit = |from, to| unit(variant.kind, from, to);
        let mut parts = vec![
            [27 * self.stem, self.stem],
            unit(self.stem, self.entry),
            unit(self.entry, self.middle),
            unit(self.middle, self.tail),
            [self.tail * classes + classes, 0],
        ];
        parts.extend([unit(self.middle, self.middle); MIDDLE_BLOCKS * MIDDLE_UNITS]);
        if variant.residual {
            parts.push([self.stem * self.middle, self.middle]);
        }
        parts.iter().fold([0, 0], |sum, part| [sum[0] + part[0], sum[1] + part[1]])
    }
}

fn unit(kind: Kind, from: usize, to: usize) -> [usize; 2] {
    match kind {
        Kind::Separable(_) => [9 * from + from * to, to],
        Kind::Plain => [9 * from * to, to],
        Kind::Inception => {
            [from * to + (0..TOWERS).map(|t| 9 * tower(to, t).len().pow(2)).sum::<usize>(), 2 * to]
        }
    }
}

/// Channels of tower `t`.
pub fn tower(channels: usize, t: usize) -> std::ops::Range<usize> {
    t * channels / TOWERS..(t + 1) * channels / TOWERS
}

#[cfg(test)]
mod tests {
    use super::super::variant::VARIANTS;
    use super::*;

    #[test]
    fn all_variants_are_equally_large() {
        for classes in [2, 24, 100] {
            let target = BASE.parameters(REFERENCE, classes) as f64;
            for variant in &VARIANTS {
                let count = Widths::of(variant, classes).parameters(variant, classes) as f64;
                assert!(
                    (count / target - 1.0).abs() <= TOLERANCE,
                    "{} has {count} of {target}",
                    variant.name
                );
            }
            assert_eq!(Widths::of(REFERENCE, classes), BASE);
        }
    }
}
