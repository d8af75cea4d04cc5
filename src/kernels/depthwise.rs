//! Depthwise 3×3 convolutions: one pixel from any taps, or several side by side, which share most of theirs.

use std::ops::Range;

use super::lanes::Lanes;
use super::picture::{Picture, relu};

/// What the windows of some output pixels side by side see of a picture.
pub(super) struct Band {
    /// The three lines of pixels, but for those outside.
    pub lines: [Option<usize>; 3],
    /// Of the columns that all windows span, counted from the first, those inside.
    pub columns: Range<usize>,
    /// Where in the picture the first of them is.
    pub first: usize,
}

/// R output pixels with a stride of one: each number is loaded once per line, not once per window.
///
/// # Safety
///
/// The processor has what `L` takes.
#[inline(always)]
pub(super) unsafe fn side_by_side<L: Lanes, const R: usize, const RELU: bool>(
    picture: Picture<'_>,
    kernel: &[f32],
    bias: &[f32],
    band: &Band,
    rows: &mut [f32],
) {
    let [_, w, c] = picture.shape;
    let Band { lines, columns, first } = band;
    let mut taps = [(0, 0); 3];
    let mut count = 0;
    for (line, y) in lines.iter().enumerate() {
        if let Some(y) = y {
            let at = (y * w + first) * c;
            assert!(at + columns.len() * c <= picture.values.len(), "every column lies in the picture");
            taps[count] = (at, line * 3 * c);
            count += 1;
        }
    }
    assert!(kernel.len() == 9 * c && rows.len() == R * c, "nine taps and R rows");
    assert_eq!(bias.len(), c, "one bias per channel");
    let taps = &taps[..count];
    let whole = c - c % L::N;
    if *columns == (0..R + 2) {
        for n in (0..whole).step_by(L::N) {
            // SAFETY: the caller's promise; `n + N` is at most C, and all else was found inside above.
            unsafe { vector::<L, R, RELU>(picture.values, kernel, bias, taps, 0..R + 2, [n, c], rows) };
        }
    } else {
        for n in (0..whole).step_by(L::N) {
            // SAFETY: the caller's promise; `n + N` is at most C, and all else was found inside above.
            unsafe {
                vector::<L, R, RELU>(picture.values, kernel, bias, taps, columns.clone(), [n, c], rows)
            };
        }
    }
    for n in whole..c {
        for r in 0..R {
            let mut sum = bias[n];
            for &(at, tap) in taps {
                for column in columns.clone().filter(|column| (r..r + 3).contains(column)) {
                    let x = picture.values[at + (column - columns.start) * c + n];
                    sum += if RELU { relu(x) } else { x } * kernel[tap + (column - r) * c + n];
                }
            }
            rows[r * c + n] = sum;
        }
    }
}

/// Channels `n` to `n + N` of all R rows.
///
/// # Safety
///
/// The processor has what `L` takes. `n + N` is at most C. Each tap starts a line of `columns` times C numbers in `values`, and 3·C in `kernel`;
/// `rows` holds R · C, the bias C.
#[inline(always)]
unsafe fn vector<L: Lanes, const R: usize, const RELU: bool>(
    values: &[f32],
    kernel: &[f32],
    bias: &[f32],
    taps: &[(usize, usize)],
    columns: Range<usize>,
    [n, c]: [usize; 2],
    rows: &mut [f32],
) {
    // SAFETY: the caller's promise is this one.
    unsafe {
        let zero = L::splat(0.0);
        let mut sums = [L::load(bias.as_ptr().add(n)); R];
        for &(at, tap) in taps {
            let k: [L; 3] = std::array::from_fn(|i| L::load(kernel.as_ptr().add(tap + i * c + n)));
            let mut from = values.as_ptr().wrapping_add(at + n);
            for column in 0..R + 2 {
                if !columns.contains(&column) {
                    continue;
                }
                let x = L::load(from);
                let x = if RELU { x.at_least(zero) } else { x };
                from = from.wrapping_add(c);
                for (i, &k) in k.iter().enumerate() {
                    if column >= i && column - i < R {
                        sums[column - i] = x.mul_add(k, sums[column - i]);
                    }
                }
            }
        }
        for (r, sum) in sums.into_iter().enumerate() {
            sum.store(rows.as_mut_ptr().add(r * c + n));
        }
    }
}

/// Sums over `taps`, each the start of C numbers in `values` and of their factors in `kernel`.
///
/// # Safety
///
/// The processor has what `L` takes.
#[inline(always)]
pub(super) unsafe fn depthwise<L: Lanes, const RELU: bool>(
    values: &[f32],
    kernel: &[f32],
    bias: &[f32],
    taps: &[(usize, usize)],
    row: &mut [f32],
) {
    let c = row.len();
    let whole = c - c % L::N;
    for &(at, tap) in taps {
        assert!(at + c <= values.len() && tap + c <= kernel.len(), "every tap lies in the picture");
    }
    assert_eq!(bias.len(), c, "one bias per channel");
    for n in (0..whole).step_by(L::N) {
        // SAFETY: the caller's promise; `n + N` is at most C, the length of the bias and of the row, and each tap's C
        // numbers were found inside above.
        unsafe {
            let zero = L::splat(0.0);
            let mut sum = L::load(bias.as_ptr().add(n));
            for &(at, tap) in taps {
                let (x, k) = (L::load(values.as_ptr().add(at + n)), L::load(kernel.as_ptr().add(tap + n)));
                let x = if RELU { x.at_least(zero) } else { x };
                sum = x.mul_add(k, sum);
            }
            sum.store(row.as_mut_ptr().add(n));
        }
    }
    for n in whole..c {
        row[n] = taps.iter().fold(bias[n], |sum, &(at, tap)| {
            let x = values[at + n];
            sum + if RELU { relu(x) } else { x } * kernel[tap + n]
        });
    }
}
