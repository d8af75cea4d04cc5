//! An endless, seeded supply of pictures of drawings.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use rayon::prelude::*;

use crate::draw::augment::picture;
use crate::draw::canvas::Pyramid;
use crate::draw::classes::{CLASSES, Class};
use crate::draw::icons::{IconSet, TRAINING_SETS};
use crate::draw::render::render;
use crate::draw::vector::redrawn;
use crate::random::{Random, Stream};
use crate::supply::batch::{Batch, ahead, byte};
use xception_web::error::Result;

/// Pixels of a drawing kept in memory; somewhat more than the network's input is enough.
const DRAWING_SIDE: usize = 96;
/// How often a picture shows a drawing as its set has it, rather than redrawn by another hand.
const AS_DRAWN: f32 = 0.35;
/// A set's name, version and licence, for a model's provenance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Name of the npm package's set.
    pub name: String,
    /// Version of the package.
    pub version: String,
    /// SPDX name of the licence.
    pub license: String,
}

/// All drawings of all classes in the training sets.
#[derive(Clone, Debug)]
pub struct Drawings {
    /// By class, then by set, then by name: as drawn, and redrawn by other hands.
    drawings: Arc<Vec<Vec<Vec<Vec<Pyramid>>>>>,
    /// Where they come from.
    pub sources: Vec<Source>,
}

impl Drawings {
    /// Renders the training sets below `dir`, each drawing also as `hands` other hands would draw it.
    pub fn read(dir: &Path, hands: usize) -> Result<Self> {
        Self::read_some(dir, TRAINING_SETS, CLASSES, hands)
    }

    /// The same of other sets and classes.
    pub fn read_some(dir: &Path, sets: &[&str], classes: &[Class], hands: usize) -> Result<Self> {
        let sets = sets.iter().map(|name| IconSet::read(dir, name)).collect::<Result<Vec<_>>>()?;
        let draw = |set: &IconSet, icon: &str| {
            let svg = set.svg(icon)?;
            let others = (0..hands as u64).map(|hand| {
                let name = set.name.bytes().chain(icon.bytes());
                let item = name.fold(hand, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
                redrawn(&mut Random::new(0, Stream::Redrawn.number(), item), &svg)
            });
            let all = std::iter::once(svg.clone()).chain(others);
            all.map(|svg| Ok(Pyramid::new(&render(&svg, DRAWING_SIDE)?))).collect::<Result<Vec<_>>>()
        };
        let drawings = classes
            .par_iter()
            .map(|class| {
                let of = |set| class.icons.iter().map(|icon| draw(set, icon)).collect::<Result<Vec<_>>>();
                sets.iter().map(of).collect()
            })
            .collect::<Result<Vec<_>>>()?;
        let source = |set: IconSet| Source { name: set.name, version: set.version, license: set.license };
        Ok(Self { drawings: Arc::new(drawings), sources: sets.into_iter().map(source).collect() })
    }

    /// The picture of that number, and its class; the same for the same three numbers everywhere.
    fn sample(&self, side: usize, seed: u64, epoch: u64, index: u64) -> (Vec<u8>, usize) {
        let random = &mut Random::new(seed, epoch, index);
        let class = random.below(self.drawings.len());
        let drawing = self.any_of(random, class);
        let clutter: [_; 3] = std::array::from_fn(|_| {
            let other = random.below(self.drawings.len());
            self.any_of(random, other)
        });
        let canvas = picture(random, side, drawing, &clutter);
        (canvas.pixels.iter().flatten().map(|v| byte(v * 2.0 - 1.0)).collect(), class)
    }

    fn any_of(&self, random: &mut Random, class: usize) -> &Pyramid {
        let sets = &self.drawings[class];
        let set = &sets[random.below(sets.len())];
        // The first drawing is what a class is measured by.
        let other = random.chance(0.35);
        let hands = &set[if other { random.below(set.len()) } else { 0 }];
        let redrawn = !random.chance(AS_DRAWN);
        &hands[if redrawn { random.below(hands.len()) } else { 0 }]
    }

    /// Pictures `first..first + count` of an epoch.
    pub fn batch(&self, side: usize, seed: u64, epoch: u64, first: u64, count: usize) -> Batch {
        let (mut pixels, mut classes) = (vec![0; count * side * side * 3], vec![0; count]);
        pixels.par_chunks_exact_mut(side * side * 3).zip(&mut classes).enumerate().for_each(
            |(number, (out, class))| {
                let (sample, of) = self.sample(side, seed, epoch, first + number as u64);
                out.copy_from_slice(&sample);
                *class = of;
            },
        );
        Batch { pixels, classes }
    }

    /// Pictures of the training styles that no epoch contains.
    pub fn validation(&self, side: usize, seed: u64, first: u64, count: usize) -> Batch {
        self.batch(side, seed, Stream::Validation.number(), first, count)
    }

    /// The batches of an epoch, made on a thread of their own.
    pub fn epoch(&self, side: usize, seed: u64, epoch: u64, batches: usize, size: usize) -> Receiver<Batch> {
        let drawings = self.clone();
        ahead(batches, move |i| drawings.batch(side, seed, epoch, (i * size) as u64, size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::icons::INSTALLED;

    #[test]
    fn a_sample_depends_on_its_numbers_alone_and_stays_in_bounds() {
        let drawings = Drawings::read(Path::new(INSTALLED), 1).unwrap();
        let whole = drawings.batch(40, 7, 3, 0, 64);
        let again = drawings.epoch(40, 7, 3, 4, 16).into_iter().flat_map(|batch| batch.pixels);
        assert!(whole.pixels.iter().copied().eq(again));
        assert_eq!(whole.pixels.len(), 64 * 40 * 40 * 3);
        assert_ne!(whole, drawings.batch(40, 8, 3, 0, 64));
        assert_ne!(whole, drawings.batch(40, 7, 4, 0, 64));
        assert_ne!(whole, drawings.validation(40, 7, 0, 64));
    }
}
