//! How well a model names drawings of a set that it never saw.

use std::path::Path;

use serde::Serialize;

use crate::draw::canvas::{Canvas, Pyramid};
use crate::draw::classes::CLASSES;
use crate::draw::hard;
use crate::draw::icons::IconSet;
use crate::draw::render::{Drawing, render};
use crate::judge::sheet::Shown;
use crate::judge::tally::{ANSWERS, Tally};
use xception_web::classify::Classifier;
use xception_web::error::{Error, Result};
use xception_web::preprocess::RgbaView;

/// Side of the pictures that are judged.
const SIDE: usize = 256;
/// The same for the hard set.
pub(super) const HARD_SIDE: usize = 160;
/// What the hard pictures' background is called.
pub const CAMERA: &str = "through a camera";
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
    /// Share of the rightly named that the model claims to know.
    pub known_right: f64,
    /// The same of the misnamed.
    pub known_wrong: f64,
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
    /// Top-1 and top-5 on each background.
    pub figures: Vec<Figure>,
    /// All misnamed pictures.
    pub misses: Vec<Miss>,
}

/// The model's classes as places in [`CLASSES`] and in its logits.
///
/// # Errors
///
/// When the model has labels that are no class of the trainer's.
pub fn positions(classifier: &Classifier) -> Result<Vec<(usize, usize)>> {
    let names = classifier.labels().names();
    let place = |label| names.iter().position(|name| name == label);
    let found: Vec<_> =
        CLASSES.iter().enumerate().filter_map(|(class, of)| Some((class, place(of.label)?))).collect();
    if found.is_empty() || found.len() != names.len() {
        return Err(Error::Training(format!(
            "of the model's {} labels {} can be drawn; give one that `xception train` made of icon sets, or your own pictures with --data DIR",
            names.len(),
            found.len()
        )));
    }
    Ok(found)
}

fn figure(background: &'static str, tally: &Tally) -> Figure {
    Figure {
        background,
        top1: tally.top1(),
        top5: tally.top5(),
        known_right: tally.known_right(),
        known_wrong: tally.known_wrong(),
    }
}

/// What is gathered while pictures are shown.
struct Exam<'a> {
    classifier: &'a Classifier,
    misses: Vec<Miss>,
}

impl Exam<'_> {
    /// Shows one picture; the likeliest class, its score, and whether the model knows it.
    async fn show(
        &mut self,
        tally: &mut Tally,
        (rgba, side): (&[u8], usize),
        background: &'static str,
        label: &str,
    ) -> Result<(String, f32, bool)> {
        let logits = self.classifier.logits(RgbaView::new(rgba, side, side)?).await?;
        let answers = self.classifier.rank(&logits, ANSWERS);
        let place = answers.iter().position(|answer| answer.label == label);
        let (answer, score) =
            answers.into_iter().next().map_or((String::new(), 0.0), |best| (best.label, best.score));
        let known = self.classifier.knows(&logits);
        tally.count(place, known);
        if place != Some(0) {
            self.misses.push(Miss { background, label: label.to_owned(), answer: answer.clone(), score });
        }
        Ok((answer, score, known))
    }

    fn end(self, set: &IconSet, classes: usize, pictures: usize, figures: Vec<Figure>) -> Evaluation {
        let mean = |of: fn(&Figure) -> f64| figures.iter().map(of).sum::<f64>() / figures.len() as f64;
        Evaluation {
            set: format!("{}@{}", set.name, set.version),
            classes,
            pictures,
            top1: mean(|figure| figure.top1),
            top5: mean(|figure| figure.top5),
            figures,
            misses: self.misses,
        }
    }
}

/// Each class's drawing of `set`.
pub(super) fn drawings(set: &IconSet, positions: &[(usize, usize)]) -> Result<Vec<(&'static str, Drawing)>> {
    let draw = |&(class, _): &(usize, usize)| {
        let class = &CLASSES[class];
        Ok((class.label, render(&set.svg(class.icons[0])?, SIDE)?))
    };
    positions.iter().map(draw).collect()
}

/// A picture that a model is asked about.
pub(super) struct Question {
    /// The background's name.
    pub background: &'static str,
    /// What the picture shows.
    pub label: &'static str,
    /// Its pixels, `side × side × 4`.
    pub rgba: Vec<u8>,
    /// Its width and height.
    pub side: usize,
}

