//! The primitives that a backend brings: vectors of 16 lanes.

use core::fmt::Debug;

use super::layout::Layout;

/// Columns of a slab, and lanes of a vector.
pub(crate) const LANES: usize = 16;

/// An instruction set.
///
/// Whether the CPU has it, as every other function asks, [`Isa::is_supported`] tells. Functions are inlined into
/// [`Isa::enter`], in which the compiler may use the instruction set. Pointers need no alignment but where that is
/// said.
pub(crate) trait Isa: Copy + Debug + 'static {
    const NAME: &'static str;
    const LAYOUT: Layout;
    /// The most rows of a tile of a float product with 1, 2, 3 and 4 slabs, at most 8; 0 where there is no such tile.
    const FLOAT_ROWS: [usize; 4];
    /// Whether results are quantized four rows at a time, where a tile has as many.
    const BY_FOURS: bool;
    /// 16 integers.
    type I32: Copy;
    /// 16 floats.
    type F32: Copy;
    /// Four rows of 16 bytes, in the order that is best for the instruction set.
    type Rows: Copy;
    /// One step of a slab of [`Layout::depthwise`].
    type Rhs: Copy;

    /// Whether the CPU has the instruction set.
    fn is_supported() -> bool;

    /// Runs `f` compiled for the instruction set.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set.
    unsafe fn enter<R>(f: impl FnOnce() -> R) -> R;

    /// One step of a slab.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set; `step` is readable for a step of [`Layout::depthwise`], and is where one of
    /// packed weights begins.
    unsafe fn rhs(step: *const i8) -> Self::Rhs;
    /// Groups of one activation of each of a few taps, for 16 channels; reads whole vectors.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set; the first [`Layout::depth`] taps of [`Layout::depthwise`] are readable for 16
    /// activations each.
    unsafe fn interleave(taps: [*const u8; 4]) -> Self::Rhs;
    /// `acc[lane] += sum_p lhs[lane][p] * rhs[lane][p]`, modulo 2^32 and never saturating on the way.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set.
    unsafe fn dot_lanes(acc: Self::I32, lhs: Self::Rhs, rhs: Self::Rhs) -> Self::I32;

    /// `x` in every lane.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set.
    unsafe fn splat_i32(x: i32) -> Self::I32;
    /// 16 integers.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set; `p` is readable for 16 lanes.
    unsafe fn load_i32(p: *const i32) -> Self::I32;
    /// Stores every lane.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set; `p` is writable for 16 lanes.
    unsafe fn store_i32(p: *mut i32, x: Self::I32);
    /// `a + b`, modulo 2^32.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set.
    unsafe fn add_i32(a: Self::I32, b: Self::I32) -> Self::I32;
    /// `a * b`, modulo 2^32.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set.
    unsafe fn mul_i32(a: Self::I32, b: Self::I32) -> Self::I32;

    /// 16 bytes, zero-extended.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set; `p` is readable for 16 lanes.
    unsafe fn load_u8(p: *const u8) -> Self::I32;
    /// 16 bytes, sign-extended.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set; `p` is readable for 16 lanes.
    unsafe fn load_i8(p: *const i8) -> Self::I32;
    /// The low byte of every lane.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set; `p` is writable for 16 lanes.
    unsafe fn store_bytes(p: *mut u8, x: Self::I32);

    /// `x` in every lane.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set.
    unsafe fn splat_f32(x: f32) -> Self::F32;
    /// 16 floats.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set; `p` is readable for 16 lanes.
    unsafe fn load_f32(p: *const f32) -> Self::F32;
    /// Stores every lane.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set; `p` is writable for 16 lanes.
    unsafe fn store_f32(p: *mut f32, x: Self::F32);
    /// `a + b`, rounded.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set.
    unsafe fn add_f32(a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a * b`, rounded.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set.
    unsafe fn mul_f32(a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a * b + c`, rounded once. Only for what is defined so: products of floats and sums of quantized values.
    /// Everything else rounds every multiplication and addition.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set.
    unsafe fn fma_f32(a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;
    /// `a / b`, rounded.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set.
    unsafe fn div_f32(a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a > b ? a : b`, so `b` if one is NaN.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set.
    unsafe fn max_f32(a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a < b ? a : b`, so `b` if one is NaN.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set.
    unsafe fn min_f32(a: Self::F32, b: Self::F32) -> Self::F32;
    /// `x`, or 0 where `x` is NaN.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set.
    unsafe fn nan_to_zero(x: Self::F32) -> Self::F32;

    /// To the nearest float, ties to even.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set.
    unsafe fn to_f32(x: Self::I32) -> Self::F32;
    /// To the nearest integer, ties to even; the lanes lie within `-2^22..=2^22`.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set.
    unsafe fn round(x: Self::F32) -> Self::I32;

    /// To the nearest integer, ties to even; the lanes are at most `2^22`. NaN, and what is less than `-2^22`, becomes
    /// `-2^22` or less.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set.
    unsafe fn round_or_low(x: Self::F32) -> Self::I32;

    /// `x` in every byte.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set.
    unsafe fn splat_u8(x: u8) -> Self::Rows;
    /// The larger of each two bytes, as unsigned integers.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set.
    unsafe fn max_u8(a: Self::Rows, b: Self::Rows) -> Self::Rows;
    /// The bits in which two bytes differ.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set.
    unsafe fn xor_u8(a: Self::Rows, b: Self::Rows) -> Self::Rows;
    /// `clamp(rows[i][lane] + offset, 0, 255)` of what [`Isa::round_or_low`] made; `offset` lies within `-256..=511`.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set.
    unsafe fn narrow(rows: [Self::I32; 4], offset: i16) -> Self::Rows;
    /// Stores four rows, `row_stride` bytes apart.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set; 16 bytes are writable at `out + i * row_stride` for each of the four rows.
    unsafe fn store_rows(out: *mut u8, row_stride: usize, rows: Self::Rows);
}

/// An instruction set whose products have one group of activations for all columns.
pub(crate) trait Broadcast: Isa {
    /// The most rows of a tile with 1, 2, 3 and 4 slabs; 0 where there is no such tile.
    const ROWS: [usize; 4];

    /// One group of activations, in every lane.
    type Lhs: Copy;

    /// One group of activations, for every lane.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set; `group` is readable for [`Layout::group_bytes`].
    unsafe fn lhs(group: *const u8) -> Self::Lhs;
    /// `acc[lane] += sum_p lhs[p] * rhs[lane][p]`, modulo 2^32 and never saturating on the way.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set.
    unsafe fn dot(acc: Self::I32, lhs: Self::Lhs, rhs: Self::Rhs) -> Self::I32;

    /// Adds the products of `count` groups of each row and steps of each slab.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set; every row is readable for `count` groups, and each of the `NR` slabs,
    /// `slab_bytes` apart from `rhs` on, for `count` steps.
    #[inline(always)]
    unsafe fn steps<const MR: usize, const NR: usize>(
        acc: &mut [[Self::I32; NR]; MR],
        rows: [*const u8; MR],
        rhs: *const i8,
        slab_bytes: usize,
        count: usize,
    ) {
        // SAFETY: the caller vouches for the CPU, the groups of the rows and the steps of the slabs, which is what
        // `tile::steps` asks.
        unsafe { super::tile::steps::<Self, MR, NR>(acc, rows, rhs, slab_bytes, count) }
    }
}
