//! Vectors of numbers, one implementation per instruction set: all that the kernels know of a processor.
//!
//! Each kernel is written once over [`Lanes`]. Methods are `inline(always)`, so that they take on the
//! target features of the function that they end up in.

#![cfg_attr(
    all(target_arch = "wasm32", target_feature = "simd128"),
    allow(dead_code, reason = "the portable arm is for other builds")
)]

/// The longest vector of any implementation.
pub const MAX_LANES: usize = 8;

/// A vector of f32, and the int8 product that goes with it.
///
/// Arithmetic follows IEEE 754 except that [`Lanes::mul_add`] may round once or twice. NaN goes through
/// [`Lanes::at_least`], so that a broken weight shows in the answer.
///
/// # Safety
///
/// Every method executes instructions that not every processor has: to call one, or a kernel over `L: Lanes`, this
/// processor must have those of the implementation. [`super::isa::Isa::detect`] asks it, and any has those of
/// [`Portable`]. What a method needs besides stands beside it.
pub trait Lanes: Copy {
    /// Numbers per vector.
    const N: usize;
    /// As many i32.
    type Ints: Copy;
    /// Whether four products are summed up at once, with nothing between: [`Lanes::dot`] need not see eight.
    const WORDS: bool = false;

    /// All lanes `x`.
    unsafe fn splat(x: f32) -> Self;
    /// # Safety
    ///
    /// `p` is valid for reading `N` numbers; it need not be aligned.
    unsafe fn load(p: *const f32) -> Self;
    /// # Safety
    ///
    /// `p` is valid for writing `N` numbers; it need not be aligned.
    unsafe fn store(self, p: *mut f32);
    /// `self · b + c`.
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;
    /// `self · b`.
    unsafe fn mul(self, b: Self) -> Self;
    /// The larger of both; NaN in `self` stays.
    unsafe fn at_least(self, floor: Self) -> Self;

    /// `self − b`.
    unsafe fn sub(self, b: Self) -> Self;

    /// All lanes zero.
    unsafe fn zeros() -> Self::Ints;
    /// The four bytes at `p`, in every lane.
    ///
    /// # Safety
    ///
    /// `p` is valid for reading four numbers.
    unsafe fn quad(p: *const u8) -> Self::Ints;
    /// `N` times four bytes.
    ///
    /// # Safety
    ///
    /// `p` is valid for reading `4 N` numbers.
    unsafe fn quads(p: *const i8) -> Self::Ints;
    /// Adds to each lane of `sum` the products of its four bytes of `x[0]`, which are below 128, and of
    /// `w[0]`, which have signs, and likewise of `x[1]` and `w[1]`. The products of both first halves must
    /// fit together into an i16, and those of both second halves: [`super::pack_q8`] sees to it.
    unsafe fn dot(x: [Self::Ints; 2], w: [Self::Ints; 2], sum: Self::Ints) -> Self::Ints;
    /// Half of [`Lanes::dot`], where [`Lanes::WORDS`] says so.
    #[inline(always)]
    unsafe fn dot_words(x: Self::Ints, w: Self::Ints, sum: Self::Ints) -> Self::Ints {
        // SAFETY: the caller's promise is this one.
        unsafe {
            let zeros = Self::zeros();
            Self::dot([x, zeros], [w, zeros], sum)
        }
    }
    /// Rounded to the nearest f32.
    unsafe fn from_ints(ints: Self::Ints) -> Self;
    /// Writes numbers from 0 to 127, rounded to the nearest whole one, ties to even. Of others, NaN among
    /// them, it writes anything in that range.
    ///
    /// # Safety
    ///
    /// `p` is valid for writing `4 N` numbers.
    unsafe fn narrow(numbers: [Self; 4], p: *mut u8);

    /// `[R, K]` to `[K, R]`, in words of 32 bits.
    ///
    /// # Safety
    ///
    /// `rows` is valid for reading `R · depth` words, `panel` for writing as many; neither need be aligned.
    #[inline(always)]
    unsafe fn weave<const R: usize>(rows: *const u32, depth: usize, panel: *mut u32) {
        // SAFETY: the caller's promise is this one.
        unsafe { weave_from::<R>(0, rows, depth, panel) }
    }
}

/// [`Lanes::weave`] word by word, from column `first` on.
///
/// # Safety
///
/// As there.
#[inline(always)]
pub unsafe fn weave_from<const R: usize>(first: usize, rows: *const u32, depth: usize, panel: *mut u32) {
    for k in first..depth {
        for r in 0..R {
            // SAFETY: both indices are below `R · depth`.
            unsafe { panel.add(k * R + r).write_unaligned(rows.add(r * depth + k).read_unaligned()) };
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
    type Ints = [u32; 4];

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
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
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        self.zip(b, |a, b| a * b).zip(c, |product, c| product + c)
    }

    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        self.zip(b, |a, b| a * b)
    }

    #[inline(always)]
    unsafe fn at_least(self, floor: Self) -> Self {
        self.zip(floor, |a, floor| if a < floor { floor } else { a })
    }

    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        self.zip(b, |a, b| a - b)
    }

    #[inline(always)]
    unsafe fn zeros() -> Self::Ints {
        [0; 4]
    }

    #[inline(always)]
    unsafe fn quad(p: *const u8) -> Self::Ints {
        // SAFETY: the caller's promise is this one.
        [unsafe { p.cast::<u32>().read_unaligned() }; 4]
    }

    #[inline(always)]
    unsafe fn quads(p: *const i8) -> Self::Ints {
        // SAFETY: the caller's promise is this one.
        unsafe { p.cast::<[u32; 4]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn dot(x: [Self::Ints; 2], w: [Self::Ints; 2], sum: Self::Ints) -> Self::Ints {
        std::array::from_fn(|i| {
            let products = |half: usize| {
                let (x, w) = (x[half][i].to_ne_bytes(), w[half][i].to_ne_bytes());
                let product = |j: usize| u32::from(x[j]).wrapping_mul(i32::from(w[j] as i8) as u32);
                product(0).wrapping_add(product(1)).wrapping_add(product(2)).wrapping_add(product(3))
            };
            sum[i].wrapping_add(products(0)).wrapping_add(products(1))
        })
    }

    #[inline(always)]
    unsafe fn from_ints(ints: Self::Ints) -> Self {
        Self(ints.map(|whole| whole as i32 as f32))
    }

    #[inline(always)]
    unsafe fn narrow(numbers: [Self; 4], p: *mut u8) {
        for (at, x) in numbers.into_iter().flat_map(|numbers| numbers.0).enumerate() {
            // SAFETY: `at` is below 4 N.
            unsafe { *p.add(at) = (x + ROUNDER).to_bits() as u8 & 127 };
        }
    }
}

/// 2²³: a small number added to it is rounded to a whole one, which then lies in its lowest bits.
pub const ROUNDER: f32 = 8_388_608.0;
