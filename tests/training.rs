//! Training on a user's own pictures, as a user does it: folders in, a model file out.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use image::{Rgb, RgbImage};
use serde_json::Value;

/// Pictures per class; one of ten is held out.
const PICTURES: u32 = 20;
/// Enough for discs against stripes, few enough for some seconds.
const SAMPLES: &str = "640";
/// Fresh pictures of both classes, and how many of them must be named right.
const ASKED: u32 = 20;
const RIGHT: usize = 18;

fn xception(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xception"))
        .args(args)
        .env("XDG_RUNTIME_DIR", env!("CARGO_TARGET_TMPDIR"))
        .output()
        .unwrap()
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
