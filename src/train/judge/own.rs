//! How well a model names a user's own pictures, in folders as for training, and what its scores are worth on
//! them. Where there is a validation set, it is what is asked for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use serde::Serialize;

use crate::draw::canvas::Canvas;
use crate::judge::confidence::{Answer, Report, fitted, outside, textures};
use crate::judge::sheet::{Shown, TILE};
use crate::judge::tally::{ANSWERS, Tally};
use crate::random::{Random, Stream};
use crate::recipe::config::preprocess;
use crate::supply::layout;
use crate::supply::layout::{Broken, Class, FolderNames, Layout, decode};
use xception_web::classify::Classifier;
use xception_web::error::{Error, Result};
use xception_web::picture::Picture;

/// Fewer pictures say too little of scores: half of them are fitted on, half judge.
const CALIBRATED: usize = 40;
/// Labels shown of a model that has others than a folder's name.
const LABELS_SHOWN: usize = 8;
/// Pictures decoded at once.
const DECODED: usize = 64;
/// Strangers that are looked at, of a folder of more.
const STRANGERS_SHOWN: usize = 2000;

/// A picture that was misnamed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OwnMiss {
    /// Where it lies.
    pub file: PathBuf,
    /// What it shows.
    pub label: String,
    /// What the model said.
    pub answer: String,
    /// How sure it was.
    pub score: f32,
}

/// What [`measure`] found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// Folders, each a class of the model.
    pub classes: usize,
    /// Pictures in them.
    pub pictures: usize,
    /// Share of pictures whose likeliest class is right.
    pub top1: f64,
    /// Share of pictures whose right class is among the five likeliest.
    pub top5: f64,
    /// Share of the rightly named that the model claims to know.
    pub known_right: f64,
    /// The same of the misnamed.
    pub known_wrong: f64,
    /// By class, in the model's order.
    pub by_class: Vec<OfClass>,
    /// All misnamed pictures.
    pub misses: Vec<OwnMiss>,
}

/// How a class did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfClass {
    /// What it is called.
    pub label: String,
    /// Its pictures.
    pub pictures: usize,
    /// Those whose likeliest class is right.
    pub right: usize,
}

/// A picture, and what the model made of it.
struct Asked {
    file: PathBuf,
    answer: Answer,
}

/// Shows the model the pictures below `dir`, whose folders are named by `names`, by labels or by synsets; with
/// `show`, gives the first of each class with the answer, too. What people should know goes to `tell`.
///
/// # Errors
///
/// When a folder is no class of the model or holds no pictures, or more than a few pictures cannot be read.
pub async fn measure(
    classifier: &Classifier,
    dir: &Path,
    names: Option<&FolderNames>,
    show: bool,
    tell: &dyn Fn(&str),
) -> Result<(Measured, Vec<Shown>)> {
    let (classes, asked) = ask(classifier, dir, names, tell).await?;
    let mut tally = Tally::default();
    let (mut misses, mut shown, mut by_class) = (Vec::new(), Vec::new(), BTreeMap::new());
    for Asked { file, answer: (logits, class) } in asked.iter() {
        let ranked = classifier.rank(logits, ANSWERS);
        let place = ranked.iter().position(|answer| answer.index == *class);
        let known = classifier.knows(logits);
        let label = || classifier.labels().names()[*class].clone();
        let of_class =
            by_class.entry(*class).or_insert_with(|| OfClass { label: label(), pictures: 0, right: 0 });
        if let (true, 0, Some(best)) = (show, of_class.pictures, ranked.first()) {
            let (answer, score) = (best.label.clone(), best.score);
            shown.push(Shown { canvas: small(file)?, label: label(), answer, score, known });
        }
        tally.count(place, known);
        of_class.pictures += 1;
        of_class.right += usize::from(place == Some(0));
        if place != Some(0) {
            let best = ranked.into_iter().next();
            let (answer, score) = best.map_or((String::new(), 0.0), |best| (best.label, best.score));
            misses.push(OwnMiss { file: file.clone(), label: label(), answer, score });
        }
    }
    let measured = Measured {
        classes,
        pictures: tally.pictures,
        top1: tally.top1(),
        top5: tally.top5(),
        known_right: tally.known_right(),
        known_wrong: tally.known_wrong(),
        by_class: by_class.into_values().collect(),
        misses,
    };
    Ok((measured, shown))
}

/// A picture as large as a contact sheet shows it.
fn small(file: &Path) -> Result<Canvas> {
    let picture = decode(file).map_err(|why| Error::Training(format!("{}: {why}", file.display())))?;
    let planes = preprocess(TILE).apply(picture.view()?)?;
    let colour = |at: usize| (planes[at] + 1.0) / 2.0;
    let pixel = |p: usize| [p, TILE * TILE + p, 2 * TILE * TILE + p].map(colour);
    Ok(Canvas { side: TILE, pixels: (0..TILE * TILE).map(pixel).collect() })
}

