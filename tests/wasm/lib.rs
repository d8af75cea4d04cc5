//! The CPU kernels as WebAssembly, with plain loops to test them against: what
//! `tests/browser/kernels.test.mjs` calls.
//!
//! The exported names are `unsafe` attributes because two functions of one name would clash: these have names
//! of their own, and nothing else is linked in.

mod cases;
mod conv;
mod naive;
mod noise;
mod others;

use std::ffi::{CString, c_char};

use xception_kernels::{self as kernels, Act, Conv, Rows, Weights, Windows, pack};

/// Something that the kernels compute, and plain loops too.
trait Case {
    /// What it is; up to the colon, its kind.
    fn name(&self) -> String;
    /// The largest difference that is no mistake.
    fn tolerance(&self) -> f64;
    /// The largest difference, relative to the largest number; infinite where one number is finite, or NaN, and
    /// the other is not.
    fn difference(&self) -> f64;
}

thread_local! {
    static CASES: Vec<Box<dyn Case>> = cases::all();
}

/// Ended by a zero; never freed, as the instance is not kept.
fn text(text: impl Into<Vec<u8>>) -> *const c_char {
    CString::new(text).map_or(std::ptr::null(), |text| text.into_raw().cast_const())
}

/// Which implementation was built.
#[unsafe(no_mangle)]
pub extern "C" fn isa() -> *const c_char {
    text(kernels::isa())
}

/// How many cases there are.
#[unsafe(no_mangle)]
pub extern "C" fn count() -> usize {
    CASES.with(Vec::len)
}

/// What this case is called: the kernel and the shape.
#[unsafe(no_mangle)]
pub extern "C" fn name(case: usize) -> *const c_char {
    text(CASES.with(|cases| cases[case].name()))
}

/// How far the kernel may be from plain loops in this case.
#[unsafe(no_mangle)]
pub extern "C" fn tolerance(case: usize) -> f64 {
    CASES.with(|cases| cases[case].tolerance())
}

/// How far it is.
#[unsafe(no_mangle)]
pub extern "C" fn difference(case: usize) -> f64 {
    CASES.with(|cases| cases[case].difference())
}

/// What a product loses when it is rounded before the sum: (1 + 2⁻¹²)² − (1 + 2⁻¹¹) is 2⁻²⁴ when it is not.
#[unsafe(no_mangle)]
pub extern "C" fn rounded_once() -> f32 {
    let x = 1.0 + 2f32.powi(-12);
    conv_of_one(x, x, -1.0 - 2f32.powi(-11))
}

/// `input · weight + bias`, by the kernels.
fn conv_of_one(input: f32, weight: f32, bias: f32) -> f32 {
    kernels::conv(&Conv {
        input: &[input],
        shape: [1; 4],
        lead: Act::None,
        windows: Windows { stride: 1, before: [0; 2], output: [1; 2] },
        rows: Rows::Points,
        weights: Weights::F32(&pack(&[weight], 1, 1)),
        bias: &[bias],
        residual: None,
        act: Act::None,
    })[0]
}
