//! A head for classes that somebody shows: softmax regression with weight decay on the network's features, in Burn.
//!
//! The loss is strictly convex and its steepness bounded, so that Nesterov's accelerated descent comes to the one best
//! head by a step size that follows from the bound: nothing is random and nothing is to be tuned.

mod report;

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, short};
use crate::labels::Labels;
use crate::weights::Head;

pub use report::{Report, Warning};

/// Fewest and most classes of a lesson: with more, pictures are better taught by `xception train`.
const CLASSES: [usize; 2] = [2, 20];

/// Most pictures of a lesson: their features take 80 MB at the paper's 2,048.
const MOST_PICTURES: usize = 10_000;

/// Longest name of a class, in characters.
const LONGEST_LABEL: usize = 100;

/// Largest share of the pictures that is held out.
const MOST_HELD_OUT: f32 = 0.5;

/// Weight decay, beside a mean loss and features of a mean square length of 1. At 100 pictures it is what
/// scikit-learn's logistic regression calls a C of 10: pictures that can be told apart are, with scores near 1, and the
/// course still ends within [`MOST_STEPS`].
const DECAY: f32 = 1e-3;

/// The square of a gradient so short that the loss is within 0.0005 of the least: with this decay no further than the
/// square over twice the decay.
const STILL: f32 = 1e-6;

/// Steps after which it is good enough in any case: by the bound, the distance to the least loss halves every 22.
const MOST_STEPS: usize = 400;

/// A class that is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// What it is to be called.
    pub label: String,
    /// How many of the pictures show it.
    pub pictures: usize,
}

/// How far a lesson is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// How many steps are done.
    pub step: usize,
    /// Most that there can be; a lesson may end earlier.
    pub of: usize,
    /// Mean cross-entropy of the pictures that are learnt from, each class counting alike.
    pub loss: f32,
    /// Share of the held-out pictures that are named rightly, where any were held out.
    pub accuracy: Option<f32>,
    /// Whether further steps would change nothing.
    pub done: bool,
}

/// What came of a lesson.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Taught {
    /// What [`Classifier::use_head`](super::Classifier::use_head) takes.
    pub head: Head,
    /// What it is worth.
    pub report: Report,
}

/// A lesson under way.
#[derive(Debug)]
pub struct Lesson {
    labels: Vec<Shown>,
    scaling: Scaling,
    learnt: Batch,
    held: Batch,
    /// Transposed, since each step needs it.
    transposed: Tensor<2>,
    /// `[features + 1, classes]`: the bias is the weight of a feature that is always 1.
    weights: Tensor<2>,
    /// Where the next gradient is taken: ahead of the weights, by their own motion.
    ahead: Tensor<2>,
    last: Step,
}

/// Some of the pictures.
#[derive(Debug)]
struct Batch {
    /// `[pictures, features + 1]`, scaled.
    features: Tensor<2>,
    classes: Vec<usize>,
    /// `[pictures, classes]`.
    wanted: Tensor<2>,
    /// `[pictures, 1]`: what each counts; all of a class together as much as those of any other.
    counts: Tensor<2>,
}

/// Features are moved to a mean of 0 and scaled to like spreads and a mean square length of 1: this can be undone in the
/// head, and bounds the steepness of the loss.
#[derive(Debug)]
struct Scaling {
    mean: Vec<f32>,
    scale: Vec<f32>,
}

impl Lesson {
    /// Begins with the features of pictures, one row after the other, in the order of `classes`. The last
    /// `validation` of each class, rounded down, are held out: neighbours of one recording are alike, and told apart
    /// they would be on both sides.
    ///
    /// # Errors
    ///
    /// When the classes are too few, too many or not named each by its own name, or have no pictures, or the features are
    /// not those of so many pictures.
    pub fn new(features: &[f32], classes: &[Shown], validation: f32) -> Result<Self> {
        check(features, classes, validation)?;
        let pictures: usize = classes.iter().map(|class| class.pictures).sum();
        let rows: Vec<&[f32]> = features.chunks_exact(features.len() / pictures).collect();
        let (mut learnt, mut held, mut first) = (Vec::new(), Vec::new(), 0);
        for (class, &Shown { pictures, .. }) in classes.iter().enumerate() {
            let out = (validation * pictures as f32) as usize;
            let rows = rows.iter().skip(first).take(pictures).map(|&row| (row, class));
            learnt.extend(rows.clone().take(pictures - out));
            held.extend(rows.skip(pictures - out));
            first += pictures;
        }
        let device = Device::flex();
        let scaling = Scaling::of(&learnt, classes.len());
        let [learnt, held] =
            [learnt, held].map(|pictures| Batch::new(&pictures, &scaling, classes.len(), &device));
        let transposed = learnt.features.clone().transpose();
        let weights = Tensor::zeros([scaling.mean.len() + 1, classes.len()], &device);
        let last = Step { step: 0, of: MOST_STEPS, loss: 0.0, accuracy: None, done: false };
        let labels = classes.to_vec();
        Ok(Self { labels, scaling, learnt, held, transposed, ahead: weights.clone(), weights, last })
    }

