//! Training on a user's own pictures, as a user does it: folders in, a model file out.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/command.rs"]
mod command;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use image::{Rgb, RgbImage};
use safetensors::SafeTensors;
use serde_json::Value;

/// Pictures per class; one of ten is held out.
const PICTURES: u32 = 20;
/// Enough for discs against stripes, few enough for some seconds.
const SAMPLES: &str = "640";
/// Fresh pictures of both classes, and how many of them must be named right.
const ASKED: u32 = 20;
const RIGHT: usize = 18;
/// A network that learns little, but fast.
const TINY: &str = r#"
budget = { samples = 192 }
batch = 16
epoch = 96
side = 33
[network]
stem = [4, 6]
entry = [[8, 8], [12, 12]]
middle_blocks = 1
middle_units = 1
exit = [12, 16]
tail = [24]
"#;

fn xception(args: &[&str]) -> Output {
    command::xception().args(args).env("XDG_RUNTIME_DIR", env!("CARGO_TARGET_TMPDIR")).output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("training-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A disc or stripes of some colour, somewhere.
fn shape(disc: bool, n: u32) -> RgbImage {
    let ink = Rgb([(n * 67 % 200) as u8, (n * 131 % 200) as u8, (n * 29 % 200) as u8]);
    let (x0, y0, r) = (40 + (n * 7 % 20) as i32, 40 + (n * 11 % 20) as i32, 22 + (n * 5 % 12) as i32);
    RgbImage::from_fn(110, 100, |x, y| {
        let (dx, dy) = (x as i32 - x0, y as i32 - y0);
        let inside = if disc { dx * dx + dy * dy < r * r } else { ((x + n * 3) / 8).is_multiple_of(2) };
        if inside { ink } else { Rgb([245, 245, 240]) }
    })
}

fn draw(folder: &Path, disc: bool, numbers: std::ops::Range<u32>) -> Vec<PathBuf> {
    fs::create_dir_all(folder).unwrap();
    let save = |n: u32| {
        let path = folder.join(format!("{n}.png"));
        shape(disc, n).save(&path).unwrap();
        path
    };
    numbers.map(save).collect()
}

/// The one line that a failing run prints.
fn failure(data: &Path) -> String {
    let (run, out) = (data.join("../run"), data.join("../own.safetensors"));
    let output = xception(&["train", "--data", text(data), "--run", text(&run), "--out", text(&out)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!run.exists(), "a run that cannot start leaves no folder");
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(errors.lines().count(), 1, "{errors}");
    errors
}

#[test]
fn two_folders_of_pictures_become_a_model_that_tells_them_apart() {
    let scratch = scratch("two");
    let data = scratch.join("data");
    draw(&data.join("disc"), true, 0..PICTURES);
    draw(&data.join("stripes"), false, 0..PICTURES);
    let (run, out) = (scratch.join("run"), scratch.join("own.safetensors"));
    let args = ["train", "--data", text(&data), "--run", text(&run), "--out", text(&out)];
    let more = ["--samples", SAMPLES, "--batch", "16"];
    let output = xception(&[&args[..], &more].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let fresh = scratch.join("fresh");
    let mut asked = draw(&fresh.join("disc"), true, 100..100 + ASKED / 2);
    asked.extend(draw(&fresh.join("stripes"), false, 100..100 + ASKED / 2));
    let args = ["classify", "--model", text(&out), "--backend", "cpu", "--json"];
    let pictures: Vec<_> = asked.iter().map(|path| text(path)).collect();
    let output = xception(&[&args[..], &pictures].concat());
    let answers: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let named = |(answer, path): (&Value, &PathBuf)| {
        path.parent().unwrap().ends_with(answer["predictions"][0]["label"].as_str().unwrap())
    };
    let right = answers.iter().zip(&asked).filter(|pair| named(*pair)).count();
    assert!(right >= RIGHT, "{right} of {ASKED}\n{}", fs::read_to_string(run.join("log.csv")).unwrap());

    // The same by `eval`, which has the pictures' names too.
    let eval = |data: &Path| xception(&["eval", "--model", text(&out), "--data", text(data), "--json"]);
    let found: Value = serde_json::from_slice(&eval(&fresh).stdout).unwrap();
    assert_eq!(found["pictures"], ASKED);
    assert_eq!(found["misses"].as_array().unwrap().len(), ASKED as usize - right);
    assert!((found["top1"].as_f64().unwrap() - right as f64 / f64::from(ASKED)).abs() < 1e-9);
    assert_eq!(found["top5"], 1.0);
    let by_class = found["by_class"].as_array().unwrap();
    assert_eq!(by_class.iter().map(|class| class["right"].as_u64().unwrap()).sum::<u64>(), right as u64);
    // The first picture of each class, side by side.
    let sheet = scratch.join("sheet.png");
    let args = ["eval", "--model", text(&out), "--data", text(&fresh), "--sheet", text(&sheet)];
    assert!(xception(&args).status.success());
    let [width, height] = [16, 20].map(|at| {
        let bytes = fs::read(&sheet).unwrap();
        u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
    });
    assert!(by_class.len() == 2 && width > height, "{width}x{height}");

    // Too few to say what scores are worth, then enough; judged by those that were not fitted on.
    let calibrated = scratch.join("calibrated.safetensors");
    let calibrate =
        || xception(&["calibrate", text(&out), "--data", text(&fresh), "--out", text(&calibrated)]);
    let output = calibrate();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && errors.contains("holds 20 pictures"), "{errors}");
    // What could not be written is known before the pictures are.
    let below = out.join("calibrated.safetensors");
    let output = xception(&["calibrate", text(&out), "--data", text(&fresh), "--out", text(&below)]);
    assert!(String::from_utf8_lossy(&output.stderr).contains(text(&below)), "{output:?}");
    draw(&fresh.join("disc"), true, 200..220);
    draw(&fresh.join("stripes"), false, 200..220);
    let output = calibrate();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("fitted on 30 own pictures, judged by 30 others"), "{said}");
    let shown = xception(&["inspect", text(&calibrated)]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("below a score of"));

    // A folder that is no class would count as wrong whatever is said.
    fs::rename(fresh.join("disc"), fresh.join("zebra")).unwrap();
    let output = eval(&fresh);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), errors.lines().count()), (Some(1), 1), "{errors}");
    assert!(errors.contains("\"zebra\"") && errors.contains("disc, stripes"), "{errors}");
}

