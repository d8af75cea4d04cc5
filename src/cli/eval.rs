//! `xception eval`: how well a model names drawings in a style that it never saw, or a user's own pictures.

use std::io::{self, Cursor};
use std::path::{Path, PathBuf};

use image::{ImageFormat, RgbImage};
use xception_train::draw::hard::{SEED, TAKES};
use xception_train::draw::icons::{DEFAULT_DIR, UNSEEN_SET};
use xception_train::judge::compare::{Comparison, Disagreement, compare};
use xception_train::judge::drawings::{CAMERA, Evaluation, evaluate, evaluate_hard};
use xception_train::judge::own::{Measured, OfClass, measure};
use xception_train::judge::sheet::sheet;
use xception_train::run::output::prepare;
use xception_train::supply::layout::FolderNames;
use xception_web::backend::{Backend, BackendKind, BackendRequest};
use xception_web::classify::{Classifier, PrecisionRequest};
use xception_web::labels::Labels;
use xception_web::weights::ModelFile;
use xception_web::{Error, Result, bundled};

use super::{labelled, model, prefixed, print_json, read, write};

/// Own pictures that were misnamed, of thousands.
const MISSES_SHOWN: usize = 40;
/// Best and worst classes named.
const CLASSES_SHOWN: usize = 7;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A model that `xception train` made; without it the bundled one: drawings, with --data photos.
    #[arg(long)]
    model: Option<String>,
    /// Another file of the same model, say with fewer bits: how far its answers differ, on plain pictures
    /// and through a camera.
    #[arg(long, group = "camera")]
    compare: Option<String>,
    /// In what the other file is computed: auto (as it is), f32 or q8. It may be the same file.
    #[arg(long, default_value = "auto", requires = "compare")]
    precision: String,
    /// JSON with the names of the classes: a list, `id2label` of Hugging Face, `label_names` of timm, or Keras's class
    /// index. With --data also what its folders are called that are named by ids: a JSON object of labels by folder,
    /// or lines of folder, tab, label; synsets need none where the model knows its own.
    #[arg(long)]
    labels: Option<String>,
    /// Folder of the icon sets' npm packages.
    #[arg(long, default_value = DEFAULT_DIR)]
    icons: PathBuf,
    /// Own pictures instead of icons: a folder as for `xception train`, of which only the validation set is used, if
    /// it has one; none that the model was trained on.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["icons", "set", "camera"])]
    data: Option<PathBuf>,
    /// The set to measure on.
    #[arg(long, default_value = UNSEEN_SET)]
    set: String,
    /// Show the drawings as a webcam sees them: small or large, tilted, blurred, in front of other things.
    #[arg(long, group = "camera")]
    hard: bool,
    /// Seed of the hard pictures.
    #[arg(long, default_value_t = SEED, requires = "camera")]
    seed: u64,
    /// Write a contact sheet of pictures with the model's answers, as PNG or JPEG: of the hard ones one for
    /// each class, of the plain ones those that it misnamed, of own pictures the first of each class.
    #[arg(long, conflicts_with = "compare")]
    sheet: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> Result<()> {
    // What could not be written is refused before all the pictures are asked for.
    let format = args.sheet.as_deref().map(format).transpose()?;
    if let Some(path) = &args.sheet {
        prepare(Path::new(path))?;
    }
    let default = if args.data.is_some() { bundled::PHOTOS } else { bundled::DRAWINGS };
    let name = args.model.as_deref().unwrap_or(default.name);
    let file = model(name)?;
    let names = args.labels.as_deref().filter(|_| args.data.is_some()).map(names).transpose()?.flatten();
    let labels = args.labels.as_deref().filter(|_| names.is_none());
    let auto = PrecisionRequest::Auto;
    let classifier = classifier(labelled(file, labels)?, auto).map_err(|error| prefixed(name, error))?;
    if let Some(path) = &args.compare {
        let other = self::classifier(labelled(model(path)?, labels)?, args.precision.parse()?);
        let other = other.map_err(|error| prefixed(path, error))?;
        let found = pollster::block_on(compare(&classifier, &other, &args.icons, &args.set, args.seed))?;
        if args.json {
            return print_json(&found);
        }
        print_comparison(&found);
        return Ok(());
    }
    if let Some(dir) = &args.data {
        let (show, tell) = (args.sheet.is_some(), |text: &str| eprintln!("{text}"));
        let (found, shown) = pollster::block_on(measure(&classifier, dir, names.as_ref(), show, &tell))?;
        if let (Some(path), Some(format)) = (&args.sheet, format) {
            write(path, &encoded(&sheet(&shown), format, path)?)?;
        }
        if args.json {
            return print_json(&found);
        }
        print_own(&found);
        return Ok(());
    }
    let (found, shown) = pollster::block_on(async {
        if args.hard {
            evaluate_hard(&classifier, &args.icons, &args.set, args.seed).await
        } else {
            evaluate(&classifier, &args.icons, &args.set).await
        }
    })?;
    if let (Some(path), Some(format)) = (&args.sheet, format) {
        let shown = if args.hard { &shown[..shown.len() / TAKES] } else { &shown };
        write(path, &encoded(&sheet(shown), format, path)?)?;
    }
    if args.json {
        return print_json(&found);
    }
    print(&found);
    Ok(())
}