    /// One step towards the best head.
    ///
    /// # Errors
    ///
    /// When the backend fails.
    pub fn step(&mut self) -> Result<Step> {
        let (gradient, loss) = gradient(&self.learnt, &self.transposed, &self.ahead)?;
        let [length] = numbers(gradient.clone().powi_scalar(2).sum())?[..] else {
            return Err(Error::Backend("the gradient has no length".into()));
        };
        // No direction is steeper than the mean square length of a feature and its 1, over 2, and the decay.
        let steepest = 1.0 + DECAY;
        let (root, least) = (steepest.sqrt(), DECAY.sqrt());
        let momentum = (root - least) / (root + least);
        let next = self.ahead.clone() - gradient.mul_scalar(1.0 / steepest);
        self.ahead = next.clone() + (next.clone() - self.weights.clone()).mul_scalar(momentum);
        self.weights = next;
        let right = self.right()?.iter().filter(|right| **right).count();
        let accuracy = (!self.held.classes.is_empty()).then(|| right as f32 / self.held.classes.len() as f32);
        let step = self.last.step + 1;
        self.last = Step { step, loss, accuracy, done: length < STILL || step >= MOST_STEPS, ..self.last };
        Ok(self.last)
    }

    /// Which of the held-out pictures are named rightly now.
    fn right(&self) -> Result<Vec<bool>> {
        if self.held.classes.is_empty() {
            return Ok(Vec::new());
        }
        let logits = numbers(self.held.features.clone().matmul(self.weights.clone()))?;
        let best = |logits: &[f32]| {
            (0..logits.len()).fold(0, |best, class| if logits[class] > logits[best] { class } else { best })
        };
        let rows = logits.chunks_exact(self.labels.len());
        Ok(rows.zip(&self.held.classes).map(|(logits, &class)| best(logits) == class).collect())
    }

    /// The head as it is now, on the features as the network gives them, and what it is worth.
    ///
    /// # Errors
    ///
    /// When the backend fails.
    pub fn finish(&self, title: Option<String>) -> Result<Taught> {
        let classes = self.labels.len();
        let mut weights = numbers(self.weights.clone())?;
        let mut bias = weights.split_off(weights.len() - classes);
        let rows = weights.chunks_exact_mut(classes);
        for (row, (mean, scale)) in rows.zip(self.scaling.mean.iter().zip(&self.scaling.scale)) {
            for (weight, bias) in row.iter_mut().zip(&mut bias) {
                *weight *= scale;
                *bias -= mean * *weight;
            }
        }
        let labels = Labels::new(self.labels.iter().map(|class| class.label.clone()).collect());
        let pictures: usize = self.labels.iter().map(|class| class.pictures).sum();
        let provenance = format!("head taught on {pictures} pictures of {classes} classes");
        let head = Head { title, provenance, ..Head::new(weights, bias, labels) };
        let report = Report::of(&self.labels, &self.held.classes, &self.right()?, self.last);
        Ok(Taught { head, report })
    }
}

/// The gradient of the loss with its decay, and the loss without.
fn gradient(shown: &Batch, transposed: &Tensor<2>, weights: &Tensor<2>) -> Result<(Tensor<2>, f32)> {
    let likely = softmax(shown.features.clone().matmul(weights.clone()), 1);
    let wrong = (likely.clone() - shown.wanted.clone()) * shown.counts.clone();
    let gradient = transposed.clone().matmul(wrong) + weights.clone().mul_scalar(DECAY);
    let likely = numbers((likely * shown.wanted.clone()).sum_dim(1))?;
    let counts = numbers(shown.counts.clone())?;
    let loss = likely.iter().zip(&counts).map(|(p, count)| -count * p.max(f32::MIN_POSITIVE).ln()).sum();
    Ok((gradient, loss))
}

