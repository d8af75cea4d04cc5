//! In int8, every instruction set gives the same whole numbers: the portable one's, which are those of plain
//! loops.

use super::gemm::tile_q8;
#[cfg(target_arch = "x86_64")]
use super::isa::Isa;
use super::lanes::{Lanes, Portable};
use super::pack::{PANEL, STEP, pack_q8};
use super::quantise::{Step, quantise};

const R: usize = 4;
/// Depths below, at and above whole vectors and steps.
const DEPTHS: [usize; 7] = [1, 3, 8, 17, 32, 61, 728];

/// Numbers between -1 and 1 that repeat late.
fn noise(count: usize, seed: u32) -> Vec<f32> {
    (0..count as u32).map(|i| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.5 - 1.0).collect()
}

/// Quantised pixels, what their steps are, and the sums of one tile.
type Found = (Vec<u8>, Vec<[u32; 2]>, Vec<f32>);

/// # Safety
///
/// The processor has what `L` takes.
#[inline(always)]
unsafe fn run<L: Lanes, const V: usize>(depth: usize) -> Found {
    let whole_depth = depth.next_multiple_of(STEP);
    let mut rows = vec![0u8; R * whole_depth];
    let steps = (0..R).map(|r| {
        let row: Vec<f32> = noise(depth, r as u32).iter().map(|x| x * 10f32.powi(r as i32) + 3.0).collect();
        // SAFETY: the caller's promise is this one.
        let Step { size, zero } = unsafe { quantise::<L>(&row, &mut rows[r * whole_depth..][..depth]) };
        [size.to_bits(), zero.to_bits()]
    });
    let steps = steps.collect();
    let mut pixels = vec![0u8; rows.len()];
    // SAFETY: the caller's promise, and both hold R rows of a quarter of this depth in words.
    unsafe { L::weave::<R>(rows.as_ptr().cast(), whole_depth / 4, pixels.as_mut_ptr().cast()) };
    let packed = pack_q8(&noise(PANEL * depth, 9), PANEL, depth).values;
    // SAFETY: the caller's promise, and both hold this depth.
    let sums = unsafe { tile_q8::<L, R, V>(whole_depth / STEP, pixels.as_ptr(), packed.as_ptr()) };
    let mut numbers = vec![0.0; R * PANEL];
    for (at, sum) in sums.into_iter().flatten().enumerate() {
        // SAFETY: the caller's promise, and V vectors of N are one panel.
        unsafe { sum.store(numbers.as_mut_ptr().add(at * L::N)) };
    }
    for (at, sum) in numbers.iter().enumerate() {
        let (r, output) = (at / PANEL, at % PANEL);
        let product = |k: usize| {
            let weight = packed[(k / 4 * PANEL + output) * 4 + k % 4];
            i32::from(rows[r * whole_depth + k]) * i32::from(weight)
        };
        assert_eq!(*sum, (0..whole_depth).map(product).sum::<i32>() as f32, "depth {depth}, sum {at}");
    }
    (rows, steps, numbers)
}

/// What any processor runs.
fn portable(depth: usize) -> Found {
    // SAFETY: any processor has what it takes.
    unsafe { run::<Portable, { PANEL / 4 }>(depth) }
}

#[test]
fn words_are_woven_from_and_to_any_address() {
    const DEPTH: usize = 5;
    let bytes: Vec<u8> = (0..R * DEPTH * 4).map(|at| at as u8).collect();
    for (from, to) in [(0, 0), (1, 0), (0, 1), (2, 3)] {
        let rows = [&[0; 4][..from], &bytes].concat();
        let mut panel = vec![0; to + bytes.len()];
        // SAFETY: behind the first bytes both hold R rows of this depth in words.
        unsafe {
            Portable::weave::<R>(rows.as_ptr().add(from).cast(), DEPTH, panel.as_mut_ptr().add(to).cast())
        };
        for (at, word) in panel[to..].chunks_exact(4).enumerate() {
            assert_eq!(*word, bytes[(at % R * DEPTH + at / R) * 4..][..4], "word {at}");
        }
    }
}

#[test]
fn the_portable_kernel_gives_the_whole_numbers_of_plain_loops() {
    for depth in DEPTHS {
        let (rows, ..) = portable(depth);
        assert!(rows.iter().all(|&x| x <= 127));
        if depth > 1 {
            assert!([0, 127].iter().all(|end| rows.contains(end)), "each row spans its range");
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn avx2_gives_the_same_whole_numbers() {
    #[target_feature(enable = "avx2,fma")]
    fn avx2(depth: usize) -> Found {
        // SAFETY: who may call this function has both features.
        unsafe { run::<super::lanes_x86::Avx2, 2>(depth) }
    }
    assert_eq!(
        Isa::detect(),
        Isa::Avx2,
        "this processor lacks AVX2 or FMA, and so its kernels go untested; run the tests on one of 2013 or later"
    );
    for depth in DEPTHS {
        // SAFETY: the processor has both features.
        let found = unsafe { avx2(depth) };
        assert_eq!(found, portable(depth), "depth {depth}");
    }
}
