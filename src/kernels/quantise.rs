//! Pixels in seven bits, each by its own range.

use super::lanes::{Lanes, MAX_LANES};
use super::pack::PIXEL_MAX;

/// A quantised row: number `q` stands for `zero + size · q`.
#[derive(Clone, Copy, Default)]
pub(super) struct Step {
    pub size: f32,
    pub zero: f32,
}

/// Rounds a row to 127 steps from its smallest to its largest number. The step is NaN when a number is not
/// finite, so that it shows in the answer.
///
/// # Safety
///
/// The processor has what `L` takes.
#[inline(always)]
pub(super) unsafe fn quantise<L: Lanes>(row: &[f32], whole: &mut [u8]) -> Step {
    assert_eq!(row.len(), whole.len(), "one byte per number");
    // SAFETY: the caller's promise is this one.
    let [most, least, poison] = unsafe { range::<L>(row) };
    let size = (most - least) / PIXEL_MAX as f32;
    // Of a smaller size, the reciprocal may not be finite; and its steps are below any that matter.
    let inverse = if size >= f32::MIN_POSITIVE { size.recip() } else { 0.0 };
    let four = 4 * L::N;
    let done = row.len() / four * four;
    for k in (0..done).step_by(four) {
        // SAFETY: the caller's promise; four vectors from `k` on are inside of both, which are of one length.
        unsafe { round::<L>(row.as_ptr().add(k), least, inverse, whole.as_mut_ptr().add(k)) };
    }
    if done < row.len() {
        let (mut numbers, mut bytes) = ([0.0; 4 * MAX_LANES], [0; 4 * MAX_LANES]);
        numbers[..row.len() - done].copy_from_slice(&row[done..]);
        // SAFETY: the caller's promise, and no vector is longer than MAX_LANES.
        unsafe { round::<L>(numbers.as_ptr(), least, inverse, bytes.as_mut_ptr()) };
        whole[done..].copy_from_slice(&bytes[..row.len() - done]);
    }
    Step { size: size + poison, zero: least }
}

/// The largest number, the smallest, and a zero, or NaN when a number is not finite.
///
/// # Safety
///
/// The processor has what `L` takes.
#[inline(always)]
unsafe fn range<L: Lanes>(row: &[f32]) -> [f32; 3] {
    let first = row.first().copied().unwrap_or(0.0);
    let vectors = row.chunks_exact(L::N);
    let rest = vectors.remainder();
    let mut lanes = [[0.0; MAX_LANES]; 3];
    // SAFETY: the caller's promise; a chunk is one vector, and none is longer than MAX_LANES.
    unsafe {
        let (minus, zero) = (L::splat(-1.0), L::splat(0.0));
        let (mut most, mut least, mut poison) = (L::splat(first), L::splat(-first), zero);
        for vector in vectors {
            let x = L::load(vector.as_ptr());
            most = x.at_least(most);
            least = x.mul(minus).at_least(least);
            // 0 · x is 0 for every finite number.
            poison = x.mul_add(zero, poison);
        }
        most.store(lanes[0].as_mut_ptr());
        least.store(lanes[1].as_mut_ptr());
        poison.store(lanes[2].as_mut_ptr());
    }
    let [most, least, poison] = &lanes;
    let largest = |largest: f32, x: f32| if x > largest { x } else { largest };
    let most = most[..L::N].iter().chain(rest).fold(first, |most, &x| largest(most, x));
    let least = least[..L::N].iter().fold(-first, |least, &x| largest(least, x));
    let least = rest.iter().fold(least, |least, &x| largest(least, -x));
    let poison = poison[..L::N].iter().chain(rest).fold(0.0, |poison, x| poison + x * 0.0);
    [most, -least, poison]
}

/// # Safety
///
/// The processor has what `L` takes; `from` is valid for reading four vectors, `to` for writing as many bytes.
#[inline(always)]
unsafe fn round<L: Lanes>(from: *const f32, zero: f32, inverse: f32, to: *mut u8) {
    // SAFETY: the caller's promise is this one.
    unsafe {
        let (zero, inverse) = (L::splat(zero), L::splat(inverse));
        let numbers = std::array::from_fn(|i| L::load(from.add(i * L::N)).sub(zero).mul(inverse));
        L::narrow(numbers, to);
    }
}
