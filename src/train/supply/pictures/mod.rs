//! A user's own pictures in memory: some of each class held out, the others varied for ever.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::mem::{replace, take};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;

use crate::random::{Random, Stream};
use crate::recipe::config::seen_at;
use crate::recipe::variation::Variation;
use crate::supply::batch::{Batch, ahead, byte};
use crate::supply::layout::{Broken, Class, FolderNames, Layout, decode};
use crate::supply::photograph::{Photograph, Room};
use xception_web::error::Result;
use xception_web::labels::Labels;
use xception_web::picture::Picture;

/// A picture's shorter side is kept at so many times the network's: a part of it is shown at most of this size.
const KEPT: f64 = 1.15;
/// Without a validation set, one of so many pictures of a class is held out, and at least one.
const HELD_OUT: usize = 10;
/// Classes that differ in size by more than this are drawn equally often.
const UNBALANCED: usize = 4;
/// Pictures that a thread takes at once: few enough to keep all busy, enough to be worth the while.
const AT_ONCE: usize = 4;

/// Pictures by class, in memory.
#[derive(Clone, Debug)]
pub struct Pictures {
    /// What the classes are called.
    pub labels: Labels,
    /// How they are varied.
    pub variation: Variation,
    /// Whether they came with a validation set.
    pub split: bool,
    /// Class by class.
    train: Arc<Vec<(usize, Photograph)>>,
    /// Where each class begins in `train`, and the end.
    starts: Arc<Vec<usize>>,
    held_out: Arc<HeldOut>,
}

/// Pictures as a classifier sees them.
#[derive(Debug)]
struct HeldOut {
    classes: Vec<usize>,
    /// By the side of the network's input: `[H, W, 3]` each, before they are normalised.
    seen: BTreeMap<usize, Vec<Box<[u8]>>>,
}

/// A picture that was read.
enum Ready {
    Train(Photograph),
    HeldOut(Vec<Box<[u8]>>),
}

impl Pictures {
    /// Reads the pictures of a folder in any [`Layout`] for networks with inputs of the given sides, at no finer detail
    /// than told; where there is no
    /// validation set, the seed says which are held out. What people should know goes to `tell`.
    ///
    /// # Errors
    ///
    /// When the folder cannot be learned from, or more than a few of its pictures cannot be read.
    pub fn read(
        dir: &Path,
        names: Option<&FolderNames>,
        seed: u64,
        sides: &[usize],
        detail: Option<usize>,
        tell: &dyn Fn(&str),
    ) -> Result<Self> {
        let mut layout = Layout::read(dir, names)?;
        layout.check_trainable()?;
        let files = divided(&mut layout, seed);
        let bar = ProgressBar::new(files.len() as u64);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos} of {len} pictures read") {
            bar.set_style(style);
        }
        let largest = sides.iter().copied().max().unwrap_or(1);
        let most = detail.unwrap_or((KEPT * largest as f64).ceil() as usize);
        let ready = |(_, file, held_out): &(usize, PathBuf, bool)| {
            let read = || -> Result<Ready, String> {
                let picture = decode(file)?;
                let ready = if *held_out {
                    sides
                        .iter()
                        .map(|side| seen(&picture, *side, detail))
                        .collect::<Result<_>>()
                        .map(Ready::HeldOut)
                } else {
                    picture.view().and_then(|view| Photograph::new(view, most)).map(Ready::Train)
                };
                ready.map_err(|error| error.to_string())
            };
            let read = read();
            bar.inc(1);
            read
        };
        let ready: Vec<_> = files.par_iter().map(ready).collect();
        bar.finish_and_clear();

        let (mut train, mut broken, mut counts) = (Vec::new(), Vec::new(), vec![0; layout.classes.len()]);
        let mut held_out = HeldOut { classes: Vec::new(), seen: BTreeMap::new() };
        for ((class, file, _), ready) in files.into_iter().zip(ready) {
            counts[class] += 1;
            match ready {
                Ok(Ready::Train(picture)) => train.push((class, picture)),
                Ok(Ready::HeldOut(pictures)) => {
                    held_out.classes.push(class);
                    for (side, picture) in sides.iter().zip(pictures) {
                        held_out.seen.entry(*side).or_default().push(picture);
                    }
                }
                Err(why) => broken.push(Broken { class, file, why }),
            }
        }
        if let Some(text) = layout.tolerate(&broken, &counts)? {
            tell(&text);
        }
        let begin = |class: usize| train.partition_point(|(of, _)| *of < class);
        let starts = (0..=layout.classes.len()).map(begin).collect();
        tell(&format!(
            "{}: {} classes, {} pictures to learn from, {} held out{}",
            dir.display(),
            counts.len(),
            train.len(),
            held_out.classes.len(),
            if layout.split { " (its validation set)" } else { "" }
        ));
        Ok(Self {
            labels: layout.labels(),
            variation: Variation::default(),
            split: layout.split,
            train: Arc::new(train),
            starts: Arc::new(starts),
            held_out: Arc::new(held_out),
        })
    }

    /// Pictures to learn from.
    pub fn len(&self) -> usize {
        self.train.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.train.is_empty()
    }

    /// The batches of an epoch, a few ahead of need.
    pub fn epoch(&self, side: usize, seed: u64, epoch: u64, batches: usize, size: usize) -> Receiver<Batch> {
        let (pictures, chosen) = (self.clone(), self.chosen(seed, epoch, batches * size));
        ahead(batches, move |at| {
            let first = at * size;
            pictures.batch(side, seed, epoch, first as u64, &chosen[first..first + size])
        })
    }

    /// The places in `train` of an epoch's pictures. Epochs are parts of passes over all pictures, each in an order of
    /// its own, that show every picture once; unless classes are of very unequal size: then every class is
    /// as frequent as the others.
    fn chosen(&self, seed: u64, epoch: u64, count: usize) -> Vec<usize> {
        let sizes = || self.starts.windows(2).map(|pair| pair[1] - pair[0]);
        let (least, most) = (sizes().min().unwrap_or(0), sizes().max().unwrap_or(0));
        if most > UNBALANCED * least {
            let random = &mut Random::new(seed, Stream::Drawn.number(), epoch);
            let one = |_| {
                let class = random.below(self.starts.len() - 1);
                self.starts[class] + random.below(self.starts[class + 1] - self.starts[class])
            };
            return (0..count).map(one).collect();
        }
        let all = self.train.len() as u64;
        let (mut at, mut left) = (epoch * count as u64, count);
        let mut chosen = Vec::with_capacity(count);
        while left > 0 {
            let mut order: Vec<usize> = (0..self.train.len()).collect();
            Random::new(seed, Stream::Order.number(), at / all).shuffle(&mut order);
            let rest = &order[(at % all) as usize..];
            let part = &rest[..left.min(rest.len())];
            chosen.extend(part);
            at += part.len() as u64;
            left -= part.len();
        }
        chosen
    }

    /// The chosen pictures, which are the epoch's from number `first` on. Any number of threads may make them:
    /// each depends on its number alone.
    fn batch(&self, side: usize, seed: u64, epoch: u64, first: u64, chosen: &[usize]) -> Batch {
        let mut pixels = vec![0; chosen.len() * side * side * 3];
        let show = |room: &mut Room, (number, (out, place)): (usize, (&mut [u8], &usize))| {
            let random = &mut Random::new(seed, epoch, first + number as u64);
            self.train[*place].1.show(&self.variation, random, side, room, out);
        };
        pixels
            .par_chunks_exact_mut(side * side * 3)
            .zip(chosen)
            .enumerate()
            .with_min_len(AT_ONCE)
            .for_each_init(Room::default, show);
        Batch { pixels, classes: chosen.iter().map(|place| self.train[*place].0).collect() }
    }

    /// Up to `count` pictures held out from number `first` on, as a classifier with an input of `side` sees them.
    pub fn validation(&self, side: usize, first: usize, count: usize) -> Batch {
        let last = (first + count).min(self.held_out.classes.len());
        let places = first.min(last)..last;
        let pixels = places.clone().flat_map(|place| self.held_out.seen(place, side).into_owned()).collect();
        Batch { pixels, classes: self.held_out.classes[places].to_vec() }
    }
}

