//! What fewer bits cost the drawings' model: `xception convert --dtype …` and `xception eval --compare …`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/command.rs"]
mod command;

use std::path::{Path, PathBuf};
use std::process::Output;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData};
use half::f16;
use serde_json::Value;
use xception_web::bundled;
use xception_web::weights::{Dtype, save};

/// Fewest pictures that a share of 99 % can be read off.
const PICTURES: u64 = 500;
/// Kernels at 11 significant bits move logits by no more.
const F16_TOLERANCE: f64 = 2e-2;
/// Share of pictures, plain ones and all, that the int8 model must name as the f32 one does.
const Q8_AGREEMENT: f64 = 0.99;
/// How far the shares of right answers may be apart.
const Q8_ACCURACY: f64 = 0.005;

fn xception(args: &[&str]) -> Output {
    command::xception().args(args).output().unwrap()
}

fn stdout(args: &[&str]) -> String {
    let output = xception(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compare");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

/// The bundled file holds halves: what training had before they were rounded is gone. This gives each kernel
/// some single-precision number that rounds to the same half, so that rounding costs what it did.
struct Unrounded(u64);

impl ModuleMapper for Unrounded {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if D == 1 {
            return param;
        }
        let device = param.lazy_device();
        param.map(|tensor| {
            let shape = tensor.dims();
            let values = tensor.into_data().try_into_vec_as::<f32>().unwrap();
            let values: Vec<f32> = values.into_iter().map(|value| self.unround(value)).collect();
            Tensor::from_data(TensorData::new(values, shape), &device)
        })
    }
}

impl Unrounded {
    fn unround(&mut self, value: f32) -> f32 {
        // Half the step of a half at this size, or less at a power of two.
        let next = f16::from_bits(f16::from_f32(value).to_bits() + 1).to_f32();
        // Any numbers in -1..1: a linear congruential generator's.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let unit = (self.0 >> 33) as f32 / (1u64 << 30) as f32 - 1.0;
        let moved = value + 0.49 * unit * (next - value);
        if f16::from_f32(moved) == f16::from_f32(value) { moved } else { value }
    }
}

/// The drawings' model in f32, f16 and q8.
fn files() -> [String; 3] {
    let file = bundled::DRAWINGS.file().unwrap();
    let network = file.build(&Device::flex()).unwrap().map(&mut Unrounded(1));
    let bytes =
        save(&network, &file.config, &file.preprocess, &file.labels, &file.about, Dtype::F32).unwrap();
    let [f32, f16, q8] = ["f32", "f16", "q8"].map(|dtype| scratch(dtype).to_str().unwrap().to_owned());
    std::fs::write(&f32, bytes).unwrap();
    for (dtype, path) in [("f16", &f16), ("q8", &q8)] {
        stdout(&["convert", "--dtype", dtype, &f32, path]);
    }
    [f32, f16, q8]
}

/// What `eval --compare` says of plain pictures, and of all.
fn compared(reference: &str, other: &str, precision: &str) -> [Value; 2] {
    let args = ["eval", "--model", reference, "--compare", other, "--precision", precision];
    let found: Value = serde_json::from_str(&stdout(&[&args[..], &["--json"]].concat())).unwrap();
    let kinds = found["kinds"].as_array().unwrap();
    let pictures = |kind: &Value| kind["pictures"].as_u64().unwrap();
    let (plain, all) = (&kinds[0], &kinds[2]);
    assert_eq!(pictures(plain) + pictures(&kinds[1]), pictures(all));
    assert!(pictures(plain) >= PICTURES, "{plain}");
    assert!(number(all, "mean") <= number(all, "largest"), "{all}");
    let told = found["disagreements"].as_array().unwrap().len() as f64;
    let apart = (1.0 - number(all, "agreement")) * pictures(all) as f64;
    assert!((told - apart).abs() < 1e-6, "{told} disagreements are listed of {apart}");
    [plain.clone(), all.clone()]
}

fn number(kind: &Value, key: &str) -> f64 {
    kind[key].as_f64().unwrap()
}

#[test]
fn fewer_bits_cost_the_drawings_model_next_to_nothing() {
    let [f32, f16, q8] = files();
    let [_, halves] = compared(&f32, &f16, "auto");
    let largest = number(&halves, "largest");
    // The other bound holds the test to a reference that rounding does change.
    assert!(largest > 1e-4 && largest <= F16_TOLERANCE, "f16 moves logits by {largest}");

    println!("{}", stdout(&["eval", "--model", &f32, "--compare", &q8]));
    println!("{}", stdout(&["eval", "--model", &f32, "--compare", &f32, "--precision", "q8"]));
    // As a file keeps it, and as a file of any kind is computed where that is asked for.
    for (other, precision) in [(&q8, "auto"), (&f32, "q8")] {
        let [plain, all] = compared(&f32, other, precision);
        assert!(number(&all, "largest") > 1e-3, "int8 moves logits");
        let [agreement, of_all] = [&plain, &all].map(|kind| number(kind, "agreement"));
        assert!(agreement >= Q8_AGREEMENT, "q8 names {agreement} of the plain pictures alike");
        assert!(of_all >= Q8_AGREEMENT, "q8 names {of_all} of the pictures alike");
        let [reference, other] = [0, 1].map(|side| all["top1"][side].as_f64().unwrap());
        assert!((reference - other).abs() <= Q8_ACCURACY, "accuracy {reference}, now {other}");
    }
}

#[test]
fn files_of_different_models_are_not_compared() {
    let other = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/mini_timm.safetensors");
    let output = xception(&["eval", "--compare", other.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.lines().count() == 1 && said.contains("two files of one model"), "{said}");
}

#[test]
fn labels_of_a_sidecar_are_what_eval_goes_by() {
    let file = bundled::DRAWINGS.file().unwrap();
    let mut names = file.labels.names().to_vec();
    let nameless = scratch("nameless");
    let mut file = file;
    file.labels = Default::default();
    std::fs::write(&nameless, file.convert(Dtype::F16).unwrap()).unwrap();
    let sidecar = scratch("labels.json");
    let top1 = |names: &[String]| {
        std::fs::write(&sidecar, serde_json::to_string(names).unwrap()).unwrap();
        let (model, labels) = (nameless.to_str().unwrap(), sidecar.to_str().unwrap());
        let found = stdout(&["eval", "--model", model, "--labels", labels, "--json"]);
        serde_json::from_str::<Value>(&found).unwrap()["top1"].as_f64().unwrap()
    };
    let right = top1(&names);
    // Each class under the next one's name.
    names.rotate_left(1);
    assert!(right > 0.5 && top1(&names) < 0.1, "{right}");
    let output = xception(&["eval", "--model", nameless.to_str().unwrap()]);
    assert!(!output.status.success(), "a model without names cannot be measured");
}
