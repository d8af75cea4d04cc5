//! How well a model names drawings of a set that it never saw.

use std::path::Path;

use serde::Serialize;

use super::classes::CLASSES;
use super::icons::IconSet;
use super::render::{Drawing, render};
use crate::classify::Classifier;
use crate::error::{Error, Result};
use crate::preprocess::RgbaView;

/// Side of the pictures that are judged.
const SIDE: usize = 256;
/// Plain backgrounds; the first is the one that pictures of drawings mostly have.
const BACKGROUNDS: &[(&str, [u8; 3])] = &[
    ("white", [255, 255, 255]),
    ("light grey", [225, 225, 225]),
    ("pale yellow", [255, 244, 204]),
    ("sky blue", [135, 196, 235]),
    ("dark slate", [38, 44, 56]),
];

/// Right answers among the pictures of one background.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// The background's name.
    pub background: &'static str,
    /// Share of pictures whose likeliest class is right.
    pub top1: f64,
    /// Share of pictures whose right class is among the five likeliest.
    pub top5: f64,
}

/// A picture that was misnamed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Miss {
    /// The background's name.
    pub background: &'static str,
    /// What it shows.
    pub label: String,
    /// What the model said.
    pub answer: String,
    /// How sure it was.
    pub score: f32,
}

/// What [`evaluate`] found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// The icon set, and the version of its package.
    pub set: String,
    /// Classes, each one drawing.
    pub classes: usize,
    /// Pictures: every class on every background.
    pub pictures: usize,
    /// Share of right answers over all pictures.
    pub top1: f64,
    /// The same, among five answers.
    pub top5: f64,
    /// By background.
    pub figures: Vec<Figure>,
    /// All misnamed pictures.
    pub misses: Vec<Miss>,
}

/// Shows each class's drawing of the set `name` to the model, large, on plain backgrounds.
///
/// # Errors
///
/// When the set cannot be read, or the model has labels that are no class of the trainer's.
pub async fn evaluate(classifier: &Classifier, dir: &Path, name: &str) -> Result<Evaluation> {
    let names = classifier.labels().names();
    let classes: Vec<_> = CLASSES.iter().filter(|class| names.iter().any(|n| n == class.label)).collect();
    if classes.is_empty() || classes.len() != names.len() {
        return Err(Error::Training(format!(
            "of the model's {} labels {} can be drawn; give a model that `xception train` made of icon sets",
            names.len(),
            classes.len()
        )));
    }
    let set = IconSet::read(dir, name)?;
    let drawings =
        classes.iter().map(|class| render(&set.svg(class.icons[0])?, SIDE)).collect::<Result<Vec<_>>>()?;
    let (mut figures, mut misses) = (Vec::new(), Vec::new());
    for &(background, colour) in BACKGROUNDS {
        let (mut first, mut five) = (0, 0);
        for (class, drawing) in classes.iter().zip(&drawings) {
            let rgba = on(drawing, colour);
            let answers = classifier.classify(RgbaView::new(&rgba, SIDE, SIDE)?, 5).await?;
            five += usize::from(answers.iter().any(|answer| answer.label == class.label));
            match answers.first() {
                Some(answer) if answer.label == class.label => first += 1,
                Some(answer) => misses.push(Miss {
                    background,
                    label: class.label.to_owned(),
                    answer: answer.label.clone(),
                    score: answer.score,
                }),
                None => {}
            }
        }
        let share = |right: usize| right as f64 / classes.len() as f64;
        figures.push(Figure { background, top1: share(first), top5: share(five) });
    }
    let mean = |of: fn(&Figure) -> f64| figures.iter().map(of).sum::<f64>() / figures.len() as f64;
    Ok(Evaluation {
        set: format!("{}@{}", set.name, set.version),
        classes: classes.len(),
        pictures: classes.len() * BACKGROUNDS.len(),
        top1: mean(|figure| figure.top1),
        top5: mean(|figure| figure.top5),
        figures,
        misses,
    })
}

/// The drawing on a plain background, as RGBA without transparency.
fn on(drawing: &Drawing, colour: [u8; 3]) -> Vec<u8> {
    let blend = |above: u8, below: u8, alpha: u8| {
        let alpha = u32::from(alpha);
        ((u32::from(above) * alpha + u32::from(below) * (255 - alpha) + 127) / 255) as u8
    };
    let pixel = |p: &[u8]| {
        let [r, g, b] = std::array::from_fn(|c| blend(p[c], colour[c], p[3]));
        [r, g, b, 255]
    };
    drawing.rgba.chunks_exact(4).flat_map(pixel).collect()
}
