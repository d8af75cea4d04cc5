//! `xception ablate`: the paper's claims, tried on small networks of equal size.

use std::path::PathBuf;

use xception_train::ablate;
use xception_train::ablate::{Plan, report};
use xception_train::draw::icons::DEFAULT_DIR;
use xception_web::Result;

use super::Told;

/// Enough for the networks to differ, in a good minute a run on two cores.
const DEFAULT_SAMPLES: u64 = 64_000;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Runs of each variant; the more, the surer.
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// Pictures per run.
    #[arg(long, default_value_t = DEFAULT_SAMPLES)]
    samples: u64,
    /// Only these variants, by name; the first of all, `separable`, is what claims compare with.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    only: Vec<String>,
    /// Folder of the results; runs that it holds are not repeated.
    #[arg(long, default_value = "runs/ablation")]
    out: PathBuf,
    /// Folder of the icon sets' npm packages.
    #[arg(long, default_value = DEFAULT_DIR)]
    icons: PathBuf,
    /// Photographs instead of icons: a folder as for `xception train`.
    #[arg(long, value_name = "DIR", conflicts_with = "icons")]
    data: Option<PathBuf>,
    /// What its folders are called, as for `xception train`.
    #[arg(long, value_name = "FILE", requires = "data")]
    labels: Option<PathBuf>,
}

pub fn run(args: Args) -> Result<()> {
    let variants = ablate::variants(&args.only)?;
    let Args { seeds, samples, out, icons, data, labels, .. } = args;
    let plan = Plan { seeds, samples, variants, icons, data, labels, out };
    let told = Told::default();
    let summary = ablate::run(&plan, &|text| told.line(text))?;
    told.end()?;
    for decision in &summary.decisions {
        println!("{}", report::sentence(decision));
    }
    println!("{}: README.md, plot.svg, results.csv, results.json", plan.out.display());
    Ok(())
}