#[test]
fn folders_that_cannot_be_trained_on_are_refused_in_one_sentence() {
    let data = scratch("refused").join("data");
    fs::create_dir_all(&data).unwrap();
    assert!(failure(&data).contains("0 folders"));
    draw(&data.join("disc"), true, 0..3);
    assert!(failure(&data).contains("1 folders"));
    fs::create_dir_all(data.join("empty")).unwrap();
    let message = failure(&data);
    assert!(message.contains("empty") && message.contains("0 pictures"), "{message}");
    draw(&data.join("empty"), false, 0..3);
    fs::write(data.join("empty/broken.png"), b"no picture").unwrap();
    assert!(failure(&data).contains("broken.png"));
    assert!(failure(&data.join("nowhere")).contains("nowhere"));
}

/// A run that must succeed; its folder and model file.
fn trained(scratch: &Path, name: &str, args: &[&str]) -> (PathBuf, PathBuf) {
    let (run, out) = (scratch.join(name), scratch.join(format!("{name}.safetensors")));
    let paths = ["train", "--run", text(&run), "--out", text(&out)];
    let output = xception(&[&paths[..], args].concat());
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    (run, out)
}

/// Column `name` of a run's log.
fn column(run: &Path, name: &str) -> Vec<f64> {
    let log = fs::read_to_string(run.join("log.csv")).unwrap();
    let at = log.lines().next().unwrap().split(',').position(|column| column == name).unwrap();
    log.lines().skip(1).map(|line| line.split(',').nth(at).unwrap().parse().unwrap()).collect()
}

