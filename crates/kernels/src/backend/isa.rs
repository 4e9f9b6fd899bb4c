//! The primitives that a backend brings: vectors of 16 lanes.

use core::fmt::Debug;

use super::ends::Ends;
use super::epilogue::{Epilogue, Sums};

/// Columns of a slab, and lanes of a vector.
pub(crate) const LANES: usize = 16;

/// How a backend reads its operands: activations in groups of `depth` neighbours that fill 4 bytes, weights in slabs of 16
/// columns, each a sequence of steps of 16 groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Four `u8` activations times four `i8` weights: a step is 64 bytes.
    Bytes,
    /// Two `i16` activations times two `i8` weights: a step is 32 bytes.
    Words,
}

impl Layout {
    /// Products of one group.
    pub(crate) const fn depth(self) -> usize {
        match self {
            Layout::Bytes => 4,
            Layout::Words => 2,
        }
    }

    /// Bytes of one step of a slab.
    pub(crate) const fn step_bytes(self) -> usize {
        LANES * self.depth()
    }

    /// Bytes of an activation.
    pub(crate) const fn lhs_bytes(self) -> usize {
        4 / self.depth()
    }

    /// What is added to a signed activation so that it can be stored.
    pub(crate) const fn shift(self) -> i32 {
        match self {
            Layout::Bytes => 128,
            Layout::Words => 0,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Layout::Bytes => "K4N16",
            Layout::Words => "K2N16",
        }
    }
}

/// An instruction set.
///
/// # Safety
///
/// Every function may only be called where the CPU has the instruction set, which [`Isa::is_supported`] tells; pointers must
/// be valid for the lanes that are read or written. Functions are inlined into [`Isa::enter`], in which the compiler may use
/// the instruction set.
pub(crate) trait Isa: Copy + Debug + 'static {
    const NAME: &'static str;
    const LAYOUT: Layout;
    /// The most rows of a tile with 1, 2, 3 and 4 slabs; 0 where there is no such tile.
    const ROWS: [usize; 4];

    /// 16 integers.
    type I32: Copy;
    /// 16 real numbers.
    type F32: Copy;
    /// One group of activations, in every lane.
    type Lhs: Copy;
    /// One step of a slab.
    type Rhs: Copy;

    fn is_supported() -> bool;

    /// Runs `f` compiled for the instruction set.
    unsafe fn enter<R>(f: impl FnOnce() -> R) -> R;

    /// [`finish`](super::epilogue::finish) compiled for the instruction set, once for all tiles.
    unsafe fn end(epilogue: &Epilogue, sums: &Sums<Self>);

    unsafe fn lhs(group: *const u8) -> Self::Lhs;
    unsafe fn rhs(step: *const i8) -> Self::Rhs;
    /// `acc[lane] += sum_p lhs[p] * rhs[lane][p]`, modulo 2^32 and never saturating on the way.
    unsafe fn dot(acc: Self::I32, lhs: Self::Lhs, rhs: Self::Rhs) -> Self::I32;
    /// Groups of one activation of each of `LAYOUT.depth()` taps, for 16 channels; reads whole vectors.
    unsafe fn interleave(taps: [*const u8; 4]) -> Self::Rhs;
    /// As [`Isa::dot`], every lane with activations of its own.
    unsafe fn dot_lanes(acc: Self::I32, lhs: Self::Rhs, rhs: Self::Rhs) -> Self::I32;

    unsafe fn splat_i32(x: i32) -> Self::I32;
    unsafe fn load_i32(p: *const i32) -> Self::I32;
    unsafe fn store_i32(p: *mut i32, x: Self::I32);
    unsafe fn add_i32(a: Self::I32, b: Self::I32) -> Self::I32;
    unsafe fn mul_i32(a: Self::I32, b: Self::I32) -> Self::I32;

    /// 16 bytes, zero-extended.
    unsafe fn load_u8(p: *const u8) -> Self::I32;
    /// 16 bytes, sign-extended.
    unsafe fn load_i8(p: *const i8) -> Self::I32;
    /// The low byte of every lane.
    unsafe fn store_bytes(p: *mut u8, x: Self::I32);

    unsafe fn splat_f32(x: f32) -> Self::F32;
    unsafe fn load_f32(p: *const f32) -> Self::F32;
    unsafe fn store_f32(p: *mut f32, x: Self::F32);
    unsafe fn add_f32(a: Self::F32, b: Self::F32) -> Self::F32;
    unsafe fn mul_f32(a: Self::F32, b: Self::F32) -> Self::F32;
    unsafe fn div_f32(a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a > b ? a : b`, so `b` if one is NaN.
    unsafe fn max_f32(a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a < b ? a : b`, so `b` if one is NaN.
    unsafe fn min_f32(a: Self::F32, b: Self::F32) -> Self::F32;
    /// `x`, or 0 where `x` is NaN.
    unsafe fn nan_to_zero(x: Self::F32) -> Self::F32;

    unsafe fn to_f32(x: Self::I32) -> Self::F32;
    /// To the nearest integer, ties to even; the lanes lie within `-2^22..=2^22`.
    unsafe fn round(x: Self::F32) -> Self::I32;

    /// Stores the codes of four rows, `row_stride` bytes apart.
    #[inline(always)]
    unsafe fn store_codes(out: *mut u8, row_stride: usize, rows: [Self::F32; 4], ends: &Ends<Self>) {
        for (i, real) in rows.into_iter().enumerate() {
            // SAFETY: as this function's.
            unsafe { Self::store_bytes(out.add(i * row_stride), ends.codes(real)) };
        }
    }
}