/// Each drawing on every plain background, large.
pub(super) fn plain(drawings: &[(&'static str, Drawing)]) -> impl Iterator<Item = Question> {
    BACKGROUNDS.iter().flat_map(move |&(background, colour)| {
        drawings.iter().map(move |(label, drawing)| Question {
            background,
            label,
            rgba: in_front(drawing, colour),
            side: SIDE,
        })
    })
}

/// Each drawing through a poor camera, `hard::TAKES` times.
pub(super) fn through_a_camera(
    drawings: &[(&'static str, Drawing)],
    positions: &[(usize, usize)],
    seed: u64,
) -> impl Iterator<Item = (&'static str, Canvas)> {
    let pyramids: Vec<_> = drawings.iter().map(|(_, drawing)| Pyramid::new(drawing)).collect();
    let count = drawings.len();
    (0..hard::TAKES * count).map(move |number| {
        let (take, at) = (number / count, number % count);
        // By the class's place in the full list, so that a class has the same pictures in every model.
        let item = (positions[at].0 * hard::TAKES + take) as u64;
        // Any steps would do that meet other classes in each take.
        let clutter = [7, 31].map(|step| &pyramids[(at + step * (take + 1)) % count]);
        (drawings[at].0, hard::picture(seed, item, HARD_SIDE, &pyramids[at], &clutter))
    })
}

/// Shows each class's drawing of the set `name` to the model, large, on plain backgrounds; besides, each
/// drawing that was misnamed, on the first background where it was.
///
/// # Errors
///
/// When the set cannot be read, or the model has labels that are no class of the trainer's.
pub async fn evaluate(classifier: &Classifier, dir: &Path, name: &str) -> Result<(Evaluation, Vec<Shown>)> {
    let set = IconSet::read(dir, name)?;
    let drawings = drawings(&set, &positions(classifier)?)?;
    let mut exam = Exam { classifier, misses: Vec::new() };
    let mut misnamed: Vec<Shown> = Vec::new();
    let mut tallies =
        BACKGROUNDS.iter().map(|&(background, _)| (background, Tally::default())).collect::<Vec<_>>();
    for (number, question) in plain(&drawings).enumerate() {
        let tally = &mut tallies[number / drawings.len()].1;
        let Question { background, label, rgba, side } = question;
        let (answer, score, known) = exam.show(tally, (&rgba, side), background, label).await?;
        if answer != label && misnamed.iter().all(|before| before.label != label) {
            let (canvas, label) = (Canvas::from_rgba(&rgba, side), label.to_owned());
            misnamed.push(Shown { canvas, label, answer, score, known });
        }
    }
    let figures = tallies.iter().map(|(background, tally)| figure(background, tally)).collect();
    Ok((exam.end(&set, drawings.len(), drawings.len() * BACKGROUNDS.len(), figures), misnamed))
}

/// Shows each class's drawing of the set `name` to the model through a poor camera ([`hard`]), and
/// gives all that was shown besides.
///
/// # Errors
///
/// As [`evaluate`].
pub async fn evaluate_hard(
    classifier: &Classifier,
    dir: &Path,
    name: &str,
    seed: u64,
) -> Result<(Evaluation, Vec<Shown>)> {
    let positions = positions(classifier)?;
    let set = IconSet::read(dir, name)?;
    let drawings = drawings(&set, &positions)?;
    let mut exam = Exam { classifier, misses: Vec::new() };
    let (mut tally, mut shown) = (Tally::default(), Vec::new());
    for (label, canvas) in through_a_camera(&drawings, &positions, seed) {
        let (answer, score, known) =
            exam.show(&mut tally, (&canvas.rgba(), HARD_SIDE), CAMERA, label).await?;
        shown.push(Shown { canvas, label: label.to_owned(), answer, score, known });
    }
    let figures = vec![figure(CAMERA, &tally)];
    Ok((exam.end(&set, drawings.len(), shown.len(), figures), shown))
}

/// The drawing on a plain background, as RGBA without transparency.
pub(super) fn in_front(drawing: &Drawing, colour: [u8; 3]) -> Vec<u8> {
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