/// Names of the tensors of `of` that are not the same, to the bit, in `than`.
fn changed(of: &Path, than: &Path) -> Vec<String> {
    let (of, than) = (fs::read(of).unwrap(), fs::read(than).unwrap());
    let than = SafeTensors::deserialize(&than).unwrap();
    let differs = |name: &String, data: &[u8]| than.tensor(name).is_ok_and(|tensor| tensor.data() != data);
    let all = SafeTensors::deserialize(&of).unwrap();
    let mut names: Vec<_> = all
        .tensors()
        .into_iter()
        .filter(|(name, tensor)| differs(name, tensor.data()))
        .map(|(name, _)| name)
        .collect();
    names.sort();
    names
}

#[test]
fn a_run_goes_on_when_nobody_reads() {
    let scratch = scratch("unread");
    let data = scratch.join("data");
    draw(&data.join("disc"), true, 0..4);
    draw(&data.join("stripes"), false, 0..4);
    let tiny = scratch.join("tiny.toml");
    fs::write(&tiny, TINY).unwrap();
    let (run, out) = (scratch.join("run"), scratch.join("own.safetensors"));
    let args = ["--data", text(&data), "--run", text(&run), "--out", text(&out), "--config", text(&tiny)];
    let mut train = command::xception()
        .arg("train")
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(train.stdout.take());
    drop(train.stderr.take());
    assert!(train.wait().unwrap().success());
    assert!(out.exists());
}

#[test]
fn a_run_is_continued_to_its_own_file_and_not_with_classes_of_other_names() {
    let scratch = scratch("continued");
    let data = scratch.join("data");
    draw(&data.join("disc"), true, 0..4);
    draw(&data.join("stripes"), false, 0..4);
    let tiny = scratch.join("tiny.toml");
    fs::write(&tiny, TINY).unwrap();
    let (run, out) = trained(&scratch, "run", &["--data", text(&data), "--config", text(&tiny)]);

    // Continued, it writes the file that it was to write; or another from then on.
    let model = fs::read(&out).unwrap();
    let other = scratch.join("other.safetensors");
    for (more, written) in [(vec![], &out), (vec!["--out", text(&other)], &other), (vec![], &other)] {
        let _ = fs::remove_file(written);
        let output = xception(&[&["train", "--resume", text(&run)][..], &more].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(fs::read(written).unwrap() == model);
    }

    // As many as before.
    fs::rename(data.join("disc"), data.join("zebra")).unwrap();
    let output = xception(&["train", "--resume", text(&run), "--out", text(&scratch.join("again"))]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), errors.lines().count()), (Some(1), 1), "{errors}");
    assert!(errors.contains("class 1 of the run is \"disc\" and would be \"stripes\" now"), "{errors}");
    assert!(!scratch.join("again").exists());
}

#[test]
fn a_given_model_is_trained_on_or_only_its_head() {
    let scratch = scratch("from");
    let data = scratch.join("data");
    draw(&data.join("disc"), true, 0..PICTURES);
    draw(&data.join("stripes"), false, 0..PICTURES);
    let tiny = scratch.join("tiny.toml");
    fs::write(&tiny, TINY).unwrap();
    let common = ["--data", text(&data)];
    let (first, base) = trained(&scratch, "base", &[&common[..], &["--config", text(&tiny)]].concat());

    // What the run stored is itself a file of settings, and repeats it; flags win.
    let stored = first.join("config.json");
    let (_, again) = trained(&scratch, "again", &["--config", text(&stored)]);
    assert_eq!(changed(&base, &again), [""; 0]);
    let (_, other) = trained(&scratch, "other", &["--config", text(&stored), "--seed", "2"]);
    assert!(!changed(&base, &other).is_empty());
    assert!(fs::read_to_string(first.join("curves.svg")).unwrap().contains("Learning rate"));

    // The network and the picture's side come with the model; its labels are the same, so its head stays.
    let more = ["--samples", "192", "--batch", "16", "--rate", "0.001"];
    let from = [&common[..], &["--from", text(&base)], &more].concat();
    let (on, tuned) = trained(&scratch, "on", &from);
    assert!(changed(&base, &tuned).len() > 20, "{:?}", changed(&base, &tuned));
    let (fresh, on) = (column(&first, "loss"), column(&on, "loss"));
    assert!(on[0] < fresh[0], "{on:?} goes on from {fresh:?}");

    let (_, frozen) = trained(&scratch, "frozen", &[&from[..], &["--freeze"]].concat());
    assert_eq!(changed(&base, &frozen), ["head.bias", "head.weight"]);

    // Another class: another head, and the same backbone.
    draw(&data.join("both"), true, 200..200 + PICTURES);
    let (_, wider) = trained(&scratch, "wider", &[&from[..], &["--freeze"]].concat());
    assert_eq!(changed(&base, &wider), ["head.bias", "head.weight"]);
    let bytes = fs::read(&wider).unwrap();
    assert_eq!(SafeTensors::deserialize(&bytes).unwrap().tensor("head.bias").unwrap().shape(), [3]);
    let described = xception(&["inspect", text(&wider)]);
    let described = String::from_utf8_lossy(&described.stdout).into_owned();
    assert!(described.contains("base.safetensors") && described.contains("33"), "{described}");
}

