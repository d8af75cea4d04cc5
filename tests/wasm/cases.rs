//! All cases: every way of making rows, stride and padding, in both formats, over odd and unequal sides,
//! channels that fill no vector and no panel, one picture and three.

use crate::Case;
use crate::conv::{ConvCase, Fill, Kind, Place};
use crate::noise::Noise;
use crate::others::{MeanCase, PackCase, PoolCase, WarmUp};
use xception_kernels::{Act, Windows};

/// B, H, W, C; the last has more pixels than a block.
const SHAPES: [[usize; 4]; 9] = [
    [1, 7, 9, 5],
    [3, 6, 5, 11],
    [1, 13, 3, 19],
    [3, 5, 8, 64],
    [1, 1, 2, 33],
    [1, 1, 1, 1],
    [3, 2, 1, 4],
    [1, 9, 10, 7],
    [1, 17, 11, 16],
];
const OUTPUTS: [usize; 7] = [1, 7, 8, 9, 16, 23, 40];
const POISONS: [f32; 3] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
const FORMATS: [bool; 2] = [false, true];

/// Picks that do not go in step with the loops around them.
struct Picks(Noise);

impl Picks {
    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        let pick = self.0.next().map_or(0.0, |x| x / 2.0 + 0.5);
        choices[((pick * choices.len() as f32) as usize).min(choices.len() - 1)]
    }

    fn act(&mut self) -> Act {
        self.of(&[Act::None, Act::Relu])
    }
}

/// Output pixels of a side; none if the window is larger than picture and padding.
fn side(size: usize, before: usize, after: usize, window: usize, stride: usize) -> Option<usize> {
    Some((size + before + after).checked_sub(window)? / stride + 1)
}

/// A case whose other choices are picked.
fn conv(
    picks: &mut Picks,
    (kind, q8, fill): (Kind, bool, Fill),
    shape: [usize; 4],
    stride: usize,
    before: [usize; 2],
) -> Option<ConvCase> {
    let window = if kind == Kind::Points { 1 } else { 3 };
    let mut output = [0; 2];
    for axis in 0..2 {
        let after = if kind == Kind::Points { 0 } else { picks.of(&[0, 1, 2]) };
        output[axis] = side(shape[1 + axis], before[axis], after, window, stride)?;
    }
    // A case that puts a number into the residual has one.
    let residuals: &[_] = if matches!(fill, Fill::Noise(Some((Place::Residual, _)))) {
        &[Some(false), Some(true)]
    } else {
        &[None, Some(false), Some(true)]
    };
    Some(ConvCase {
        kind,
        q8,
        shape,
        outputs: picks.of(&OUTPUTS),
        windows: Windows { stride, before, output },
        acts: [picks.act(), picks.act(), picks.act()],
        residual: picks.of(residuals),
        fill,
    })
}

/// Everything, always in the same order.
pub fn all() -> Vec<Box<dyn Case>> {
    let mut picks = Picks(Noise::new(1));
    let mut cases: Vec<Box<dyn Case>> = vec![Box::new(WarmUp)];
    let mut add = |what, shape, stride, before| {
        if let Some(case) = conv(&mut picks, what, shape, stride, before) {
            cases.push(Box::new(case));
        }
    };
    let paddings = || (0..9).map(|at| [at / 3, at % 3]);
    for q8 in FORMATS {
        for stride in [1, 2] {
            for shape in SHAPES {
                add((Kind::Points, q8, Fill::Noise(None)), shape, stride, [0; 2]);
                for before in paddings() {
                    add((Kind::Windows, q8, Fill::Noise(None)), shape, stride, before);
                    add((Kind::Depthwise, q8, Fill::Noise(None)), shape, stride, before);
                }
            }
            for kind in [Kind::Points, Kind::Windows, Kind::Depthwise] {
                let before = [usize::from(kind != Kind::Points); 2];
                for shape in [SHAPES[0], SHAPES[1], SHAPES[3]] {
                    add((kind, q8, Fill::Flat), shape, stride, before);
                    for signs in [[1; 4], [-1; 4], [1, 1, -1, -1], [1, -1, 1, -1]] {
                        add((kind, q8, Fill::Extreme(signs)), shape, stride, before);
                    }
                    for poison in POISONS {
                        for place in [
                            Place::First,
                            Place::Last,
                            Place::Kernel,
                            Place::Depthwise,
                            Place::Bias,
                            Place::Residual,
                        ] {
                            if place != Place::Depthwise || kind == Kind::Depthwise {
                                add((kind, q8, Fill::Noise(Some((place, poison)))), shape, stride, before);
                            }
                        }
                    }
                }
            }
        }
    }
    for shape in SHAPES {
        for poison in [None].into_iter().chain(POISONS.map(Some)) {
            cases.push(Box::new(MeanCase { shape, poison }));
            for before in paddings() {
                // As large as padding of the same size behind makes it, or one smaller.
                for after in [0, before[0]] {
                    let sides = [0, 1].map(|axis| side(shape[1 + axis], before[axis], after, 3, 2));
                    if let [Some(h), Some(w)] = sides {
                        cases.push(Box::new(PoolCase {
                            shape,
                            windows: Windows { stride: 2, before, output: [h, w] },
                            poison,
                        }));
                    }
                }
            }
        }
    }
    for q8 in FORMATS {
        for outputs in OUTPUTS {
            for depth in [1, 3, 8, 17, 61, 728] {
                cases.push(Box::new(PackCase { q8, outputs, depth }));
            }
        }
    }
    cases
}
