//! How well a model names a user's own pictures, in one folder per class as for training, and what its
//! scores are worth on them.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::confidence::{Answer, Report, fitted};
use super::pictures::{EXTENSIONS, folders, io};
use super::random::Random;
use crate::classify::Classifier;
use crate::error::{Error, Result};
use crate::picture::Picture;

/// Fewer pictures say too little of scores: half of them are fitted on, half judge.
const CALIBRATED: usize = 40;
/// Labels shown of a model that has others than a folder's name.
const LABELS_SHOWN: usize = 8;
/// Stream that decides which pictures are fitted on, apart from all others.
const HALVES: u64 = u64::MAX - 5;

/// A picture that was misnamed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OwnMiss {
    /// Its file.
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
    /// All misnamed pictures.
    pub misses: Vec<OwnMiss>,
}

/// A picture, and what the model made of it.
struct Asked {
    file: PathBuf,
    answer: Answer,
}

/// Shows the model all pictures below `dir`.
///
/// # Errors
///
/// When a folder is no class of the model or holds no pictures, or a picture cannot be read.
pub async fn measure(classifier: &Classifier, dir: &Path) -> Result<Measured> {
    let (classes, asked) = ask(classifier, dir).await?;
    let (mut first, mut five, mut known_right, mut known_wrong) = (0, 0, 0, 0);
    let mut misses = Vec::new();
    for Asked { file, answer: (logits, class) } in asked.iter() {
        let ranked = classifier.rank(logits, 5);
        five += usize::from(ranked.iter().any(|answer| answer.index == *class));
        let known = usize::from(classifier.knows(logits));
        match ranked.into_iter().next() {
            Some(best) if best.index == *class => {
                first += 1;
                known_right += known;
            }
            best => {
                known_wrong += known;
                let label = classifier.labels().names()[*class].clone();
                let (answer, score) = best.map_or((String::new(), 0.0), |best| (best.label, best.score));
                misses.push(OwnMiss { file: file.clone(), label, answer, score });
            }
        }
    }
    let share = |part: usize, of: usize| part as f64 / of.max(1) as f64;
    Ok(Measured {
        classes,
        pictures: asked.len(),
        top1: share(first, asked.len()),
        top5: share(five, asked.len()),
        known_right: share(known_right, first),
        known_wrong: share(known_wrong, asked.len() - first),
        misses,
    })
}

/// Fits temperature and threshold on half of the pictures below `dir`, chosen by `seed`, and judges them by
/// the others. The model must not have been trained on any of them.
///
/// # Errors
///
/// As [`measure`], and when there are too few pictures.
pub async fn calibrate_own(classifier: &Classifier, dir: &Path, seed: u64) -> Result<Report> {
    let (_, asked) = ask(classifier, dir).await?;
    if asked.len() < CALIBRATED {
        return Err(Error::Training(format!(
            "{} holds {} pictures, and it takes at least {CALIBRATED} to say what scores are worth; add some that the model was not trained on",
            dir.display(),
            asked.len()
        )));
    }
    let mut answers: Vec<Answer> = asked.into_iter().map(|asked| asked.answer).collect();
    Random::new(seed, HALVES, 0).shuffle(&mut answers);
    // Halves are equal.
    answers.truncate(answers.len() / 2 * 2);
    Ok(fitted("own pictures", &answers))
}

/// The number of classes below `dir`, and the model's answers to their pictures.
async fn ask(classifier: &Classifier, dir: &Path) -> Result<(usize, Vec<Asked>)> {
    let folders = folders(dir)?;
    let mut files = Vec::new();
    for (label, pictures) in &folders {
        let class = class(classifier, label)?;
        if pictures.is_empty() {
            return Err(Error::Training(format!(
                "{} holds no pictures ({}); add some or remove the folder",
                dir.join(label).display(),
                EXTENSIONS.join(", ")
            )));
        }
        files.extend(pictures.iter().map(|file| (file, class)));
    }
    if files.is_empty() {
        return Err(Error::Training(format!(
            "{} holds no folders with pictures; it must hold one for each class that is asked for",
            dir.display()
        )));
    }
    let mut asked = Vec::new();
    for (file, class) in files {
        let bytes = std::fs::read(file).map_err(|source| io(file, source))?;
        let named =
            |error: Error| Error::Training(format!("{}: {error}; repair or remove it", file.display()));
        let picture = Picture::decode(&bytes).map_err(named)?;
        let logits = classifier.logits(picture.view()?).await?;
        asked.push(Asked { file: file.clone(), answer: (logits, class) });
    }
    Ok((folders.len(), asked))
}

/// The model's class of that name.
fn class(classifier: &Classifier, label: &str) -> Result<usize> {
    let names = classifier.labels().names();
    names.iter().position(|name| name == label).ok_or_else(|| {
        let more = if names.len() > LABELS_SHOWN { ", …" } else { "" };
        let some = names[..names.len().min(LABELS_SHOWN)].join(", ");
        let labels = if names.is_empty() { "none".into() } else { format!("{some}{more}") };
        Error::Training(format!(
            "the model has no class \"{label}\" (its labels: {labels}); give each folder the name of a class"
        ))
    })
}