/// A small `tiny-imagenet-200` of two things, with one picture that cannot be read.
fn tiny_imagenet(data: &Path) {
    let mut annotations = String::new();
    for (class, synset) in ["n00000001", "n00000002"].into_iter().enumerate() {
        for n in 0..PICTURES {
            let folder = data.join(format!("train/{synset}/images"));
            fs::create_dir_all(&folder).unwrap();
            shape(class == 0, n).save(folder.join(format!("{synset}_{n}.JPEG"))).unwrap();
        }
        fs::create_dir_all(data.join("val/images")).unwrap();
        for n in 0..6 {
            let name = format!("val_{}.JPEG", 2 * n + class as u32);
            shape(class == 0, 300 + n).save(data.join("val/images").join(&name)).unwrap();
            annotations += &format!("{name}\t{synset}\t0\t0\t63\t63\n");
        }
    }
    fs::write(data.join("train/n00000001/images/torn.JPEG"), b"no picture").unwrap();
    fs::write(data.join("val/val_annotations.txt"), annotations).unwrap();
    let words = "n00000001\tdisk, disc\nn00000002\tstripe, streak, bar\nn00000003\tentity\n";
    fs::write(data.join("words.txt"), words).unwrap();
}

#[test]
fn tiny_imagenet_is_trained_on_and_judged_as_it_is_published() {
    let scratch = scratch("tiny");
    let data = scratch.join("tiny-imagenet-200");
    tiny_imagenet(&data);
    let [tiny, names] = ["tiny.toml", "names.tsv"].map(|name| scratch.join(name));
    fs::write(&tiny, TINY).unwrap();
    fs::write(&names, "n00000001\tround thing\tdisk, disc\nn00000002\tstripes\tstripe\n").unwrap();
    let (run, out) = (scratch.join("run"), scratch.join("own.safetensors"));
    let paths = ["--run", text(&run), "--out", text(&out), "--labels", text(&names)];
    let said = ["--title", "Two shapes", "--licence", "CC0-1.0", "--source", "drawings"];
    let args = ["train", "--data", text(&data), "--config", text(&tiny)];
    let output = xception(&[&args[..], &paths, &said].concat());
    let (told, errors) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{errors}");
    assert!(told.contains("1 of 53 pictures cannot be read") && told.contains("torn.JPEG"), "{told}");
    assert!(
        told.contains("2 classes, 40 pictures to learn from, 12 held out (its validation set)"),
        "{told}"
    );

    // What was said is in the file, and still is when the run was continued.
    let model = fs::read(&out).unwrap();
    fs::remove_file(&out).unwrap();
    assert!(xception(&["train", "--resume", text(&run)]).status.success());
    assert!(fs::read(&out).unwrap() == model);
    let (_, metadata) = SafeTensors::read_metadata(&model).unwrap();
    let metadata = format!("{:?}", metadata.metadata());
    for words in
        ["n00000002", "round thing", "Two shapes", "CC0-1.0", "on drawings, the validation set held out"]
    {
        assert!(metadata.contains(words), "{words}: {metadata}");
    }

    // The synsets are known to the model, whatever the folders are called; another name needs the file.
    let eval = |args: &[&str]| {
        let output = xception(&[&["eval", "--model", text(&out), "--json", "--data"], args].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let found = eval(&[text(&data)]);
    assert_eq!((&found["pictures"], &found["classes"]), (&12.into(), &2.into()));
    assert_eq!(eval(&[text(&data), "--labels", text(&names)]), found);
    let ids = scratch.join("ids");
    draw(&ids.join("r"), true, 0..2);
    fs::write(&names, r#"{"r": "round thing", "s": "stripes"}"#).unwrap();
    assert_eq!(eval(&[text(&ids), "--labels", text(&names)])["pictures"], 2);

    // Names for drawings are no use, and an incomplete list is refused before anything is read.
    let output = xception(&["train", "--labels", text(&names), "--run", text(&scratch.join("none"))]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("--data"));
    let output =
        xception(&[&args[..], &["--labels", text(&names), "--run", text(&scratch.join("none"))]].concat());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("n00000001, n00000002") && errors.lines().count() == 1, "{errors}");
}

#[test]
fn settings_that_make_no_sense_are_refused_in_one_sentence() {
    let scratch = scratch("settings");
    let data = scratch.join("data");
    draw(&data.join("disc"), true, 0..3);
    draw(&data.join("stripes"), false, 0..3);
    let run = scratch.join("run");
    let refused = |args: &[&str]| {
        let output = xception(&[&["train", "--data", text(&data), "--run", text(&run)], args].concat());
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), errors.lines().count()), (Some(1), 1), "{errors}");
        assert!(!run.exists(), "a run that cannot start leaves no folder");
        errors
    };
    let file = scratch.join("file.toml");
    fs::write(&file, "bacth = 8").unwrap();
    let message = refused(&["--config", text(&file)]);
    assert!(message.contains("`bacth`") && message.contains("`batch`"), "{message}");
    assert!(refused(&["--config", text(&scratch.join("none.toml"))]).contains("none.toml"));
    assert!(refused(&["--freeze"]).contains("--from"));
    assert!(refused(&["--from", text(&file)]).contains("file.toml"));
    // Known before the first epoch.
    assert!(refused(&["--out", text(&file.join("own.safetensors"))]).contains("file.toml/own.safetensors"));
    assert!(refused(&["--out", text(&data)]).contains("directory"));
    let message = refused(&["--minutes", "inf"]);
    assert!(message.contains("the command line: `budget`"), "{message}");
    fs::write(&file, "growth = [{ from = 0.0, side = 4 }]").unwrap();
    assert!(refused(&["--config", text(&file)]).contains("file.toml: `growth`"));
    fs::write(&file, "network = { classes = 9 }").unwrap();
    let message = refused(&["--config", text(&file)]);
    assert!(message.contains("9 classes, and there are 2"), "{message}");
    fs::write(&file, "device = \"cuda\"").unwrap();
    let message = refused(&["--config", text(&file)]);
    assert!(message.contains("webgpu") && message.contains("cpu"), "{message}");
    #[cfg(not(feature = "webgpu"))]
    assert!(refused(&["--device", "webgpu"]).contains("`cargo run --release --features webgpu …`"));
    fs::write(&file, "network = { stem = [8, 8] }").unwrap();
    let message = refused(&["--config", text(&file), "--from", "www/models/drawings.safetensors"]);
    assert!(message.contains("network"), "{message}");
}

#[test]
fn published_formats_are_trained_on_too() {
    let scratch = scratch("published");
    let data = scratch.join("data");
    draw(&data.join("disc"), true, 0..8);
    draw(&data.join("stripes"), false, 0..8);
    let small = scratch.join("small.toml");
    fs::write(&small, "side = 33\nbatch = 4\nepoch = 8\nbudget = { samples = 8 }").unwrap();
    let frozen = &["--freeze"][..];
    for (name, more) in
        [("mini_timm.safetensors", frozen), ("mini_aligned.safetensors", &[]), ("mini_keras.weights.h5", &[])]
    {
        let given = format!("tests/fixtures/{name}");
        let args = ["--data", text(&data), "--config", text(&small), "--from", &given];
        let (run, out) = trained(&scratch, &name.replace('.', "-"), &[&args[..], more].concat());
        assert!(column(&run, "loss")[0].is_finite());
        let described = xception(&["inspect", text(&out)]);
        assert!(String::from_utf8_lossy(&described.stdout).contains(name));
    }
}
