//! timm's aligned networks at full size, with weights by formula in files as timm publishes them: the logits of
//! timm. `tests/fixtures/family.py` made those, by the rules that stand here once more.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/command.rs"]
mod command;
mod common;

use common::{
    LOGIT_TOLERANCE, PICTURE, SEED, Stored, distance, fused, network_input, numbers, picture_key, pixels,
    read_fixture, timm_file, uniform,
};
use safetensors::SafeTensors;
use xception_web::backend::{Backend, BackendKind, BackendRequest};
use xception_web::classify::Classifier;
use xception_web::model::XceptionConfig;
use xception_web::preprocess::RgbaView;
use xception_web::weights::ModelFile;

/// Height and width of the small pictures.
const SMALL: [usize; 2] = [75, 96];
/// Pictures per answer to the small ones.
const BATCH: usize = 2;

/// A network: its table, whether batch norm stands before convolutions, channels and strides of the entry
/// flow, blocks of the middle flow, and the bound of the head's weights.
struct Network {
    config: fn(usize) -> XceptionConfig,
    name: &'static str,
    pre: bool,
    entry: &'static [usize],
    middle: usize,
    head: f64,
}

const SHORT: &[usize] = &[128, 256, 728];
const LONG: &[usize] = &[128, 256, 256, 728, 728];
const NETWORKS: [Network; 5] = [
    Network {
        config: XceptionConfig::xception41,
        name: "xception41",
        pre: false,
        entry: SHORT,
        middle: 8,
        head: 0.1,
    },
    Network {
        config: XceptionConfig::xception65,
        name: "xception65",
        pre: false,
        entry: SHORT,
        middle: 16,
        head: 0.05,
    },
    Network {
        config: XceptionConfig::xception71,
        name: "xception71",
        pre: false,
        entry: LONG,
        middle: 16,
        head: 0.03,
    },
    Network {
        config: XceptionConfig::xception41p,
        name: "xception41p",
        pre: true,
        entry: SHORT,
        middle: 8,
        head: 0.12,
    },
    Network {
        config: XceptionConfig::xception65p,
        name: "xception65p",
        pre: true,
        entry: SHORT,
        middle: 16,
        head: 0.06,
    },
];

impl Network {
    /// timm's names and shapes, written out: not the crate's own table, which is under test.
    fn shapes(&self) -> Vec<(String, Vec<usize>)> {
        let mut all = vec![("stem.0.conv.weight".to_owned(), vec![32, 3, 3, 3])];
        norm(&mut all, "stem.0.bn", 32);
        if self.pre {
            all.push(("stem.1.weight".into(), vec![64, 32, 3, 3]));
        } else {
            all.push(("stem.1.conv.weight".into(), vec![64, 32, 3, 3]));
            norm(&mut all, "stem.1.bn", 64);
        }
        let entry = self.entry.iter().map(|&to| [to; 3]);
        let middle = std::iter::repeat_n([728; 3], self.middle);
        let rest = [[728, 1024, 1024], [1536, 1536, 2048]];
        let blocks: Vec<[usize; 3]> = entry.chain(middle).chain(rest).collect();
        let mut from = 64;
        for (number, widths) in blocks.iter().enumerate() {
            let block = format!("blocks.{number}");
            let bridged = number < self.entry.len() || number + 2 == blocks.len();
            if bridged {
                let conv = if self.pre { "shortcut" } else { "shortcut.conv" };
                all.push((format!("{block}.{conv}.weight"), vec![widths[2], from, 1, 1]));
                if !self.pre {
                    norm(&mut all, &format!("{block}.shortcut.bn"), widths[2]);
                }
            }
            if self.pre {
                norm(&mut all, &format!("{block}.norm"), from);
            }
            for (unit, &to) in widths.iter().enumerate() {
                let layer = format!("{block}.stack.conv{}", unit + 1);
                if self.pre && unit > 0 {
                    norm(&mut all, &format!("{layer}.norm"), from);
                }
                all.push((format!("{layer}.conv_dw.weight"), vec![from, 1, 3, 3]));
                if !self.pre {
                    norm(&mut all, &format!("{layer}.bn_dw"), from);
                }
                all.push((format!("{layer}.conv_pw.weight"), vec![to, from, 1, 1]));
                if !self.pre {
                    norm(&mut all, &format!("{layer}.bn_pw"), to);
                }
                from = to;
            }
        }
        all.push(("head.fc.weight".into(), vec![1000, from]));
        all.push(("head.fc.bias".into(), vec![1000]));
        all
    }

    fn tensor(&self, name: String, shape: Vec<usize>) -> Stored {
        let (layer, kind) = name.rsplit_once('.').unwrap();
        let (lo, hi) = match (layer, kind) {
            ("head.fc", _) => (-self.head, self.head),
            _ if shape.len() == 4 => {
                let last = self.pre && layer.ends_with(".conv3.conv_pw");
                let variance = if shape[1] == 1 { 1.0 } else { 2.0 } * if last { 0.09 } else { 1.0 };
                let bound = (3.0 * variance / shape[1..].iter().product::<usize>() as f64).sqrt();
                (-bound, bound)
            }
            (_, "weight") => {
                let gain = if layer.ends_with(".conv3.bn_pw") { 0.3 } else { 1.0 };
                (0.8 * gain, 1.2 * gain)
            }
            (_, "running_var") => (0.5, 1.5),
            _ => (-0.2, 0.2),
        };
        let values = uniform(&format!("{name}@{SEED}"), shape.iter().product(), lo, hi);
        Stored { name, shape, values }
    }

