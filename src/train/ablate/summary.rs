//! Means and spreads over the seeds, and what they say of the paper's claims.

use serde::Serialize;

use super::pools::Subject;
use super::trial::Outcome;
use super::variant::{CLAIMS, Claim, REFERENCE, VARIANTS, Variant};

/// Mean and sample standard deviation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Mean of the runs.
    pub mean: f64,
    /// Standard deviation; none of a single value.
    pub deviation: Option<f64>,
}

impl Spread {
    /// Mean and sample deviation of these values.
    pub fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count.max(1.0);
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        Self { mean, deviation: (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt()) }
    }
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Name of the variant.
    pub variant: &'static str,
    /// Runs of it, each with a seed of its own.
    pub seeds: usize,
    /// Numbers that training changes.
    pub parameters: usize,
    /// Accuracy on pictures held out.
    pub validation: Spread,
    /// Accuracy in the unseen style, of drawings.
    pub unseen: Option<Spread>,
    /// Final training loss.
    pub loss: Spread,
}

/// Whether a claim held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The reference is better by more than the spread.
    Held,
    /// It is worse by more than the spread.
    Contradicted,
    /// The difference is within the spread.
    Open,
    /// A single seed has no spread.
    OneSeed,
}

/// A claim and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// As a sentence of the report.
    pub claim: &'static str,
    /// The variant that it is about.
    pub against: &'static str,
    /// By how much the reference's mean accuracy is higher.
    pub difference: f64,
    /// Root of the sum of both variances; none of a single seed.
    pub spread: Option<f64>,
    /// Whether it held.
    pub verdict: Verdict,
}

/// What the report is written from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Pictures per run.
    pub samples: u64,
    /// What those show, and how many judge.
    pub subject: Subject,
    /// A line per variant.
    pub rows: Vec<Row>,
    /// The claims that could be tried.
    pub decisions: Vec<Decision>,
    /// Every run, of which the rows are made.
    pub outcomes: Vec<Outcome>,
}

impl Summary {
    /// Puts these runs together by variant, and decides the claims.
    pub fn new(samples: u64, subject: Subject, outcomes: Vec<Outcome>) -> Self {
        let rows: Vec<_> = VARIANTS.iter().filter_map(|variant| row(variant, &outcomes)).collect();
        let decisions = CLAIMS.iter().filter_map(|claim| decide(claim, &rows)).collect();
        Self { samples, subject, rows, decisions, outcomes }
    }
}

fn row(variant: &Variant, outcomes: &[Outcome]) -> Option<Row> {
    let own: Vec<_> = outcomes.iter().filter(|outcome| outcome.variant == variant.name).collect();
    let spread = |of: fn(&Outcome) -> f64| Spread::of(&own.iter().map(|one| of(one)).collect::<Vec<_>>());
    Some(Row {
        variant: variant.name,
        seeds: own.len(),
        parameters: own.first()?.parameters,
        validation: spread(|one| one.validation),
        unseen: own
            .iter()
            .map(|one| one.unseen)
            .collect::<Option<Vec<_>>>()
            .map(|values| Spread::of(&values)),
        loss: spread(|one| one.loss),
    })
}

fn decide(claim: &Claim, rows: &[Row]) -> Option<Decision> {
    let find = |name: &str| rows.iter().find(|row| row.variant == name).map(|row| row.validation);
    let (ours, other) = (find(REFERENCE.name)?, find(claim.against)?);
    let difference = ours.mean - other.mean;
    let spread = ours.deviation.zip(other.deviation).map(|(a, b)| a.hypot(b));
    let verdict = match spread {
        None => Verdict::OneSeed,
        Some(spread) if difference > spread => Verdict::Held,
        Some(spread) if difference < -spread => Verdict::Contradicted,
        Some(_) => Verdict::Open,
    };
    Some(Decision { claim: claim.text, against: claim.against, difference, spread, verdict })
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::trial::Point;
    use super::super::widths::Widths;
    use super::*;

    /// A run of that accuracy.
    pub fn outcome(variant: &str, seed: u64, validation: f64) -> Outcome {
        Outcome {
            variant: variant.into(),
            seed,
            subject: Subject::drawings(),
            samples: 64,
            widths: Widths { stem: 1, entry: 1, middle: 1, tail: 1 },
            parameters: 1000,
            loss: 1.0 - validation,
            validation,
            unseen: Some(validation / 2.0),
            history: vec![Point { samples: 64, loss: 1.0, validation }],
            seconds: 1.0,
        }
    }

    fn verdicts(ours: &[f64], other: &[f64]) -> Vec<Verdict> {
        let of = |name: &'static str, values: &[f64]| {
            let numbered = values.iter().enumerate().map(|(i, value)| outcome(name, i as u64, *value));
            numbered.collect::<Vec<_>>()
        };
        let outcomes = [of(REFERENCE.name, ours), of("plain", other)].concat();
        Summary::new(64, Subject::drawings(), outcomes)
            .decisions
            .iter()
            .map(|decision| decision.verdict)
            .collect()
    }

    #[test]
    fn a_claim_is_decided_by_difference_against_spread() {
        assert_eq!(verdicts(&[0.70, 0.72], &[0.60, 0.62]), [Verdict::Held]);
        assert_eq!(verdicts(&[0.60, 0.62], &[0.70, 0.72]), [Verdict::Contradicted]);
        assert_eq!(verdicts(&[0.60, 0.70], &[0.62, 0.66]), [Verdict::Open]);
        assert_eq!(verdicts(&[0.70], &[0.60]), [Verdict::OneSeed]);
        assert_eq!(verdicts(&[0.70], &[]), []);
    }

    #[test]
    fn the_spread_is_the_sample_deviation() {
        assert_eq!(Spread::of(&[1.0, 2.0, 3.0]), Spread { mean: 2.0, deviation: Some(1.0) });
        assert_eq!(Spread::of(&[4.0]), Spread { mean: 4.0, deviation: None });
    }
}
