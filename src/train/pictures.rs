//! A user's own pictures: one folder per class, some of each held out, the others varied for ever.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::canvas::{Layer, Pyramid};
use super::config::preprocess;
use super::dataset::Batch;
use super::random::Random;
use super::render::Drawing;
use crate::error::{Error, Result};
use crate::picture::Picture;

/// File names that are taken for pictures, by their ends.
pub(super) const EXTENSIONS: [&str; 6] = ["png", "jpg", "jpeg", "webp", "gif", "bmp"];
/// Pixels kept of a picture at least; somewhat more than the usual input, for the crops.
const KEPT_SIDE: usize = 96;
/// One of so many pictures of a class is held out, and at least one.
const HELD_OUT: usize = 10;
/// Stream that decides which, apart from all epochs.
const SPLIT: u64 = u64::MAX - 1;
/// Smallest share of a picture's area that is shown, and the spread of the crop's aspect.
const CROP_AREA: f32 = 0.4;
const CROP_ASPECT: f32 = 0.2;

/// Pictures by class, in memory.
#[derive(Clone, Debug)]
pub struct Pictures {
    /// Names of the folders, sorted: the labels.
    pub labels: Vec<String>,
    train: Arc<Vec<Vec<Pyramid>>>,
    held_out: Arc<Vec<(usize, Pyramid)>>,
}

impl Pictures {
    /// Reads the folders below `dir` for networks of that input `side`; the seed says which pictures are
    /// held out.
    ///
    /// # Errors
    ///
    /// With fewer than two folders, a folder with fewer than two pictures, or a picture that cannot be read.
    pub fn read(dir: &Path, seed: u64, side: usize) -> Result<Self> {
        let kept = side.max(KEPT_SIDE);
        let folders = folders(dir)?;
        if folders.len() < 2 {
            return Err(Error::Training(format!(
                "{} holds {} folders with pictures; it must hold one per class, and at least two",
                dir.display(),
                folders.len()
            )));
        }
        let (mut labels, mut train, mut held_out) = (Vec::new(), Vec::new(), Vec::new());
        for (class, (label, files)) in folders.into_iter().enumerate() {
            if files.len() < 2 {
                return Err(Error::Training(format!(
                    "{} holds {} pictures ({}); a class needs at least two, one of them held out: add some or remove the folder",
                    dir.join(label).display(),
                    files.len(),
                    EXTENSIONS.join(", ")
                )));
            }
            let mut pictures = files.par_iter().map(|file| read(file, kept)).collect::<Result<Vec<_>>>()?;
            Random::new(seed, SPLIT, class as u64).shuffle(&mut pictures);
            let rest = pictures.split_off((pictures.len() / HELD_OUT).max(1));
            held_out.extend(pictures.into_iter().map(|picture| (class, picture)));
            train.push(rest);
            labels.push(label);
        }
        Ok(Self { labels, train: Arc::new(train), held_out: Arc::new(held_out) })
    }

    /// Pictures `first..first + count` of an epoch; every class is as frequent as the others.
    pub fn batch(&self, side: usize, seed: u64, epoch: u64, first: u64, count: usize) -> Batch {
        let samples = (first..first + count as u64).map(|index| {
            let random = &mut Random::new(seed, epoch, index);
            let class = random.below(self.train.len());
            let picture = &self.train[class][random.below(self.train[class].len())];
            let mut layer = picture.sample(side, &crop(random));
            jitter(random, &mut layer);
            (class, layer)
        });
        batch(samples)
    }

    /// Up to `count` pictures held out, whole and as they are.
    pub fn validation(&self, side: usize, first: usize, count: usize) -> Batch {
        let whole = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
        let chosen = self.held_out.iter().skip(first).take(count);
        batch(chosen.map(|(class, picture)| (*class, picture.sample(side, &whole))))
    }
}

fn batch(samples: impl Iterator<Item = (usize, Layer)>) -> Batch {
    let mut batch = Batch { pixels: Vec::new(), classes: Vec::new() };
    for (class, layer) in samples {
        batch.pixels.extend(layer.pixels.iter().flat_map(|p| [p[0], p[1], p[2]]).map(|v| v * 2.0 - 1.0));
        batch.classes.push(class);
    }
    batch
}

/// A part of the picture, perhaps mirrored: the map that [`Pyramid::sample`] takes.
fn crop(random: &mut Random) -> [f32; 8] {
    let size = random.range(CROP_AREA, 1.0).sqrt();
    let aspect = random.range(-CROP_ASPECT, CROP_ASPECT).exp();
    let (w, h) = ((size * aspect).min(1.0), (size / aspect).min(1.0));
    let (x, y) = (random.range(-0.5, 0.5) * (1.0 - w), random.range(-0.5, 0.5) * (1.0 - h));
    let flip = if random.chance(0.5) { -1.0 } else { 1.0 };
    [flip * w, 0.0, x, 0.0, h, y, 0.0, 0.0]
}

/// Other light: brightness, contrast and saturation.
fn jitter(random: &mut Random, layer: &mut Layer) {
    let (bright, contrast) = (random.range(-0.15, 0.15), random.range(0.7, 1.3));
    let saturation = random.range(0.6, 1.4);
    for p in &mut layer.pixels {
        let grey = (p[0] + p[1] + p[2]) / 3.0;
        for v in &mut p[..3] {
            let value = grey + (*v - grey) * saturation;
            *v = ((value - 0.5) * contrast + 0.5 + bright).clamp(0.0, 1.0);
        }
    }
}

/// One picture as the network will see it, a little larger.
fn read(path: &Path, side: usize) -> Result<Pyramid> {
    let bytes = std::fs::read(path).map_err(|source| io(path, source))?;
    let named = |error: Error| Error::Training(format!("{}: {error}; repair or remove it", path.display()));
    let picture = Picture::decode(&bytes).map_err(named)?;
    let planes = preprocess(side).apply(picture.view()?)?;
    let pixels = side * side;
    let byte = |v: f32| ((v + 1.0) * 127.5).round() as u8;
    let pixel = |p: usize| [planes[p], planes[pixels + p], planes[2 * pixels + p]].map(byte);
    let rgba = (0..pixels).flat_map(|p| pixel(p).into_iter().chain([255])).collect();
    Ok(Pyramid::new(&Drawing { side, rgba }))
}

/// The folders below `dir`, each a class by its name, with their pictures; both sorted.
pub(super) fn folders(dir: &Path) -> Result<Vec<(String, Vec<PathBuf>)>> {
    let folders = entries(dir)?.into_iter().filter(|path| path.is_dir());
    let pictures = |folder: &Path| -> Result<Vec<PathBuf>> {
        Ok(entries(folder)?.into_iter().filter(|path| is_picture(path)).collect())
    };
    folders.map(|folder| Ok((name(&folder), pictures(&folder)?))).collect()
}

/// What is in a folder, sorted, but for hidden things.
fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(dir).and_then(|list| list.map(|e| Ok(e?.path())).collect());
    let mut entries: Vec<PathBuf> = entries.map_err(|source| io(dir, source))?;
    entries.retain(|path| !name(path).starts_with('.'));
    entries.sort();
    Ok(entries)
}

fn is_picture(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    path.is_file() && EXTENSIONS.contains(&extension.as_str())
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

pub(super) fn io(path: &Path, source: std::io::Error) -> Error {
    Error::Io { action: "read", path: path.display().to_string(), source }
}
