//! What a model's scores are worth, from pictures whose answer is known. Start at [`calibrate`].

use std::path::Path;

use serde::Serialize;

use crate::draw::canvas::Canvas;
use crate::draw::classes::CLASSES;
use crate::draw::icons::{IconSet, UNSEEN_SET};
use crate::draw::render::render;
use crate::draw::texture;
use crate::judge::drawings::{in_front, positions};
use crate::judge::tally::{Tally, share};
use crate::random::{Random, Stream};
use crate::supply::drawings::Drawings;
use xception_web::calibration::Calibration;
use xception_web::classify::Classifier;
use xception_web::error::{Error, Result};
use xception_web::inside::square;
use xception_web::picture::Picture;
use xception_web::preprocess::RgbaView;

/// Pictures in the training styles: half of them to fit on, half to judge by.
const PICTURES: u64 = 2400;
/// Versions of each drawing by other hands.
const HANDS: usize = 2;
/// Pictures of each kind that shows none of the classes.
const OUTSIDE: usize = 300;
/// Share of the rightly named pictures that stays known, unless another is asked for.
pub const KEEP: f64 = 0.95;
/// Bins of the expected calibration error, as Guo et al. (2017) have it.
const BINS: usize = 15;
/// Temperatures that are searched, as natural logarithms, and how closely.
const LOG_TEMPERATURES: [f64; 2] = [-3.0, 3.0];
const CLOSE_ENOUGH: f64 = 1e-4;

/// Logits of one picture, and the index of the right class.
pub type Answer = (Vec<f32>, usize);

/// How often a kind of picture without any of the classes is named with confidence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outside {
    /// What the pictures show: patterns, noise, text, other drawings.
    pub kind: String,
    /// How many of them there were.
    pub pictures: usize,
    /// Share of them whose best score reaches the threshold.
    pub named: f64,
}

/// What [`calibrate`] found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// What belongs into the model file.
    pub calibration: Calibration,
    /// Which pictures it was fitted on.
    pub pictures_are: &'static str,
    /// Pictures that it was fitted on, and as many that it was judged by.
    pub pictures: usize,
    /// Share of right answers among those that it was judged by.
    pub top1: f64,
    /// Expected calibration error of plain softmax scores.
    pub error_before: f64,
    /// The same with the temperature.
    pub error_after: f64,
    /// Share of the rightly named pictures that are known.
    pub known_right: f64,
    /// Share of the misnamed ones that are known all the same.
    pub known_wrong: f64,
    /// Pictures that show none of the classes.
    pub outside: Vec<Outside>,
}

/// Fits temperature and threshold on augmented pictures of the training styles that training never
/// saw, and judges them by others; the same seed gives the same figures. `keep` is the share of the rightly named that
/// is to stay known.
///
/// # Errors
///
/// When the icon sets cannot be read, or the model has labels that are no class of the trainer's.
pub async fn calibrate(classifier: &Classifier, dir: &Path, seed: u64, keep: f64) -> Result<Report> {
    let answers = validation(classifier, dir, seed).await?;
    let report = fitted("pictures in the training styles", &answers, keep);
    let mut kinds = vec![("other drawings of openmoji".into(), other_drawings(dir, seed)?)];
    kinds.extend(textures(seed));
    let outside = outside(classifier, &report.calibration, kinds).await?;
    Ok(Report { outside, ..report })
}

/// Temperature and threshold by the first half of the answers, judged by the second; nothing is said of
/// pictures that show none of the classes.
pub(super) fn fitted(pictures_are: &'static str, answers: &[Answer], keep: f64) -> Report {
    let (fit, judge) = answers.split_at(answers.len() / 2);
    let temperature = temperature(fit);
    let mut calibration = Calibration { temperature, ..Calibration::default() };
    calibration.unknown = threshold(&calibration, fit, keep);
    let mut tally = Tally::default();
    for answer in judge {
        let known = calibration.knows(&calibration.scores(&answer.0));
        tally.count(is_right(answer).then_some(0), known);
    }
    Report {
        calibration,
        pictures_are,
        pictures: fit.len(),
        top1: tally.top1(),
        error_before: calibration_error(&Calibration::default(), judge),
        error_after: calibration_error(&calibration, judge),
        known_right: tally.known_right(),
        known_wrong: tally.known_wrong(),
        outside: Vec::new(),
    }
}