/// The model on the CPU, where q8 is multiplied in int8.
fn classifier(file: ModelFile, precision: PrecisionRequest) -> Result<Classifier> {
    pollster::block_on(async {
        let backend = Backend::choose(BackendRequest::Named(BackendKind::Cpu)).await?;
        Classifier::in_precision(&file, backend, precision).await
    })
}

/// What the file says of folders; none if it says what a model's classes are called.
fn names(path: &str) -> Result<Option<FolderNames>> {
    let bytes = read(path)?;
    if Labels::from_bytes(&bytes).is_ok() {
        return Ok(None);
    }
    FolderNames::parse(&bytes).map(Some).map_err(|error| prefixed(path, error))
}

/// The format that a contact sheet's name says.
fn format(path: &str) -> Result<ImageFormat> {
    match ImageFormat::from_path(path) {
        Ok(format @ (ImageFormat::Png | ImageFormat::Jpeg)) => Ok(format),
        _ => Err(Error::Option(format!(
            "--sheet {path} is no name of a PNG or JPEG; let it end in .png or .jpg"
        ))),
    }
}

fn encoded(sheet: &RgbImage, format: ImageFormat, path: &str) -> Result<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    sheet.write_to(&mut bytes, format).map_err(|error| Error::Io {
        action: "write",
        path: path.into(),
        source: io::Error::other(error),
    })?;
    Ok(bytes.into_inner())
}

fn percent(share: f64) -> String {
    format!("{:5.1} %", 100.0 * share)
}

fn print_comparison(found: &Comparison) {
    println!("{}", found.set);
    for Disagreement { background, label, answers: [first, other], margin } in &found.disagreements {
        println!("  {background}: {label} taken for {first}, now for {other} ({margin:.2} logits apart)");
    }
    for kind in &found.kinds {
        println!("{}: {} pictures", kind.pictures_are, kind.pictures);
        println!("  difference of logits  largest {:.1e}, mean {:.1e}", kind.largest, kind.mean);
        println!("  named alike           {:6.2} %", 100.0 * kind.agreement);
        for (what, [reference, other]) in [("top-1", kind.top1), ("top-5", kind.top5)] {
            println!("  {what}                 {}, now {}", percent(reference), percent(other));
        }
    }
}

fn print(found: &Evaluation) {
    println!("{}: {} classes, {} pictures", found.set, found.classes, found.pictures);
    for miss in &found.misses {
        println!(
            "  {}: {} taken for {} ({:.0} %)",
            place(miss.background),
            miss.label,
            miss.answer,
            100.0 * miss.score
        );
    }
    for figure in &found.figures {
        println!(
            "{:19} top-1 {}  top-5 {}  claims to know {} of the right, {} of the wrong",
            place(figure.background),
            percent(figure.top1),
            percent(figure.top5),
            percent(figure.known_right),
            percent(figure.known_wrong)
        );
    }
    if found.figures.len() > 1 {
        println!("{:19} top-1 {}  top-5 {}", "all backgrounds", percent(found.top1), percent(found.top5));
    }
}

fn print_own(found: &Measured) {
    println!("{} classes, {} pictures", found.classes, found.pictures);
    for miss in found.misses.iter().take(MISSES_SHOWN) {
        let (file, score) = (miss.file.display(), 100.0 * miss.score);
        println!("  {file}: {} taken for {} ({score:.0} %)", miss.label, miss.answer);
    }
    if let Some(more @ 1..) = found.misses.len().checked_sub(MISSES_SHOWN) {
        println!("  and {more} more; --json has them all");
    }
    if found.by_class.len() > 2 * CLASSES_SHOWN {
        let mut classes: Vec<_> = found.by_class.iter().collect();
        classes.sort_by_key(|class| std::cmp::Reverse(class.right * 1000 / class.pictures.max(1)));
        let said = |class: &&OfClass| format!("{} {}/{}", class.label, class.right, class.pictures);
        let list = |some: &[&OfClass]| some.iter().map(said).collect::<Vec<_>>().join(", ");
        println!("best:  {}", list(&classes[..CLASSES_SHOWN]));
        println!("worst: {}", list(&classes[classes.len() - CLASSES_SHOWN..]));
    }
    let [top1, top5] = [found.top1, found.top5].map(percent);
    let [right, wrong] = [found.known_right, found.known_wrong].map(percent);
    println!("top-1 {top1}  top-5 {top5}  claims to know {right} of the right, {wrong} of the wrong");
}

/// Where a picture was shown.
fn place(background: &str) -> String {
    if background == CAMERA { background.into() } else { format!("on {background}") }
}