/// How [`calibrate_own`] goes about it.
#[derive(Clone, Copy, Debug)]
pub struct Calibrating<'a> {
    /// Which half of the pictures is fitted on.
    pub seed: u64,
    /// Share of the rightly named that is to stay known.
    pub keep: f64,
    /// Pictures that show none of the classes, to say how often they are named all the same.
    pub strangers: Option<&'a Path>,
}

/// Fits temperature and threshold on half of the pictures below `dir`, and judges them by the others. The model must
/// not have been trained on any of them.
///
/// # Errors
///
/// As [`measure`], and when there are too few pictures.
pub async fn calibrate_own(
    classifier: &Classifier,
    dir: &Path,
    names: Option<&FolderNames>,
    how: Calibrating<'_>,
    tell: &dyn Fn(&str),
) -> Result<Report> {
    let (_, asked) = ask(classifier, dir, names, tell).await?;
    if asked.len() < CALIBRATED {
        return Err(Error::Training(format!(
            "{} holds {} pictures, and it takes at least {CALIBRATED} to say what scores are worth; add some that the model was not trained on",
            dir.display(),
            asked.len()
        )));
    }
    let mut answers: Vec<Answer> = asked.into_iter().map(|asked| asked.answer).collect();
    Random::new(how.seed, Stream::Halves.number(), 0).shuffle(&mut answers);
    // Halves are equal.
    answers.truncate(answers.len() / 2 * 2);
    let report = fitted("own pictures", &answers, how.keep);
    let mut kinds = textures(how.seed);
    if let Some(dir) = how.strangers {
        kinds.insert(0, (format!("those in {}", dir.display()), strangers(dir, how.seed)?));
    }
    Ok(Report { outside: outside(classifier, &report.calibration, kinds).await?, ..report })
}

/// Some of the pictures below a folder, by chance.
fn strangers(dir: &Path, seed: u64) -> Result<Vec<Picture>> {
    let mut files = layout::pictures(dir)?;
    Random::new(seed, Stream::Strangers.number(), 0).shuffle(&mut files);
    files.truncate(STRANGERS_SHOWN);
    if files.is_empty() {
        return Err(Error::Training(format!(
            "{} holds no pictures; put some into it that show none of the model's classes, or leave --strangers out",
            dir.display()
        )));
    }
    let named = |file: &PathBuf, why| Error::Training(format!("{}: {why}", file.display()));
    files.par_iter().map(|file| decode(file).map_err(|why| named(file, why))).collect()
}

/// The number of classes below `dir` that are asked for, and the model's answers to their pictures.
async fn ask(
    classifier: &Classifier,
    dir: &Path,
    names: Option<&FolderNames>,
    tell: &dyn Fn(&str),
) -> Result<(usize, Vec<Asked>)> {
    let layout = Layout::read(dir, names)?;
    let classes =
        layout.classes.iter().map(|class| self::class(classifier, class)).collect::<Result<Vec<_>>>()?;
    let files: Vec<_> = layout.judged().collect();
    let mut counts = vec![0; classes.len()];
    files.iter().for_each(|(class, _)| counts[*class] += 1);
    if files.is_empty() {
        return Err(Error::Training(format!(
            "{} holds no pictures to judge by; put some into a folder for each class in {}",
            dir.display(),
            dir.join("val").display()
        )));
    }
    let bar = ProgressBar::new(files.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos} of {len} pictures") {
        bar.set_style(style);
    }
    let (mut asked, mut broken) = (Vec::new(), Vec::new());
    for some in files.chunks(DECODED) {
        let decoded: Vec<_> = some.par_iter().map(|(_, file)| decode(file)).collect();
        for ((class, file), picture) in some.iter().zip(decoded) {
            bar.inc(1);
            let (class, file) = (*class, file.to_path_buf());
            match picture {
                Ok(picture) => {
                    let logits = classifier.logits(picture.view()?).await?;
                    asked.push(Asked { file, answer: (logits, classes[class]) });
                }
                Err(why) => broken.push(Broken { class, file, why }),
            }
        }
    }
    bar.finish_and_clear();
    if let Some(text) = layout.tolerate(&broken, &counts)? {
        tell(&text);
    }
    Ok((counts.iter().filter(|count| **count > 0).count(), asked))
}

/// The model's class for a folder: by the synset, if both have one; or by the label.
fn class(classifier: &Classifier, class: &Class) -> Result<usize> {
    let labels = classifier.labels();
    let names = labels.names();
    let by_synset = (0..names.len()).find(|index| labels.synset(*index) == Some(&class.folder));
    let found = by_synset.or_else(|| names.iter().position(|name| *name == class.label));
    found.ok_or_else(|| {
        let more = if names.len() > LABELS_SHOWN { ", …" } else { "" };
        let some = names[..names.len().min(LABELS_SHOWN)].join(", ");
        let labels = if names.is_empty() { "none".into() } else { format!("{some}{more}") };
        Error::Training(format!(
            "the model has no class \"{}\" (its labels: {labels}); give each folder the name of a class, or name folders with --labels FILE",
            class.label
        ))
    })
}
