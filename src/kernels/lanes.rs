//! Vectors of numbers, one implementation per instruction set: all that the kernels know of a processor.
//!
//! Each kernel is written once over [`Lanes`]. Methods are `inline(always)`, so that they take on the
//! target features of the function that they end up in.

/// The longest vector of any implementation.
pub const MAX_LANES: usize = 8;

/// A vector of f32, and the int8 product that goes with it.
///
/// Arithmetic follows IEEE 754 except that [`Lanes::mul_add`] may round once or twice. NaN goes through
/// [`Lanes::at_least`], so that a broken weight shows in the answer.
pub trait Lanes: Copy {
    /// Numbers per vector.
    const N: usize;
    /// As many i32.
    type Ints: Copy;

    /// All lanes `x`.
    fn splat(x: f32) -> Self;
    /// # Safety
    ///
    /// `p` is valid for reading `N` numbers; it need not be aligned.
    unsafe fn load(p: *const f32) -> Self;
    /// # Safety
    ///
    /// `p` is valid for writing `N` numbers; it need not be aligned.
    unsafe fn store(self, p: *mut f32);
    /// `self · b + c`.
    fn mul_add(self, b: Self, c: Self) -> Self;
    /// `self · b`.
    fn mul(self, b: Self) -> Self;
    /// The larger of both; NaN in `self` stays.
    fn at_least(self, floor: Self) -> Self;

    /// All lanes zero.
    fn zeros() -> Self::Ints;
    /// The pair of i16 at `p`, in every lane.
    ///
    /// # Safety
    ///
    /// `p` is valid for reading two numbers.
    unsafe fn pair(p: *const i16) -> Self::Ints;
    /// `N` pairs of i8, widened to i16.
    ///
    /// # Safety
    ///
    /// `p` is valid for reading `2 N` numbers.
    unsafe fn pairs(p: *const i8) -> Self::Ints;
    /// Adds the products of two pairs of i16 to each lane of `sum`.
    fn dot(a: Self::Ints, b: Self::Ints, sum: Self::Ints) -> Self::Ints;
    /// Rounded to the nearest f32.
    fn from_ints(ints: Self::Ints) -> Self;
    /// Writes `a`, then `b`, rounded to the nearest i16.
    ///
    /// # Safety
    ///
    /// `p` is valid for writing `2 N` numbers. No number is beyond an i16.
    unsafe fn narrow(a: Self, b: Self, p: *mut i16);

    /// `[R, K]` to `[K, R]`, in words of 32 bits.
    ///
    /// # Safety
    ///
    /// Both are valid for `R · depth` words.
    #[inline(always)]
    unsafe fn weave<const R: usize>(rows: *const f32, depth: usize, panel: *mut f32) {
        for k in 0..depth {
            for r in 0..R {
                // SAFETY: both indices are below `R · depth`.
                unsafe { *panel.add(k * R + r) = *rows.add(r * depth + k) };
            }
        }
    }
}

/// Any processor: the compiler makes of it what it can.
#[derive(Clone, Copy)]
pub struct Portable([f32; 4]);

impl Portable {
    #[inline(always)]
    fn zip(self, b: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], b.0[i])))
    }
}

impl Lanes for Portable {
    const N: usize = 4;
    type Ints = [[i16; 2]; 4];

    #[inline(always)]
    fn splat(x: f32) -> Self {
        Self([x; 4])
    }

    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: the caller's promise is this one.
        Self(unsafe { p.cast::<[f32; 4]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: the caller's promise is this one.
        unsafe { p.cast::<[f32; 4]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        self.mul(b).zip(c, |product, c| product + c)
    }

    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        self.zip(b, |a, b| a * b)
    }

    #[inline(always)]
    fn at_least(self, floor: Self) -> Self {
        self.zip(floor, |a, floor| if a < floor { floor } else { a })
    }

    #[inline(always)]
    fn zeros() -> Self::Ints {
        [[0; 2]; 4]
    }

    #[inline(always)]
    unsafe fn pair(p: *const i16) -> Self::Ints {
        // SAFETY: the caller's promise is this one.
        [unsafe { p.cast::<[i16; 2]>().read_unaligned() }; 4]
    }

    #[inline(always)]
    unsafe fn pairs(p: *const i8) -> Self::Ints {
        // SAFETY: the caller's promise is this one.
        unsafe { p.cast::<[[i8; 2]; 4]>().read_unaligned() }.map(|pair| pair.map(i16::from))
    }

    #[inline(always)]
    fn dot(a: Self::Ints, b: Self::Ints, sum: Self::Ints) -> Self::Ints {
        std::array::from_fn(|i| {
            let product = |j: usize| i32::from(a[i][j]) * i32::from(b[i][j]);
            split(whole(sum[i]).wrapping_add(product(0)).wrapping_add(product(1)))
        })
    }

    #[inline(always)]
    fn from_ints(ints: Self::Ints) -> Self {
        Self(ints.map(|pair| whole(pair) as f32))
    }

    #[inline(always)]
    unsafe fn narrow(a: Self, b: Self, p: *mut i16) {
        for (at, x) in a.0.into_iter().chain(b.0).enumerate() {
            // SAFETY: `at` is below 2 N.
            unsafe { *p.add(at) = x.round_ties_even() as i16 };
        }
    }
}

/// An i32 as the two i16 that share its bits.
#[inline(always)]
fn split(whole: i32) -> [i16; 2] {
    [whole as i16, (whole >> 16) as i16]
}

#[inline(always)]
fn whole([low, high]: [i16; 2]) -> i32 {
    i32::from(high) << 16 | i32::from(low as u16)
}
