//! How far two files of one model differ: what rounding the weights to fewer bits costs.

use std::path::Path;

use serde::Serialize;

use crate::draw::icons::IconSet;
use crate::judge::drawings::{CAMERA, HARD_SIDE, Question, drawings, plain, positions, through_a_camera};
use crate::judge::tally::{ANSWERS, Tally, share};
use xception_web::classify::Classifier;
use xception_web::error::{Error, Result};
use xception_web::preprocess::RgbaView;

/// A picture that the two files name differently.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Disagreement {
    /// The background's name.
    pub background: &'static str,
    /// What it shows.
    pub label: &'static str,
    /// What each of the two says: the reference, the other.
    pub answers: [String; 2],
    /// How far the reference's two likeliest classes are apart, in logits.
    pub margin: f32,
}

/// Both files' answers to one kind of pictures.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Kind {
    /// What the pictures are, in words.
    pub pictures_are: &'static str,
    /// How many of them there were.
    pub pictures: usize,
    /// Largest difference of two logits of the same class.
    pub largest: f32,
    /// Mean of the differences, without their signs.
    pub mean: f64,
    /// Share of pictures that both name alike.
    pub agreement: f64,
    /// Share of pictures that each names rightly: the reference, the other.
    pub top1: [f64; 2],
    /// The same among five answers.
    pub top5: [f64; 2],
}

/// What [`compare`] found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The icon set, and the version of its package.
    pub set: String,
    /// Plain pictures, hard ones, and all.
    pub kinds: Vec<Kind>,
    /// All pictures that the two name differently.
    pub disagreements: Vec<Disagreement>,
}

/// Sums over pictures.
#[derive(Default)]
struct Sums {
    /// Of the reference, and of the other.
    tallies: [Tally; 2],
    logits: usize,
    largest: f32,
    gaps: f64,
    alike: usize,
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.tallies.iter_mut().zip(&other.tallies).for_each(|(tally, other)| tally.add(other));
        self.logits += other.logits;
        self.largest = self.largest.max(other.largest);
        self.gaps += other.gaps;
        self.alike += other.alike;
    }

    fn kind(&self, pictures_are: &'static str) -> Kind {
        let pictures = self.tallies[0].pictures;
        Kind {
            pictures_are,
            pictures,
            largest: self.largest,
            mean: self.gaps / self.logits.max(1) as f64,
            agreement: share(self.alike, pictures),
            top1: self.tallies.each_ref().map(Tally::top1),
            top5: self.tallies.each_ref().map(Tally::top5),
        }
    }
}

/// Two files that answer the same questions.
struct Pair<'a> {
    files: [&'a Classifier; 2],
    disagreements: Vec<Disagreement>,
}

impl Pair<'_> {
    async fn ask(&mut self, question: &Question) -> Result<Sums> {
        let view = RgbaView::new(&question.rgba, question.side, question.side)?;
        let logits = [self.files[0].logits(view).await?, self.files[1].logits(view).await?];
        let ranked = [0, 1].map(|side| self.files[side].rank(&logits[side], ANSWERS));
        let gaps = logits[0].iter().zip(&logits[1]).map(|(a, b)| (a - b).abs());
        let best = ranked.each_ref().map(|answers| answers[0].index);
        if best[0] != best[1] {
            let second = ranked[0].get(1).map_or(best[0], |answer| answer.index);
            self.disagreements.push(Disagreement {
                background: question.background,
                label: question.label,
                answers: ranked.each_ref().map(|answers| answers[0].label.clone()),
                margin: logits[0][best[0]] - logits[0][second],
            });
        }
        let tally = |side: usize| {
            let mut tally = Tally::default();
            let place = ranked[side].iter().position(|answer| answer.label == question.label);
            tally.count(place, self.files[side].knows(&logits[side]));
            tally
        };
        Ok(Sums {
            tallies: [tally(0), tally(1)],
            logits: logits[0].len(),
            largest: gaps.clone().fold(0.0, f32::max),
            gaps: gaps.map(f64::from).sum(),
            alike: usize::from(best[0] == best[1]),
        })
    }
}

/// Shows both files every picture of the plain and of the hard set that is made of the icon set `name`.
///
/// # Errors
///
/// When the two are not files of one model, the set cannot be read, or the model has labels that are no
/// class of the trainer's.
pub async fn compare(
    reference: &Classifier,
    other: &Classifier,
    dir: &Path,
    name: &str,
    seed: u64,
) -> Result<Comparison> {
    if reference.config() != other.config()
        || reference.labels() != other.labels()
        || reference.preprocess() != other.preprocess()
    {
        return Err(Error::Training(format!(
            "a {} of {} classes cannot be compared with a {} of {}, or names or preprocessing differ; give two files of one model",
            reference.config().architecture,
            reference.config().classes,
            other.config().architecture,
            other.config().classes
        )));
    }
    let positions = positions(reference)?;
    let set = IconSet::read(dir, name)?;
    let drawings = drawings(&set, &positions)?;
    let mut pair = Pair { files: [reference, other], disagreements: Vec::new() };
    let mut sums = [Sums::default(), Sums::default()];
    for question in plain(&drawings) {
        sums[0].add(&pair.ask(&question).await?);
    }
    for (label, canvas) in through_a_camera(&drawings, &positions, seed) {
        let question = Question { background: CAMERA, label, rgba: canvas.rgba(), side: HARD_SIDE };
        sums[1].add(&pair.ask(&question).await?);
    }
    let mut all = Sums::default();
    sums.iter().for_each(|some| all.add(some));
    let kinds = vec![sums[0].kind("on plain backgrounds"), sums[1].kind(CAMERA), all.kind("all pictures")];
    Ok(Comparison { set: format!("{}@{}", set.name, set.version), kinds, disagreements: pair.disagreements })
}
