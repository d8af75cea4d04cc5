use super::*;

thread_local! {
    pub static WIDEST: std::cell::Cell<bool> = const { std::cell::Cell::new(true) };
}

/// In the widest vectors that there are, and in those of older processors.
fn in_all_widths(test: impl Fn()) {
    for widest in [true, false] {
        WIDEST.set(widest);
        test();
    }
}

/// Sums of some hundred products in another order.
const TOLERANCE: f32 = 1e-4;

/// Numbers between -1 and 1 that repeat late.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.5 - 1.0).collect()
}

fn close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() < TOLERANCE, "{at}: {found} for {expected}");
    }
}

const SHAPES: [[usize; 3]; 5] = [[1, 1, 1], [7, 2, 3], [13, 3, 5], [30, 1, 2], [300, 2, 7]];

#[test]
fn a_product_is_that_of_the_matrices() {
    in_all_widths(product_of_matrices);
}

fn product_of_matrices() {
    for [pixels, depth, outputs] in SHAPES {
        let stride = pixels * 8 + 16;
        let (x, w) = (numbers(depth * stride, 1), numbers(outputs * depth * 64, 2));
        let mut y = vec![f32::NAN; outputs * stride];
        product(Panels { values: &x, stride }, &w, [pixels, depth, outputs], &mut y, stride);
        let mut expected = vec![f32::NAN; y.len()];
        for (o, pixel, lane) in (0..outputs * pixels * 8).map(|i| (i / (pixels * 8), i / 8 % pixels, i % 8)) {
            let term = |k: usize| x[k / 8 * stride + pixel * 8 + k % 8] * w[o * depth * 64 + k * 8 + lane];
            expected[o * stride + pixel * 8 + lane] = (0..depth * 8).map(term).sum();
        }
        for (found, expected) in y.chunks(stride).zip(expected.chunks(stride)) {
            close(&found[..pixels * 8], &expected[..pixels * 8]);
            assert!(found[pixels * 8..].iter().all(|v| v.is_nan()), "nothing else is written");
        }
    }
}

#[test]
fn an_outer_product_is_added_to_what_was_there() {
    in_all_widths(outer_product_added);
}

fn outer_product_added() {
    for [pixels, depth, outputs] in SHAPES {
        let stride = pixels * 8 + 8;
        let (x, g) = (numbers(depth * stride, 1), numbers(outputs * stride, 2));
        let mut dw = numbers(depth * outputs * 64, 3);
        let expected: Vec<f32> = (0..dw.len())
            .map(|i| {
                let (k, o) = (i / (outputs * 8), i % (outputs * 8));
                let at = |panels: &[f32], c: usize, m: usize| panels[c / 8 * stride + m * 8 + c % 8];
                dw[i] + (0..pixels).map(|m| at(&x, k, m) * at(&g, o, m)).sum::<f32>()
            })
            .collect();
        let of = |values| Panels { values, stride };
        outer(of(&x), of(&g), [pixels, depth, outputs], &mut dw);
        close(&dw, &expected);
    }
}

#[test]
fn depthwise_sums_over_each_window_and_its_taps_over_all_windows() {
    in_all_widths(depthwise_and_taps);
}

fn depthwise_and_taps() {
    for [h, w] in [[1, 1], [5, 3], [4, 9]] {
        let (padded, taps) = (numbers((h + 2) * (w + 2) * 8, 1), numbers(72, 2));
        let tap = |i: usize, j: usize, t: usize, lane: usize| {
            padded[((i + t / 3) * (w + 2) + j + t % 3) * 8 + lane]
        };
        let places: Vec<_> = (0..h * w * 8).map(|at| (at / 8 / w, at / 8 % w, at % 8)).collect();
        let mut y = vec![f32::NAN; h * w * 8];
        depthwise(&padded, &taps, [h, w], &mut y);
        let sum = |&(i, j, lane): &(usize, usize, usize)| {
            (0..9).map(|t| tap(i, j, t, lane) * taps[t * 8 + lane]).sum::<f32>()
        };
        close(&y, &places.iter().map(sum).collect::<Vec<_>>());

        let (g, mut found) = (numbers(h * w * 8, 4), numbers(72, 5));
        let mut expected = found.clone();
        for (at, &(i, j, lane)) in places.iter().enumerate() {
            (0..9).for_each(|t| expected[t * 8 + lane] += tap(i, j, t, lane) * g[at]);
        }
        depthwise_taps(&padded, &g, [h, w], &mut found);
        close(&found, &expected);
    }
}
