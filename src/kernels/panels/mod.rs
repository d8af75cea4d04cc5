//! The trainer's products and depthwise convolutions, forwards and backwards, over panels of eight channels.
//!
//! A picture with C channels lies here as `[C / 8, M, 8]`, M being its pixels, or those of several pictures: each
//! panel holds eight channels of every pixel. Whatever a product sums over or writes, its operands are then read
//! from start to end, and a depthwise convolution keeps its nine vectors of weights in registers. Channels are
//! filled up with zeros to whole panels.

use super::conv::TAPS;
#[cfg(target_arch = "x86_64")]
use super::isa;
use super::lanes::{Lanes, Portable};
#[cfg(target_arch = "x86_64")]
use super::lanes_x86::Avx2;

/// Channels per panel.
pub const PANEL_LANES: usize = 8;

/// Pixels of an outer product between two visits to its sums in memory: six vectors of each are 24 KiB.
const OUTER_PIXELS: usize = 128;

/// Panels one after the other: panel `p` begins at `p · stride`.
#[derive(Clone, Copy)]
pub struct Panels<'a> {
    /// The numbers from the first pixel of the first panel on.
    pub values: &'a [f32],
    /// Numbers from one panel to the next.
    pub stride: usize,
}

impl Panels<'_> {
    fn check(&self, panels: usize, pixels: usize) {
        assert!(panels == 0 || self.values.len() >= (panels - 1) * self.stride + pixels * PANEL_LANES);
    }
}

/// Runs a kernel of a file beside this one with the widest lanes that this processor has.
macro_rules! dispatch {
    ($kernel:ident, $wider:ident, $($argument:expr),*) => {{
        #[cfg(target_arch = "x86_64")]
        if super::avx512::has_avx512() && super::widest() {
            // SAFETY: the processor has both features; the kernel's own demands were checked by the caller.
            return unsafe { super::avx512::$wider($($argument),*) };
        }
        #[cfg(target_arch = "x86_64")]
        if super::isa::has_avx2() {
            #[target_feature(enable = "avx2,fma")]
            fn avx2(run: impl FnOnce()) {
                run();
            }
            // SAFETY: the processor has both features; the kernel's own demands were checked by the caller.
            return unsafe { avx2(#[inline(always)] || $kernel::<super::Avx2, 1>($($argument),*)) };
        }
        // SAFETY: the kernel's own demands were checked by the caller.
        unsafe { $kernel::<super::Portable, 2>($($argument),*) }
    }};
}

/// Always, but for tests of what other processors run.
#[cfg(not(test))]
#[cfg(target_arch = "x86_64")]
fn widest() -> bool {
    true
}

#[cfg(test)]
#[cfg(target_arch = "x86_64")]
fn widest() -> bool {
    tests::WIDEST.get()
}

#[cfg(target_arch = "x86_64")]
mod avx512;
mod depthwise;
mod products;
#[cfg(test)]
mod tests;

pub use depthwise::{depthwise, depthwise_taps};
pub use products::{outer, product};
