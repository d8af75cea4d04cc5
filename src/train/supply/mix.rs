//! Pictures mixed into others, so that a network learns from parts and does not become too sure: CutMix (Yun et al.,
//! 2019) and mixup (Zhang et al., 2018). And pictures of nothing among them, so that it learns not to know (outlier
//! exposure: Hendrycks et al., 2019).

use std::sync::mpsc::{Receiver, sync_channel};

use rayon::prelude::*;

use crate::draw::texture::texture;
use crate::random::{Random, Stream};
use crate::recipe::config::{TrainConfig, seen_at};
use crate::recipe::mix::Mix;
use crate::supply::batch::{Batch, byte};
use crate::supply::target::Target;
use xception_web::error::Result;

/// Numbers of a pixel.
const COLOURS: usize = 3;

/// The targets of a batch as it is.
pub fn plain(batch: &Batch) -> Vec<Target> {
    batch.classes.iter().copied().map(Target::of).collect()
}

/// Mixes a batch or leaves it, by `seed` and the `number` of the pictures before it; says what it shows then. Pictures of
/// nothing have no finer `detail` than the others.
///
/// # Errors
///
/// When its pictures have no pixels.
pub fn mixed(
    batch: &mut Batch,
    mix: &Mix,
    detail: Option<usize>,
    seed: u64,
    number: u64,
) -> Result<Vec<Target>> {
    let mut targets = by_pairs(batch, mix, &mut Random::new(seed, Stream::Mix.number(), number));
    let side = batch.side();
    let forget = |(at, (picture, target)): (usize, (&mut [u8], &mut Target))| {
        let random = &mut Random::new(seed, Stream::Nothing.number(), number + at as u64);
        if random.chance(mix.nothing) {
            let texture = texture(random);
            let planes = seen_at(side, detail).apply(texture.view()?)?;
            for (at, value) in picture.iter_mut().enumerate() {
                *value = byte(planes[at % COLOURS * side * side + at / COLOURS]);
            }
            target.sure = 0.0;
        }
        Ok(())
    };
    let pictures = batch.pixels.par_chunks_exact_mut(side * side * COLOURS);
    pictures.zip(&mut targets).enumerate().try_for_each(forget)?;
    Ok(targets)
}

/// Batches with pictures mixed into each other, and what they are to be taken for, a few ahead of need; `first` pictures
/// came before them.
pub fn mixed_ahead(
    batches: Receiver<Batch>,
    config: &TrainConfig,
    first: u64,
) -> Receiver<Result<(Batch, Vec<Target>)>> {
    let (mix, detail, seed, size) = (config.mix, config.detail, config.seed, config.batch as u64);
    let (send, receive) = sync_channel(1);
    std::thread::spawn(move || {
        for (number, mut batch) in (0..).zip(batches) {
            let targets = mixed(&mut batch, &mix, detail, seed, first + number * size);
            // The receiver is gone when training stops early.
            if send.send(targets.map(|targets| (batch, targets))).is_err() {
                return;
            }
        }
    });
    receive
}

/// Each picture's partner is the one as far from the batch's end as it is from its beginning.
fn by_pairs(batch: &mut Batch, mix: &Mix, random: &mut Random) -> Vec<Target> {
    let (kind, share) = (random.unit(), random.unit());
    let (side, count) = (batch.side(), batch.classes.len());
    if kind >= mix.cut + mix.blend {
        return plain(batch);
    }
    let image = side * side * COLOURS;
    let cut = kind < mix.cut;
    // The share that stays: uniform, which is what both papers use on small pictures.
    let (rows, columns) = window(random, side, 1.0 - share);
    let share = if cut { 1.0 - (rows.len() * columns.len()) as f32 / (side * side) as f32 } else { share };
    let (first, last) = batch.pixels.split_at_mut(count.div_ceil(2) * image);
    first.par_chunks_exact_mut(image).zip(last.par_chunks_exact_mut(image).rev()).for_each(|(a, b)| {
        if cut {
            for row in rows.clone() {
                let part = (row * side + columns.start) * COLOURS..(row * side + columns.end) * COLOURS;
                a[part.clone()].swap_with_slice(&mut b[part]);
            }
        } else {
            // `as` cuts off.
            let blend = |a: u8, b: u8| (f32::from(a) * share + f32::from(b) * (1.0 - share) + 0.5) as u8;
            for (a, b) in a.iter_mut().zip(b) {
                (*a, *b) = (blend(*a, *b), blend(*b, *a));
            }
        }
    });
    let target = |at: usize| {
        let other = batch.classes[count - 1 - at];
        Target { other, share, ..Target::of(batch.classes[at]) }
    };
    (0..count).map(target).collect()
}

/// Rows and columns of a square with that share of the area, about any pixel and cut off at the border.
fn window(random: &mut Random, side: usize, area: f32) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
    let half = (area.sqrt() * side as f32 / 2.0).round() as usize;
    let mut range = || {
        let middle = random.below(side);
        middle.saturating_sub(half)..(middle + half).min(side)
    };
    (range(), range())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A blend is rounded to bytes.
    const ROUNDED: f32 = 0.501;

    /// Five pictures of one colour each.
    fn batch() -> Batch {
        let pixels = (0..5).flat_map(|i| vec![50 * i; 8 * 8 * COLOURS]).collect();
        Batch { pixels, classes: vec![0, 1, 2, 3, 4] }
    }

    #[test]
    fn what_a_picture_is_taken_for_is_what_it_shows() {
        for mix in [[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]].map(|[cut, blend]| Mix { cut, blend, nothing: 0.0 }) {
            for number in 0..20 {
                let mut batch = batch();
                let targets = mixed(&mut batch, &mix, None, 1, number).unwrap();
                for (picture, target) in batch.pixels.chunks(8 * 8 * COLOURS).zip(targets) {
                    let found = picture.iter().copied().map(f32::from).sum::<f32>() / picture.len() as f32;
                    let [own, other] = [target.class, target.other].map(|class| class as f32 * 50.0);
                    let wanted = target.share * own + (1.0 - target.share) * other;
                    assert!((found - wanted).abs() <= ROUNDED, "{mix:?}: {found} for {wanted}");
                }
            }
        }
    }

    #[test]
    fn without_mixing_a_batch_stays_as_it_is() {
        let mut after = batch();
        assert_eq!(mixed(&mut after, &Mix::default(), None, 1, 7).unwrap(), plain(&batch()));
        assert_eq!(after, batch());
    }

    #[test]
    fn what_shows_nothing_is_taken_for_no_class_more_than_for_others() {
        let mix = Mix { nothing: 0.5, ..Mix::default() };
        let mut nothing = 0;
        for number in 0..20 {
            let mut after = batch();
            let targets = mixed(&mut after, &mix, Some(6), 1, number).unwrap();
            let before = batch().pixels;
            let pictures = after.pixels.chunks(8 * 8 * COLOURS).zip(before.chunks(8 * 8 * COLOURS));
            for ((after, before), target) in pictures.zip(targets) {
                assert_eq!(after == before, target.sure == 1.0);
                let wanted = [0, 1].map(|class| target.wanted(class, 5, 0.1));
                nothing += usize::from(target.sure == 0.0 && wanted == [0.2; 2]);
            }
        }
        assert!((30..70).contains(&nothing), "{nothing}");
    }
}