/// The model's answers to augmented pictures of its classes.
async fn validation(classifier: &Classifier, dir: &Path, seed: u64) -> Result<Vec<Answer>> {
    let positions = positions(classifier)?;
    let drawings = Drawings::read(dir, HANDS)?;
    let side = classifier.preprocess().size;
    let mut answers = Vec::new();
    for first in 0..PICTURES {
        let batch = drawings.validation(side, seed, first, 1);
        let Some(&class) = batch.classes.first() else { continue };
        // A model of other classes is asked only for those that it has.
        let Some(&(_, index)) = positions.iter().find(|(class_of, _)| *class_of == class) else { continue };
        let canvas = Canvas {
            side,
            pixels: batch
                .pixels
                .as_chunks()
                .0
                .iter()
                .map(|p: &[u8; 3]| p.map(|v| f32::from(v) / 255.0))
                .collect(),
        };
        answers.push((logits(classifier, &canvas).await?, index));
    }
    match answers.len() {
        0 | 1 => Err(Error::Training("too few of the model's classes can be drawn to calibrate it".into())),
        _ => Ok(answers),
    }
}

async fn logits(classifier: &Classifier, canvas: &Canvas) -> Result<Vec<f32>> {
    classifier.logits(RgbaView::new(&canvas.rgba(), canvas.side, canvas.side)?).await
}

fn best(logits: &[f32]) -> usize {
    let better = |best: usize, index: usize| if logits[index] > logits[best] { index } else { best };
    (0..logits.len()).fold(0, better)
}

fn is_right((logits, class): &Answer) -> bool {
    best(logits) == *class
}

/// The temperature under which the right answers are likeliest: golden-section search, since the
/// mean negative log-likelihood has one minimum.
pub fn temperature(answers: &[Answer]) -> f32 {
    let loss = |log: f64| {
        let calibration = Calibration { temperature: log.exp() as f32, ..Calibration::default() };
        let one = |(logits, class): &Answer| -f64::from(calibration.scores(logits)[*class].max(1e-30)).ln();
        answers.iter().map(one).sum::<f64>()
    };
    let golden = (5f64.sqrt() - 1.0) / 2.0;
    let [mut low, mut high] = LOG_TEMPERATURES;
    while high - low > CLOSE_ENOUGH {
        let (a, b) = (high - golden * (high - low), low + golden * (high - low));
        if loss(a) < loss(b) { high = b } else { low = a }
    }
    ((low + high) / 2.0).exp() as f32
}

/// The score that a share `keep` of the rightly named pictures reaches; none when no answer is right.
pub fn threshold(calibration: &Calibration, answers: &[Answer], keep: f64) -> Option<f32> {
    let mut scores: Vec<f32> = answers
        .iter()
        .filter(|answer| is_right(answer))
        .map(|(logits, class)| calibration.scores(logits)[*class])
        .collect();
    scores.sort_by(f32::total_cmp);
    let rejected = ((1.0 - keep) * scores.len() as f64) as usize;
    scores.get(rejected).copied()
}

/// Expected calibration error: how far scores are from the share of right answers, over equal bins.
pub fn calibration_error(calibration: &Calibration, answers: &[Answer]) -> f64 {
    let mut bins = [(0.0, 0.0); BINS];
    for answer in answers {
        let score = f64::from(calibration.scores(&answer.0)[best(&answer.0)]);
        let bin = &mut bins[((score * BINS as f64) as usize).min(BINS - 1)];
        bin.0 += score;
        bin.1 += f64::from(u8::from(is_right(answer)));
    }
    bins.iter().map(|(score, right)| (score - right).abs()).sum::<f64>() / answers.len().max(1) as f64
}

