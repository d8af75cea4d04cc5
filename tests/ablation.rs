//! The ablation as a user runs it, much too small to say anything.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/command.rs"]
mod command;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use image::{Rgb, RgbImage};
use serde_json::Value;

fn ablate(out: &Path, args: &[&str]) -> Output {
    command::xception().args(["ablate", "--out", out.to_str().unwrap()]).args(args).output().unwrap()
}

fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("ablation-{name}"));
    let _ = fs::remove_dir_all(&folder);
    folder
}

/// The results without the time that they took.
fn results(out: &Path) -> Value {
    let mut value: Value = serde_json::from_slice(&fs::read(out.join("results.json")).unwrap()).unwrap();
    for outcome in value["outcomes"].as_array_mut().unwrap() {
        outcome.as_object_mut().unwrap().remove("seconds").unwrap();
    }
    value
}

#[test]
fn equal_seeds_give_equal_numbers_and_finished_runs_are_not_repeated() {
    let small = ["--only", "separable,plain", "--seeds", "1", "--samples", "512"];
    let outs = [scratch("first"), scratch("second")];
    for out in &outs {
        let output = ablate(out, &small);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(told.contains("undecided, since one seed has no spread"), "{told}");
    }
    let first = results(&outs[0]);
    assert_eq!(first, results(&outs[1]));
    assert_eq!(first["outcomes"].as_array().unwrap().len(), 2);
    let report = fs::read_to_string(outs[0].join("README.md")).unwrap();
    assert!(report.contains("| `plain` |") && report.contains("not tried"), "{report}");
    assert!(fs::read_to_string(outs[0].join("plot.svg")).unwrap().contains("separable"));
    assert_eq!(fs::read_to_string(outs[0].join("results.csv")).unwrap().lines().count(), 3);

    // Nothing is left to do, so no icon set is needed.
    let again = ablate(&outs[0], &[&small[..], &["--icons", "nowhere"]].concat());
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    assert_eq!(first, results(&outs[0]));

    let other = ablate(&outs[0], &["--only", "plain", "--seeds", "1", "--samples", "576"]);
    let message = String::from_utf8(other.stderr).unwrap();
    assert!(!other.status.success() && message.contains("512"), "{message}");
}

#[test]
fn a_wrong_name_lists_the_right_ones() {
    let out = scratch("wrong");
    let output = ablate(&out, &["--only", "separable,dense"]);
    let message = String::from_utf8(output.stderr).unwrap();
    for word in ["\"dense\"", "separable", "no-residual", "inception"] {
        assert!(message.contains(word), "{message}");
    }
    assert!(!out.exists());
}

#[test]
fn photographs_take_the_drawings_place() {
    let (data, out) = (scratch("photographs"), scratch("on-photographs"));
    for class in 0..3u8 {
        let folder = data.join(format!("class {class}"));
        fs::create_dir_all(&folder).unwrap();
        for n in 0..30u8 {
            let pixel = |x: u32, y: u32| Rgb([80 * class, n + x as u8, y as u8]);
            RgbImage::from_fn(40, 36, pixel).save(folder.join(format!("{n}.png"))).unwrap();
        }
    }
    let small = ["--only", "separable,relu", "--seeds", "1", "--samples", "512"];
    let output = ablate(&out, &[&small[..], &["--data", data.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let results = results(&out);
    assert_eq!(results["subject"]["classes"], 3);
    assert_eq!([&results["subject"]["train"], &results["subject"]["judged"]], [81, 9]);
    assert!(results["outcomes"][0]["unseen"].is_null());
    let report = fs::read_to_string(out.join("README.md")).unwrap();
    assert!(report.contains("81 photographs") && !report.contains("OpenMoji"), "{report}");

    // Runs on other pictures are no part of it.
    let other = ablate(&out, &small);
    let message = String::from_utf8(other.stderr).unwrap();
    assert!(!other.status.success() && message.contains("other pictures"), "{message}");
}
