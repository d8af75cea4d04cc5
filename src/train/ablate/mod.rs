//! The paper's claims, tried: networks that differ in one thing, with equally many parameters, on the
//! same pictures, several times each. Start at [`variant`]: it is the list of what is tried.

pub mod network;
pub mod pools;
pub mod report;
pub mod summary;
pub mod trial;
pub mod variant;
pub mod widths;

use std::fs;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};

use self::pools::{Pools, Subject};
use self::summary::Summary;
use self::trial::Outcome;
use self::variant::{VARIANTS, Variant, find};
use crate::run::output::write;
use xception_web::error::{Error, Result};

/// What to try.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Runs of each variant.
    pub seeds: u64,
    /// Pictures per run.
    pub samples: u64,
    /// The variants.
    pub variants: Vec<&'static Variant>,
    /// The icon sets.
    pub icons: PathBuf,
    /// A folder of photographs in their place.
    pub data: Option<PathBuf>,
    /// A file that names its folders.
    pub labels: Option<PathBuf>,
    /// Folder of the results.
    pub out: PathBuf,
}

/// The variants of these names, all without names.
///
/// # Errors
///
/// When there is none of a name.
pub fn variants(names: &[String]) -> Result<Vec<&'static Variant>> {
    if names.is_empty() {
        return Ok(VARIANTS.iter().collect());
    }
    let known = || VARIANTS.map(|variant| variant.name).join(", ");
    let named = |name: &String| {
        find(name)
            .ok_or_else(|| Error::Option(format!("there is no variant {name:?}; choose from {}", known())))
    };
    names.iter().map(named).collect()
}

/// Runs what the folder does not hold yet, and writes table, plot and report of all that was asked for. A
/// line for people goes to `tell` after each run.
///
/// # Errors
///
/// When the pictures cannot be read, or the folder holds runs of another size or on others.
pub fn run(plan: &Plan, tell: &dyn Fn(&str)) -> Result<Summary> {
    if plan.seeds == 0 || plan.samples < pools::BATCH as u64 {
        return Err(Error::Option(format!(
            "{} seeds of {} pictures are too few; give at least one seed and {} pictures",
            plan.seeds,
            plan.samples,
            pools::BATCH
        )));
    }
    let trials = plan.out.join("trials");
    fs::create_dir_all(&trials).map_err(Error::io("create", &trials))?;
    // Drawings take time, and none are needed where all has been done before.
    let mut pools = None;
    let subject = match &plan.data {
        None => Subject::drawings(),
        Some(data) => pools.insert(Pools::photographs(data, plan.labels.as_deref(), tell)?).subject.clone(),
    };
    let mut outcomes = Vec::new();
    // Seed by seed, so that a plan that is stopped has something of each variant.
    for seed in 1..=plan.seeds {
        for variant in &plan.variants {
            let path = trials.join(format!("{}-{seed}.json", variant.name));
            if path.exists() {
                outcomes.push(earlier(&path, plan.samples, &subject)?);
                continue;
            }
            let pools = match &pools {
                Some(pools) => pools,
                None => pools.insert(Pools::drawings(&plan.icons)?),
            };
            let bar = bar(plan.samples, format!("{}, seed {seed}", variant.name));
            let outcome = trial::run(variant, pools, seed, plan.samples, |done| bar.set_position(done))?;
            bar.finish_and_clear();
            write(&path, json(&outcome)?.as_bytes())?;
            tell(&format!(
                "{:12} seed {seed}  {} parameters  loss {:.3}  validation {:.1} %{}  {:.0} s",
                variant.name,
                outcome.parameters,
                outcome.loss,
                100.0 * outcome.validation,
                outcome
                    .unseen
                    .map_or(String::new(), |share| format!("  unseen style {:.1} %", 100.0 * share)),
                outcome.seconds
            ));
            outcomes.push(outcome);
        }
    }
    let summary = Summary::new(plan.samples, subject, outcomes);
    write(&plan.out.join("results.json"), json(&summary)?.as_bytes())?;
    write(&plan.out.join("results.csv"), report::csv(&summary).as_bytes())?;
    write(&plan.out.join("plot.svg"), report::plot(&summary)?.as_bytes())?;
    write(&plan.out.join("README.md"), report::markdown(&summary).as_bytes())?;
    Ok(summary)
}

/// A run that was finished before.
fn earlier(path: &Path, samples: u64, subject: &Subject) -> Result<Outcome> {
    let text = fs::read_to_string(path).map_err(Error::io("read", path))?;
    let outcome: Outcome = serde_json::from_str(&text)
        .map_err(|error| Error::Training(format!("{} is damaged: {error}; remove it", path.display())))?;
    if outcome.samples != samples {
        return Err(Error::Training(format!(
            "{} is a run of {1} pictures, not {samples}; choose another --out, or --samples {1}",
            path.display(),
            outcome.samples
        )));
    }
    if outcome.subject != *subject {
        return Err(Error::Training(format!(
            "{} is a run on other pictures ({}); choose another --out",
            path.display(),
            outcome.subject.folder.as_deref().unwrap_or("the icon sets")
        )));
    }
    Ok(outcome)
}

fn json<T: serde::Serialize>(value: &T) -> Result<String> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Error::Training(format!("cannot write the results as JSON: {error}")))?;
    Ok(text + "\n")
}

fn bar(samples: u64, message: String) -> ProgressBar {
    let bar = ProgressBar::new(samples);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3} % {msg}, {eta} left") {
        bar.set_style(style);
    }
    bar.set_message(message);
    bar
}
