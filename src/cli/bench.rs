//! `xception bench`: how long one picture takes.

use std::time::Instant;

use serde_json::json;
use xception_web::backend::BackendKind;
use xception_web::classify::Classifier;
use xception_web::model::{Dialect, XceptionConfig};
use xception_web::preprocess::{Preprocess, RgbaView};
use xception_web::weights::{Dtype, ModelFile};
use xception_web::{Error, Result};

use super::{model, write};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The model to run; without it the paper's network with weights by formula, at 299×299.
    #[arg(long)]
    model: Option<String>,
    /// auto, webgpu, cpu or ndarray.
    #[arg(long, default_value = "cpu")]
    backend: String,
    /// Pictures that are timed, after one that is not.
    #[arg(long, default_value_t = 10)]
    runs: usize,
    /// Pictures in one run of the network; times are per picture.
    #[arg(long, default_value_t = 1)]
    batch: usize,
    /// Threads of the CPU backends; as many as the machine runs at once without it.
    #[arg(long)]
    threads: Option<usize>,
    /// Print one JSON object, the logits included.
    #[arg(long)]
    json: bool,
    /// Write the network with weights by formula to this file, and its picture beside it as raw RGBA
    /// (extension `rgba`), for other runtimes to be measured with; run nothing.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["model", "json"])]
    save: Option<String>,
}

/// Classes of the network with weights by formula, as of the published ones.
const CLASSES: usize = 1000;
const SIZE: usize = 299;
/// Days of the smallest network.
const MAX_RUNS: usize = 1_000_000;
/// Their activations fill some gigabytes.
const MAX_BATCH: usize = 64;
/// Far more threads than this take minutes to start.
const MAX_THREADS: usize = 1024;

pub fn run(args: Args) -> Result<()> {
    let request = args.backend.parse()?;
    if !(1..=MAX_RUNS).contains(&args.runs) {
        return Err(Error::Option(format!(
            "--runs {} would measure nothing, or without end; give 1 to {MAX_RUNS}",
            args.runs
        )));
    }
    if !(1..=MAX_BATCH).contains(&args.batch) {
        return Err(Error::Option(format!(
            "--batch {} is not a number of pictures that are computed at once; give 1 to {MAX_BATCH}",
            args.batch
        )));
    }
    let (name, file) = match &args.model {
        Some(path) => (path.as_str(), model(path)?),
        None => ("weights by formula", seeded()?),
    };
    if let Some(path) = &args.save {
        write(path, &file.convert(Dtype::F32)?)?;
        let beside = std::path::Path::new(path).with_extension("rgba");
        return write(&beside.to_string_lossy(), &picture(SIZE));
    }
    if let Some(threads) = args.threads {
        set_threads(threads)?;
    }
    let size = file.preprocess.size;
    let rgba = picture(size);
    let view = RgbaView::new(&rgba, size, size)?;

    let start = Instant::now();
    let classifier = pollster::block_on(Classifier::load(&file, request))?;
    let load = milliseconds(start);
    // The first picture pays for what later ones find ready: memory, and on a GPU its shaders.
    let time = || {
        if args.batch == 1 {
            return pollster::block_on(classifier.timed_logits(view))
                .map(|(logits, t)| (logits, t.inference));
        }
        let inputs = classifier.prepare(view)?.repeat(args.batch);
        let start = Instant::now();
        let mut answers = pollster::block_on(classifier.run(inputs, args.batch))?;
        Ok((answers.swap_remove(0), milliseconds(start) / args.batch as f64))
    };
    let (logits, first) = time()?;
    let mut times = Vec::with_capacity(args.runs);
    for _ in 0..args.runs {
        times.push(time()?.1);
    }
    let median = median(&times);
    let min = times.iter().copied().fold(f64::INFINITY, f64::min);
    let backend = classifier.backend();
    let threads = match backend.kind {
        BackendKind::Webgpu => None,
        BackendKind::Cpu => Some(backend.threads()),
        BackendKind::Ndarray => Some(rayon::current_num_threads()),
    };
    let macs = file.config.macs(size) as f64;
    if args.json {
        let found = json!({
            "model": name, "architecture": file.config.architecture, "size": size,
            "parameters": file.numbers(), "gmac": macs / 1e9,
            "backend": backend.kind.name(), "reason": backend.reason, "threads": threads,
            "batch": args.batch, "load_ms": load, "first_ms": first, "median_ms": median, "min_ms": min,
            "pictures_per_second": 1e3 / median, "times_ms": times, "logits": logits,
        });
        println!("{found}");
        return Ok(());
    }
    println!("{}, {name}: {} parameters", file.config.architecture, file.numbers());
    println!("{:.3} GMAC for a picture of {size}×{size}", macs / 1e9);
    let threads = threads.map(|count| format!(", threads: {count}")).unwrap_or_default();
    println!("{} ({}){threads}", backend.kind, backend.reason);
    if args.batch > 1 {
        println!("{} pictures in a run; times are per picture", args.batch);
    }
    println!("load {load:.0} ms, first picture {first:.1} ms, then of {}:", args.runs);
    println!("median {median:.1} ms, min {min:.1} ms");
    println!("{:.1} pictures/s, {:.1} GFLOP/s", 1e3 / median, 2e-6 * macs / median);
    Ok(())
}

fn seeded() -> Result<ModelFile> {
    ModelFile::seeded(XceptionConfig::xception(Dialect::Keras, CLASSES), Preprocess::keras(SIZE))
}

/// An opaque picture by formula: cells of different tints on a ramp.
fn picture(size: usize) -> Vec<u8> {
    let pixel = |at: usize| {
        let (x, y) = (at % size, at / size);
        let tint = |channel: usize| (40 * ((x / 23) ^ (y / 17)) + (3 - channel) * x + 70 * channel) as u8;
        [tint(0), tint(1), tint(2), u8::MAX]
    };
    (0..size * size).flat_map(pixel).collect()
}

fn set_threads(threads: usize) -> Result<()> {
    if threads == 0 {
        return Err(Error::Option("--threads 0 cannot run anything; give 1 or more".into()));
    }
    if threads > MAX_THREADS {
        return Err(Error::Option(format!(
            "--threads {threads} are more than any machine here is meant for; give 1 to {MAX_THREADS}"
        )));
    }
    xception_web::kernels::set_threads(threads);
    // burn-ndarray's.
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .map_err(|error| Error::Option(format!("cannot run {threads} threads ({error}); give fewer")))
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

fn median(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}