/// Drawings of things that no class of the drawings' model is.
fn other_drawings(dir: &Path, seed: u64) -> Result<Vec<Picture>> {
    let set = IconSet::read(dir, UNSEEN_SET)?;
    let ours = |name: &&str| CLASSES.iter().any(|class| class.icons.contains(name));
    let mut names: Vec<&str> = set.names().filter(|name| !ours(name)).collect();
    names.sort_unstable();
    Random::new(seed, Stream::Others.number(), 0).shuffle(&mut names);
    let others = names.iter().take(OUTSIDE).map(|name| {
        let drawing = render(&set.svg(name)?, texture::SIDE)?;
        Ok(square(in_front(&drawing, [255; 3]), texture::SIDE))
    });
    others.collect()
}

/// Pictures that show nothing at all.
pub(super) fn textures(seed: u64) -> Vec<(String, Vec<Picture>)> {
    let some = |of: fn(&mut Random) -> Picture| {
        (0..OUTSIDE as u64)
            .map(|item| of(&mut Random::new(seed, Stream::NothingJudged.number(), item)))
            .collect()
    };
    vec![
        ("plain colours, gradients and patterns".into(), some(texture::pattern)),
        ("noise".into(), some(texture::noise)),
        ("text".into(), some(texture::text)),
        ("flat drawings of nothing".into(), some(texture::figures)),
    ]
}

/// Shows the model what it was never taught.
pub(super) async fn outside(
    classifier: &Classifier,
    calibration: &Calibration,
    kinds: Vec<(String, Vec<Picture>)>,
) -> Result<Vec<Outside>> {
    let mut found = Vec::new();
    for (kind, pictures) in kinds {
        let mut named = 0;
        for picture in &pictures {
            let scores = calibration.scores(&classifier.logits(picture.view()?).await?);
            named += usize::from(calibration.knows(&scores));
        }
        found.push(Outside { kind, pictures: pictures.len(), named: share(named, pictures.len()) });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Logits whose softmax is right in just the share of cases that it says, then made `heat` times larger.
    fn honest(heat: f32) -> Vec<Answer> {
        let scores = [0.7f32, 0.2, 0.1];
        let logits: Vec<f32> = scores.iter().map(|score| score.ln() * heat).collect();
        let rights = [0; 70].into_iter().chain([1; 20]).chain([2; 10]);
        rights.map(|class| (logits.clone(), class)).collect()
    }

    #[test]
    fn the_temperature_undoes_how_much_too_large_logits_are() {
        for heat in [0.4, 1.0, 3.0] {
            let found = temperature(&honest(heat));
            assert!((found / heat - 1.0).abs() < 1e-2, "{found} for {heat}");
        }
    }

    #[test]
    fn honest_scores_have_no_calibration_error_and_loud_ones_do() {
        let quiet = calibration_error(&Calibration::default(), &honest(1.0));
        let loud = calibration_error(&Calibration::default(), &honest(4.0));
        assert!(quiet < 1e-6, "{quiet}");
        assert!(loud > 0.2, "{loud}");
    }

    #[test]
    fn the_threshold_keeps_95_of_100_right_answers() {
        let answers: Vec<Answer> = (1..=100).map(|i| (vec![i as f32 / 20.0, 0.0], 0)).collect();
        let calibration = Calibration::default();
        let unknown = threshold(&calibration, &answers, KEEP);
        let calibration = Calibration { unknown, ..calibration };
        let known = answers.iter().filter(|(logits, _)| calibration.knows(&calibration.scores(logits)));
        assert_eq!(known.count(), 95);
        assert_eq!(threshold(&calibration, &[], KEEP), None);
    }
}