    /// The file as timm publishes it, read.
    fn file(&self) -> ModelFile {
        let tensors: Vec<_> =
            self.shapes().into_iter().map(|(name, shape)| self.tensor(name, shape)).collect();
        let file = ModelFile::parse(timm_file(&tensors)).unwrap();
        assert_eq!(file.config, (self.config)(1000));
        file
    }

    /// What timm answers.
    fn expected(&self, case: &str) -> Vec<f32> {
        let bytes = read_fixture("family.safetensors");
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let view = file.tensor(&format!("{}/{case}", self.name)).unwrap();
        view.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
    }

    fn check(&self, what: &str, found: &[f32], case: &str) {
        let gap = distance(found, &self.expected(case)[..found.len()]);
        println!("{} {what}: {gap:.1e}", self.name);
        assert!(gap <= LOGIT_TOLERANCE, "{} {what}: logits are off by {gap}", self.name);
    }
}

fn norm(all: &mut Vec<(String, Vec<usize>)>, layer: &str, width: usize) {
    let parts = ["weight", "bias", "running_mean", "running_var"];
    all.extend(parts.map(|part| (format!("{layer}.{part}"), vec![width])));
}

async fn classifier(file: &ModelFile, kind: BackendKind) -> Classifier {
    let backend = Backend::choose(BackendRequest::Named(kind)).await.unwrap();
    Classifier::new(file, backend).await.unwrap()
}

#[test]
fn full_size_files_get_timms_logits_on_the_cpu() {
    let [width, height] = PICTURE;
    let rgba: Vec<u8> = pixels(&picture_key(), [height, width])
        .chunks_exact(3)
        .flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 255])
        .collect();
    let picture = RgbaView::new(&rgba, width, height).unwrap();
    let device = common::device(BackendKind::Cpu);
    for network in &NETWORKS {
        let file = network.file();
        // Fused kernels, from a picture of odd size, its preprocessing included.
        let fused = pollster::block_on(async {
            classifier(&file, BackendKind::Cpu).await.logits(picture).await.unwrap()
        });
        network.check("from a picture, fused", &fused, "file");
        // Plain operations.
        let plain = file.build(&device).unwrap();
        network.check("plain", &numbers(plain.forward(network_input(SMALL, BATCH, &device))), "small");
    }
}

#[cfg(feature = "webgpu")]
#[test]
fn full_size_files_get_timms_logits_on_webgpu() {
    // One small picture through the network that inference runs: a software adapter takes minutes for more.
    let device = common::device(BackendKind::Webgpu);
    for network in &NETWORKS {
        let fused = fused(&network.file(), &device);
        network.check("on WebGPU", &numbers(fused.forward(network_input(SMALL, 1, &device))), "small");
    }
}

#[test]
fn the_command_line_gives_timms_logits_and_says_what_it_assumed() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("family");
    std::fs::create_dir_all(&folder).unwrap();
    let [width, height] = PICTURE;
    let picture = folder.join("picture.png");
    let rgb = pixels(&picture_key(), [height, width]);
    image::RgbImage::from_raw(width as u32, height as u32, rgb).unwrap().save(&picture).unwrap();
    let network = &NETWORKS[3];
    let tensors: Vec<_> =
        network.shapes().into_iter().map(|(name, shape)| network.tensor(name, shape)).collect();
    // The name says nothing: files are known by their content.
    let model = folder.join("weights");
    std::fs::write(&model, timm_file(&tensors)).unwrap();
    let xception = |args: &[&str]| {
        let output = command::xception().args(args).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let (model, picture) = (model.to_str().unwrap(), picture.to_str().unwrap());
    let args = ["classify", "--model", model, "--backend", "cpu", "--json", "--logits", picture];
    let answers: serde_json::Value = serde_json::from_str(&xception(&args)).unwrap();
    let found: Vec<f32> =
        answers[0]["logits"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect();
    network.check("on the command line", &found, "file");
    // 1000 classes without names of their own have ImageNet's.
    let best = &answers[0]["predictions"][0];
    assert!(best["synset"].as_str().unwrap().starts_with('n'), "{best}");
    let shown = xception(&["inspect", model]);
    for line in [
        "architecture  xception41p",
        "dialect       timm, batch-norm epsilon 1e-5 (assumed: as published)",
        "preprocess    shorter side resized, centre 299×299 kept at crop 0.94, bicubic, mean [0.5, 0.5, 0.5], std [0.5, 0.5, 0.5] (assumed: as published)",
        "classes       1000",
        "parameters    26907752 (26.91 M)",
        "GMACs         9.247 at 299×299",
    ] {
        assert!(shown.lines().any(|found| found == line), "no line \"{line}\" in\n{shown}");
    }
    assert!(shown.contains("(assumed: ImageNet's)"), "{shown}");
    std::fs::remove_file(model).unwrap();
}

/// The bar must be able to fail: two pictures' answers are far from each other.
#[test]
fn pictures_differ_by_far_more_than_the_tolerance() {
    for network in &NETWORKS {
        let answers = network.expected("small");
        let (one, other) = answers.split_at(answers.len() / BATCH);
        assert!(distance(one, other) > 100.0 * LOGIT_TOLERANCE, "{}", network.name);
    }
}
