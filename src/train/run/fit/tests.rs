use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, Tolerance};

use super::*;
use crate::draw::classes::{CLASSES, labels};
use crate::draw::icons::INSTALLED;
use crate::learn::step::pictures;
use crate::recipe::config::preprocess;
use crate::recipe::schedule::Budget;
use crate::run::checkpoint::Kept;
use crate::supply::drawings::Drawings;
use crate::supply::mix::plain;
use xception_web::labels::Labels;
use xception_web::model::{Dialect, XceptionConfig};
use xception_web::weights::{About, Dtype, save};

fn config() -> TrainConfig {
    let network = XceptionConfig {
        stem: [4, 6],
        entry: vec![vec![8, 8], vec![12, 12]],
        middle_blocks: 1,
        middle_units: 1,
        exit: vec![12, 16],
        tail: vec![24],
        ..XceptionConfig::mini(Dialect::Timm, CLASSES.len())
    };
    let growth = Vec::new();
    let budget = Budget::Samples(128);
    TrainConfig { batch: 16, epoch: 64, side: 33, growth, hands: 1, network, ..TrainConfig::new(budget) }
}

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("xception-train-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

fn weights(model: &Xception) -> Vec<u8> {
    let config = config();
    save(
        &model.valid(),
        &config.network,
        &preprocess(config.side),
        &Labels::new(labels()),
        &About::default(),
        Dtype::F32,
    )
    .unwrap()
}

#[test]
fn a_resumed_run_ends_like_one_that_went_through() {
    let (config, drawings) = (config(), Drawings::read(Path::new(INSTALLED), 1).unwrap());
    let drawings = Supply::Drawings(drawings);
    let paths = [folder("through"), folder("resumed")];

    let kept = Kept { labels: labels(), out: PathBuf::new() };
    let through = RunFolder::create(&paths[0], &config, &kept).unwrap();
    let mut run = Fit::open(&config, &through, &drawings).unwrap();
    while run.progress() < 1.0 {
        run.epoch(&Progress::hidden()).unwrap();
    }
    assert_eq!(run.state.epochs, 2);

    let first = RunFolder::create(&paths[1], &config, &kept).unwrap();
    Fit::open(&config, &first, &drawings).unwrap().epoch(&Progress::hidden()).unwrap();
    let (again, same, found) = RunFolder::open::<TrainConfig>(&paths[1]).unwrap();
    assert_eq!((&same, found), (&config, kept.clone()));
    let mut resumed = Fit::open(&same, &again, &drawings).unwrap();
    assert!(resumed.progress() > 0.4 && resumed.progress() < 0.6);
    resumed.epoch(&Progress::hidden()).unwrap();

    assert!(weights(&run.model) == weights(&resumed.model));
    assert!(weights(&run.averaged()) == weights(&resumed.averaged()));
    assert!(RunFolder::create(&paths[1], &config, &kept).is_err());
    for path in paths {
        std::fs::remove_dir_all(path).unwrap();
    }
}

#[test]
fn the_checkpoint_interval_does_not_change_the_weights_for_the_same_batches() {
    let (config, drawings) = (config(), Drawings::read(Path::new(INSTALLED), 0).unwrap());
    let batches: Vec<_> =
        (0..6).map(|i| drawings.batch(config.side, 1, 0, i * config.batch as u64, config.batch)).collect();
    let drawings = Supply::Drawings(drawings);
    let paths = [folder("often"), folder("once")];
    let ends = [1, 6].map(|interval| {
        let kept = Kept { labels: labels(), out: PathBuf::new() };
        let folder = RunFolder::create(&paths[usize::from(interval > 1)], &config, &kept).unwrap();
        let mut run = Fit::open(&config, &folder, &drawings).unwrap();
        for some in batches.chunks(interval) {
            for batch in some {
                run.learn(&mut batch.clone(), &plain(batch), 5e-3).unwrap();
            }
            run.validation(config.side).unwrap();
            run.checkpoint().unwrap();
        }
        // What is kept between two runs is what a run without a break has.
        let kept = Fit::open(&config, &folder, &drawings).unwrap();
        assert!(weights(&kept.model) == weights(&run.model));
        assert!(weights(&kept.averaged()) == weights(&run.averaged()));
        assert!(weights(&run.model) != weights(&run.averaged()));
        [weights(&run.model), weights(&run.averaged())]
    });
    assert!(ends[0] == ends[1]);
    for path in paths {
        std::fs::remove_dir_all(path).unwrap();
    }
}

#[test]
fn a_fresh_networks_running_statistics_begin_with_its_first_batch() {
    let (config, drawings) = (config(), Drawings::read(Path::new(INSTALLED), 0).unwrap());
    let mut batch = drawings.batch(config.side, 1, 0, 0, config.batch);
    let drawings = Supply::Drawings(drawings);
    let (path, kept) = (folder("settled"), Kept { labels: labels(), out: PathBuf::new() });
    let folder = RunFolder::create(&path, &config, &kept).unwrap();
    let mut run = Fit::open(&config, &folder, &drawings).unwrap();
    let x = pictures(&batch, &run.model.head.weight.val().device()).permute([0, 3, 1, 2]);
    let y = run.model.stem[0].conv.forward(x).permute([1, 0, 2, 3]);
    let [channels, b, h, w] = y.dims();
    let y = y.reshape([channels, b * h * w]);
    let targets = plain(&batch);
    run.learn(&mut batch, &targets, 1e-3).unwrap();

    let norm = run.model.stem[0].norm.clone().unwrap();
    let near = Tolerance::<f32>::rel_abs(1e-3, 1e-4);
    let data = |tensor: Tensor<2>| tensor.reshape([channels]).into_data();
    norm.running_mean.value_sync().into_data().assert_approx_eq(&data(y.clone().mean_dim(1)), near);
    norm.running_var.value_sync().into_data().assert_approx_eq(&data(y.var(1)), near);
    std::fs::remove_dir_all(path).unwrap();
}

#[test]
fn a_few_steps_on_the_same_pictures_reduce_the_loss() {
    let (config, drawings) = (config(), Drawings::read(Path::new(INSTALLED), 1).unwrap());
    let device = Device::flex().autodiff();
    let mut model = fresh(&config.network, &device, 1);
    let (mut optimizer, mut engine) = (AdamW::init(1e-4), None);
    let mut batch = drawings.batch(config.side, 1, 0, 0, 16);
    let targets = plain(&batch);
    let losses: Vec<f64> = (0..12)
        .map(|_| {
            let (engine, optimizer) = (&mut engine, &mut optimizer);
            let (next, score) =
                step(model.clone(), &config, Pass::Ours, engine, optimizer, &mut batch, &targets, 5e-3)
                    .unwrap();
            model = next;
            score.wait().unwrap().mean_loss()
        })
        .collect();
    assert!(losses[11] < 0.8 * losses[0], "{losses:?}");
}
