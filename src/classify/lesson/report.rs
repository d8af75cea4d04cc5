//! What a lesson is worth, told honestly.

use serde::Serialize;

use super::{Shown, Step};

/// Pictures of a class below which chance decides much of what is learnt.
const FEW: usize = 10;

/// How many times as many pictures one class may have as another before that is said. They count alike, but of the
/// smaller one less is known.
const UNBALANCED: usize = 4;

/// Held-out pictures below which the accuracy may be off by ten of a hundred and more.
const FEW_HELD_OUT: usize = 20;

/// What a lesson is worth.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Share of the held-out pictures that were named rightly; none where none were held out.
    pub accuracy: Option<f32>,
    /// Pictures that nothing was learnt from.
    pub held_out: usize,
    /// The same by class.
    pub classes: Vec<ClassReport>,
    /// Of the pictures that were learnt from, at the end.
    pub loss: f32,
    /// How many it took.
    pub steps: usize,
    /// What to do about it, if anything.
    pub warnings: Vec<Warning>,
}

/// What a class is worth.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClassReport {
    /// Its name.
    pub label: String,
    /// All of its pictures.
    pub pictures: usize,
    /// Those that nothing was learnt from …
    pub held_out: usize,
    /// … and how many of them were named rightly.
    pub right: usize,
}

/// Why the answers may be worse than they look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// `few`, `unbalanced`, `unmeasured` or `hardly-measured`.
    pub code: &'static str,
    /// One sentence to show.
    pub message: String,
}

impl Report {
    pub(super) fn of(shown: &[Shown], held: &[usize], right: &[bool], last: Step) -> Self {
        let classes: Vec<ClassReport> = shown
            .iter()
            .enumerate()
            .map(|(class, Shown { label, pictures })| {
                let own = || held.iter().zip(right).filter(move |(other, _)| **other == class);
                let right = own().filter(|(_, right)| **right).count();
                ClassReport { label: label.clone(), pictures: *pictures, held_out: own().count(), right }
            })
            .collect();
        let all: usize = classes.iter().map(|class| class.right).sum();
        let accuracy = (!held.is_empty()).then(|| all as f32 / held.len() as f32);
        let warnings = warnings(&classes, held.len());
        Self { accuracy, held_out: held.len(), classes, loss: last.loss, steps: last.step, warnings }
    }
}

fn warnings(classes: &[ClassReport], held_out: usize) -> Vec<Warning> {
    let mut found = Vec::new();
    let mut warn = |code, message| found.push(Warning { code, message });
    let names = |those: Vec<&ClassReport>| {
        let names: Vec<_> =
            those.iter().map(|class| format!("“{}” ({})", class.label, class.pictures)).collect();
        names.join(", ")
    };
    let those =
        |of: &dyn Fn(&ClassReport) -> bool| classes.iter().filter(|class| of(class)).collect::<Vec<_>>();
    let few = those(&|class| class.pictures < FEW);
    if !few.is_empty() {
        warn(
            "few",
            format!("Show at least {FEW} pictures of each class; there are fewer of {}.", names(few)),
        );
    }
    let most = classes.iter().max_by_key(|class| class.pictures);
    if let Some(most) = most {
        let small = those(&|class| class.pictures * UNBALANCED <= most.pictures);
        if !small.is_empty() {
            warn(
                "unbalanced",
                format!(
                    "Show about as many pictures of each class; there are {UNBALANCED} times as many of {} as of {}, or more.",
                    names(vec![most]),
                    names(small)
                ),
            );
        }
    }
    let unmeasured = those(&|class| class.held_out == 0);
    if !unmeasured.is_empty() {
        warn(
            "unmeasured",
            format!(
                "How well these are told apart was not measured, for want of pictures to hold out: {}.",
                names(unmeasured)
            ),
        );
    } else if held_out < FEW_HELD_OUT {
        warn(
            "hardly-measured",
            format!(
                "The accuracy was measured on {held_out} pictures alone: on others it may be quite another. Show more."
            ),
        );
    }
    found
}