impl Batch {
    fn new(pictures: &[(&[f32], usize)], scaling: &Scaling, classes: usize, device: &Device) -> Self {
        let width = scaling.mean.len() + 1;
        let features: Vec<f32> = pictures.iter().flat_map(|(row, _)| scaling.apply(row)).collect();
        let counts = counts(pictures, classes);
        let wanted = pictures
            .iter()
            .flat_map(|&(_, own)| (0..classes).map(move |class| f32::from(u8::from(class == own))))
            .collect();
        let tensor = |values: Vec<f32>, width| {
            Tensor::from_data(TensorData::new(values, [pictures.len(), width]), device)
        };
        Self {
            features: tensor(features, width),
            classes: pictures.iter().map(|&(_, class)| class).collect(),
            wanted: tensor(wanted, classes),
            counts: tensor(counts, 1),
        }
    }
}

/// What each picture counts, of 1 in all.
fn counts(pictures: &[(&[f32], usize)], classes: usize) -> Vec<f32> {
    let mut of = vec![0usize; classes];
    pictures.iter().for_each(|&(_, class)| of[class] += 1);
    pictures.iter().map(|&(_, class)| 1.0 / (classes * of[class]) as f32).collect()
}

impl Scaling {
    fn of(pictures: &[(&[f32], usize)], classes: usize) -> Self {
        let width = pictures.first().map_or(0, |(row, _)| row.len());
        let counts = counts(pictures, classes);
        let mut mean = vec![0.0f32; width];
        for ((row, _), count) in pictures.iter().zip(&counts) {
            mean.iter_mut().zip(*row).for_each(|(mean, value)| *mean += count * value);
        }
        let mut variance = vec![0.0f32; width];
        for ((row, _), count) in pictures.iter().zip(&counts) {
            for (variance, (value, mean)) in variance.iter_mut().zip(row.iter().zip(&mean)) {
                *variance += count * (value - mean).powi(2);
            }
        }
        // Features that hardly differ among these pictures must not count as much as those that do.
        let usual = variance.iter().sum::<f32>() / width.max(1) as f32;
        let scale = |variance: f32| {
            let spread = ((variance + usual) * width as f32).sqrt();
            if spread > 0.0 { 1.0 / spread } else { 0.0 }
        };
        Self { scale: variance.into_iter().map(scale).collect(), mean }
    }

    /// A picture's features, scaled, and 1 for the bias.
    fn apply(&self, row: &[f32]) -> impl Iterator<Item = f32> {
        let scaled = row.iter().zip(self.mean.iter().zip(&self.scale));
        scaled.map(|(value, (mean, scale))| (value - mean) * scale).chain([1.0])
    }
}

fn check(features: &[f32], classes: &[Shown], validation: f32) -> Result<()> {
    let fault = |text: String| Err(Error::Option(text));
    let [least, most] = CLASSES;
    if !(least..=most).contains(&classes.len()) {
        return fault(format!("{} classes are to be taught; show {least} to {most}", classes.len()));
    }
    if !(0.0..=MOST_HELD_OUT).contains(&validation) {
        return fault(format!("a share of {validation} is to be held out; give 0 to {MOST_HELD_OUT}"));
    }
    for (at, Shown { label, pictures }) in classes.iter().enumerate() {
        if label.trim().is_empty() || label.chars().count() > LONGEST_LABEL {
            return fault(format!(
                "class {} is called \"{}\"; give it a name of 1 to {LONGEST_LABEL} characters",
                at + 1,
                short(label)
            ));
        }
        if classes[..at].iter().any(|other| other.label == *label) {
            return fault(format!("two classes are called \"{label}\"; give each a name of its own"));
        }
        if *pictures == 0 {
            return fault(format!("no picture shows \"{label}\"; show at least one, better ten"));
        }
    }
    let pictures: usize = classes.iter().fold(0, |sum, class| sum.saturating_add(class.pictures));
    if pictures > MOST_PICTURES {
        return fault(format!("{pictures} pictures are shown; give at most {MOST_PICTURES}"));
    }
    if features.is_empty() || !features.len().is_multiple_of(pictures) {
        return fault(format!(
            "{} numbers are not the features of {pictures} pictures; give as many of each as `embed` answers",
            features.len()
        ));
    }
    match features.iter().find(|value| !value.is_finite()) {
        Some(bad) => fault(format!("the features hold {bad}; give what `embed` answers")),
        None => Ok(()),
    }
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    tensor
        .into_data()
        .try_into_vec_as::<f32>()
        .map_err(|error| Error::Backend(format!("the backend gave back no numbers: {error:?}")))
}

#[cfg(test)]
mod tests;
