//! NEON of ARMv8.0: two products are summed in 16 bits by `smull` and `smlal2`, and `sadalp` adds pairs of such sums to
//! 32 bits: 16 products in three instructions.
//!
//! `2 * 128 * 127` fits 16 bits, `2 * 128 * 128` does not: for weights of which one is -128, products are added to 32
//! bits without being summed before, 16 in four instructions.

use core::arch::aarch64::*;

use super::super::layout::Layout;
use super::super::tile;
use super::neon::{Dot, DotRow, Neon};
use super::quarter::pairs_of;

/// Sums of products of 16 bits, of weights that may be -128 if so said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InPairs<const HAS_MIN: bool>;

impl<const HAS_MIN: bool> Dot for InPairs<HAS_MIN> {
    const NAME: &'static str = "neon";
    const LAYOUT: Layout = Layout::Halves;

    fn is_supported() -> bool {
        super::has!("neon")
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn enter<R>(f: impl FnOnce() -> R) -> R {
        f()
    }

    /// The first two taps of four lanes, then the last two.
    #[inline(always)]
    unsafe fn interleave(taps: [*const u8; 4]) -> [int8x16_t; 4] {
        // SAFETY: the CPU has NEON; each of the four taps is readable for 16 bytes.
        unsafe {
            let [low, high] = pairs_of(taps);
            [halves(low[0], low[1]), upper(low[0], low[1]), halves(high[0], high[1]), upper(high[0], high[1])]
        }
    }

    #[inline(always)]
    unsafe fn dot(acc: int32x4_t, lhs: int8x16_t, rhs: int8x16_t) -> int32x4_t {
        // SAFETY: the CPU has NEON.
        unsafe {
            let first = vmull_s8(vget_low_s8(lhs), vget_low_s8(rhs));
            if HAS_MIN {
                vpadalq_s16(vpadalq_s16(acc, first), vmull_high_s8(lhs, rhs))
            } else {
                vpadalq_s16(acc, vmlal_high_s8(first, lhs, rhs))
            }
        }
    }
}

impl<const HAS_MIN: bool> DotRow for InPairs<HAS_MIN> {
    /// 12 sums, a few registers of weights, three of activations and products on their way; with 16 sums the compiler
    /// spills.
    const ROWS: [usize; 4] = [3, 0, 0, 0];

    /// The first two activations four times, then the last two.
    #[inline(always)]
    unsafe fn lhs(group: *const u8) -> int8x16_t {
        // SAFETY: the CPU has NEON; `group` is readable for its four bytes.
        unsafe {
            let words = vreinterpretq_s16_s32(vld1q_dup_s32(group.cast()));
            opaque(vreinterpretq_s8_s16(vcombine_s16(vdup_laneq_s16::<0>(words), vdup_laneq_s16::<1>(words))))
        }
    }

    /// One by one: of two steps together the compiler spills.
    #[inline(always)]
    unsafe fn steps<const MR: usize, const NR: usize>(
        acc: &mut [[[int32x4_t; 4]; NR]; MR],
        rows: [*const u8; MR],
        mut rhs: *const i8,
        slab_bytes: usize,
        count: usize,
    ) {
        const { assert!(Self::LAYOUT.group_bytes() == 4 && Self::LAYOUT.step_bytes() == 64) };
        // SAFETY: the CPU has NEON; step `step` is below `count`, for which the rows have groups and the slabs steps of
        // 64 bytes.
        unsafe {
            for step in 0..count {
                tile::step::<Neon<Self>, MR, NR>(acc, &rows, 4 * step, rhs, slab_bytes);
                rhs = rhs.add(64);
            }
        }
    }
}

/// The first halves of both.
///
/// # Safety
///
/// The CPU has NEON.
#[inline(always)]
unsafe fn halves(a: int8x16_t, b: int8x16_t) -> int8x16_t {
    // SAFETY: the CPU has NEON.
    unsafe { vreinterpretq_s8_s64(vzip1q_s64(vreinterpretq_s64_s8(a), vreinterpretq_s64_s8(b))) }
}

/// The second halves of both.
///
/// # Safety
///
/// The CPU has NEON.
#[inline(always)]
unsafe fn upper(a: int8x16_t, b: int8x16_t) -> int8x16_t {
    // SAFETY: the CPU has NEON.
    unsafe { vreinterpretq_s8_s64(vzip2q_s64(vreinterpretq_s64_s8(a), vreinterpretq_s64_s8(b))) }
}

/// Hides where a vector is from: the compiler would keep its halves in two registers, and take apart the weights to
/// match.
///
/// # Safety
///
/// The CPU has NEON.
#[inline]
#[target_feature(enable = "neon")]
fn opaque(mut x: int8x16_t) -> int8x16_t {
    // SAFETY: a comment, no instruction: nothing is read, written or jumped to.
    unsafe { core::arch::asm!("/* {:v} */", inout(vreg) x, options(pure, nomem, nostack, preserves_flags)) };
    x
}
