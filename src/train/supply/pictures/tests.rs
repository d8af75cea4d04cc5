use std::fs;

use image::{ImageFormat, Rgb, RgbImage};

use super::*;
use crate::recipe::config::preprocess;
use crate::supply::batch::normalised;

struct Data(PathBuf);

impl Data {
    fn new(name: &str, classes: &[(&str, u32)]) -> Self {
        let data =
            Self(std::env::temp_dir().join(format!("xception-pictures-{name}-{}", std::process::id())));
        let _ = fs::remove_dir_all(&data.0);
        for (class, count) in classes {
            fs::create_dir_all(data.0.join(class)).unwrap();
            for n in 0..*count {
                data.draw(&format!("{class}/{n}.png"), n);
            }
        }
        data
    }

    /// Every number has a colour of its own.
    fn draw(&self, file: &str, n: u32) {
        let pixel = |x: u32, y: u32| Rgb([(n * 9) as u8, (x * 3) as u8, (y * 4) as u8]);
        RgbImage::from_fn(40 + n % 3, 30, pixel)
            .save_with_format(self.0.join(file), ImageFormat::Png)
            .unwrap();
    }

    fn read(&self) -> (Pictures, Vec<String>) {
        let said = std::cell::RefCell::new(Vec::new());
        let pictures = Pictures::read(&self.0, None, 1, &[24, 33], None, &|text| {
            said.borrow_mut().push(text.to_owned())
        });
        (pictures.unwrap(), said.into_inner())
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn an_epoch_depends_on_its_numbers_alone_and_not_on_threads() {
    let data = Data::new("seeded", &[("a", 20), ("b", 30)]);
    let (pictures, said) = data.read();
    assert!(said[0].contains("2 classes, 45 pictures to learn from, 5 held out"), "{said:?}");
    let epoch = |seed, epoch| pictures.epoch(24, seed, epoch, 4, 16).into_iter().collect::<Vec<_>>();
    let whole = epoch(7, 3);
    assert_eq!((whole.len(), whole[0].pixels.len()), (4, 16 * 24 * 24 * 3));
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let chosen = pictures.chosen(7, 3, 64);
    assert!(one.install(|| pictures.batch(24, 7, 3, 16, &chosen[16..32])) == whole[1]);
    assert!(whole == epoch(7, 3));
    assert!(whole != epoch(8, 3) && whole != epoch(7, 4));
}

#[test]
fn every_picture_is_shown_once_in_a_pass() {
    let (pictures, _) = Data::new("pass", &[("a", 12), ("b", 40)]).read();
    let all = pictures.train.len();
    assert_eq!(all, 11 + 36);
    // Epochs that do not divide a pass.
    let shown: Vec<usize> = (0..all as u64).flat_map(|epoch| pictures.chosen(3, epoch, 10)).collect();
    for pass in shown.chunks(all) {
        let mut sorted = pass.to_vec();
        sorted.sort();
        assert!(sorted.into_iter().eq(0..all));
        assert!(!pass.is_sorted());
    }
    assert_ne!(shown[..all], shown[all..2 * all]);
}

#[test]
fn very_unequal_classes_are_shown_equally_often() {
    let (pictures, _) = Data::new("unequal", &[("a", 4), ("b", 60)]).read();
    let chosen = pictures.chosen(1, 0, 1000);
    let of_a = chosen.iter().filter(|place| pictures.train[**place].0 == 0).count();
    assert!((400..600).contains(&of_a), "{of_a}");
}

#[test]
fn held_out_pictures_are_to_the_bit_what_a_classifier_sees() {
    let data = Data::new("held", &[("train/a", 3), ("train/b", 3), ("val/a", 1), ("val/b", 2)]);
    let (pictures, said) = data.read();
    assert!(said[0].contains("6 pictures to learn from, 3 held out (its validation set)"), "{said:?}");
    let files = ["val/a/0.png", "val/b/0.png", "val/b/1.png"];
    for side in [24, 33] {
        let batch = pictures.validation(side, 0, 64);
        assert_eq!(batch.classes, [0, 1, 1]);
        for (file, found) in files.iter().zip(batch.pixels.chunks(side * side * 3)) {
            let picture = Picture::decode(&fs::read(data.0.join(file)).unwrap()).unwrap();
            let planes = preprocess(side).apply(picture.view().unwrap()).unwrap();
            let expected = |at: usize| planes[at % 3 * side * side + at / 3];
            assert!(
                found.iter().enumerate().all(|(at, v)| normalised(*v).to_bits() == expected(at).to_bits())
            );
        }
    }
    assert_eq!(pictures.validation(24, 2, 64).classes, [1]);
    assert!(pictures.validation(24, 3, 64).classes.is_empty());
    // Not announced, and no reason to fail.
    assert_eq!(pictures.validation(20, 0, 3).pixels.len(), 3 * 20 * 20 * 3);
}

#[test]
fn a_broken_picture_among_many_is_named_and_left_out() {
    let data = Data::new("broken", &[("a", 20), ("b", 39)]);
    fs::write(data.0.join("b/torn.jpg"), b"no picture").unwrap();
    let (pictures, said) = data.read();
    assert!(said[0].contains("1 of 60") && said[0].contains("torn.jpg"), "{said:?}");
    assert_eq!(pictures.train.len() + pictures.held_out.classes.len(), 59);
    for n in 0..2 {
        fs::write(data.0.join(format!("b/torn{n}.jpg")), b"no picture").unwrap();
    }
    let message = Pictures::read(&data.0, None, 1, &[24], None, &|_| ()).unwrap_err().to_string();
    assert!(message.contains("3 of 42 pictures of") && message.contains("torn"), "{message}");
}