impl HeldOut {
    /// One picture at a side. At one that nobody announced it is made from the largest there is, which is not
    /// quite what the file itself would give.
    fn seen(&self, place: usize, side: usize) -> Cow<'_, [u8]> {
        if let Some(all) = self.seen.get(&side) {
            return Cow::Borrowed(&all[place]);
        }
        let made = self.seen.last_key_value().and_then(|(largest, all)| {
            let rgba = all[place].chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect();
            seen(&Picture::new(rgba, *largest, *largest).ok()?, side, None).ok()
        });
        Cow::Owned(made.unwrap_or_default().into_vec())
    }
}

/// Takes all files with their classes, class by class, and says whether each is held out.
fn divided(layout: &mut Layout, seed: u64) -> Vec<(usize, PathBuf, bool)> {
    let split = layout.split;
    let of_class = |(at, class): (usize, &mut Class)| {
        let mut files = take(&mut class.train);
        let mut held_out = take(&mut class.validation);
        if !split {
            Random::new(seed, Stream::Split.number(), at as u64).shuffle(&mut files);
            let rest = files.split_off((files.len() / HELD_OUT).max(1));
            held_out = replace(&mut files, rest);
        }
        let known = |held_out: bool| move |file: PathBuf| (at, file, held_out);
        files.into_iter().map(known(false)).chain(held_out.into_iter().map(known(true))).collect::<Vec<_>>()
    };
    layout.classes.iter_mut().enumerate().flat_map(of_class).collect()
}

/// A picture as a classifier with an input of `side` sees it, `[H, W, 3]`, before it is normalised.
fn seen(picture: &Picture, side: usize, detail: Option<usize>) -> Result<Box<[u8]>> {
    let planes = seen_at(side, detail).apply(picture.view()?)?;
    let pixels = side * side;
    Ok((0..pixels).flat_map(|p| [p, pixels + p, 2 * pixels + p].map(|at| byte(planes[at]))).collect())
}

#[cfg(test)]
mod tests;
