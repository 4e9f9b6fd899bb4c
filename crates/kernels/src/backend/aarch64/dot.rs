//! `sdot`: 16 products in one instruction.

use core::arch::aarch64::*;
use core::arch::asm;

use super::super::layout::Layout;
use super::super::tile;
use super::neon::{Dot, DotRow, Neon};
use super::quarter::interleave_bytes;

/// The backend with the dot product instructions of ARMv8.2.
pub(crate) type NeonDot = Neon<Sdot>;

/// Sums by `sdot`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sdot;

impl Dot for Sdot {
    const NAME: &'static str = "neon-dot";
    const LAYOUT: Layout = Layout::Signed;

    fn is_supported() -> bool {
        super::has!("neon" "dotprod")
    }

    #[inline]
    #[target_feature(enable = "neon,dotprod")]
    unsafe fn enter<R>(f: impl FnOnce() -> R) -> R {
        f()
    }

    #[inline(always)]
    unsafe fn interleave(taps: [*const u8; 4]) -> [int8x16_t; 4] {
        // SAFETY: the CPU has NEON; each of the four taps is readable for 16 bytes.
        unsafe { interleave_bytes(taps) }
    }

    #[inline(always)]
    unsafe fn dot(acc: int32x4_t, lhs: int8x16_t, rhs: int8x16_t) -> int32x4_t {
        // SAFETY: the CPU has the dot product instructions.
        unsafe { sdot(acc, lhs, rhs) }
    }
}

impl DotRow for Sdot {
    /// 20 sums, four registers of weights and five of activations.
    const ROWS: [usize; 4] = [5, 2, 0, 0];

    #[inline(always)]
    unsafe fn lhs(group: *const u8) -> int8x16_t {
        // SAFETY: the CPU has NEON; `group` is readable for its four bytes.
        unsafe { vreinterpretq_s8_s32(vld1q_dup_s32(group.cast())) }
    }

    /// Four steps at a time, with one load of each row's activations, of which the instruction takes a quarter.
    #[inline(always)]
    unsafe fn steps<const MR: usize, const NR: usize>(
        acc: &mut [[[int32x4_t; 4]; NR]; MR],
        rows: [*const u8; MR],
        mut rhs: *const i8,
        slab_bytes: usize,
        count: usize,
    ) {
        const { assert!(Self::LAYOUT.group_bytes() == 4 && Self::LAYOUT.step_bytes() == 64) };
        // SAFETY: the CPU has the dot product instructions; the rows are readable for `count` groups of four bytes, of
        // which a block is four, and each of the `NR` slabs for `count` steps of 64 bytes.
        unsafe {
            for block in 0..count / 4 {
                let mut lhs = [vdupq_n_s8(0); MR];
                for i in 0..MR {
                    lhs[i] = vld1q_s8(rows[i].add(16 * block).cast());
                }
                quarter::<0, MR, NR>(acc, &lhs, rhs, slab_bytes);
                quarter::<1, MR, NR>(acc, &lhs, rhs.add(64), slab_bytes);
                quarter::<2, MR, NR>(acc, &lhs, rhs.add(128), slab_bytes);
                quarter::<3, MR, NR>(acc, &lhs, rhs.add(192), slab_bytes);
                rhs = rhs.add(256);
            }
            for step in count / 4 * 4..count {
                tile::step::<NeonDot, MR, NR>(acc, &rows, 4 * step, rhs, slab_bytes);
                rhs = rhs.add(64);
            }
        }
    }
}

/// Adds the products of group `LANE` of four.
///
/// # Safety
///
/// The CPU has the dot product instructions; each of the `NR` slabs, `slab_bytes` apart from `rhs` on, is readable for
/// a step of 64 bytes.
#[inline(always)]
unsafe fn quarter<const LANE: i32, const MR: usize, const NR: usize>(
    acc: &mut [[[int32x4_t; 4]; NR]; MR],
    lhs: &[int8x16_t; MR],
    rhs: *const i8,
    slab_bytes: usize,
) {
    // SAFETY: the CPU has the dot product instructions; each of the `NR` slabs is readable for a step of 64 bytes.
    unsafe {
        for j in 0..NR {
            for part in 0..4 {
                let rhs = vld1q_s8(rhs.add(j * slab_bytes + 16 * part));
                for i in 0..MR {
                    acc[i][j][part] = sdot_lane::<LANE>(acc[i][j][part], rhs, lhs[i]);
                }
            }
        }
    }
}

/// `acc[i] += sum_p a[4 i + p] * b[4 i + p]`. The intrinsic is not stable.
///
/// # Safety
///
/// The CPU has the dot product instructions.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn sdot(mut acc: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: one instruction, that this function's target feature has; it reads and writes the registers that are
    // named.
    unsafe {
        asm!(
            "sdot {acc:v}.4s, {a:v}.16b, {b:v}.16b",
            acc = inout(vreg) acc, a = in(vreg) a, b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    acc
}

/// `acc[i] += sum_p a[4 i + p] * b[4 LANE + p]`.
///
/// # Safety
///
/// The CPU has the dot product instructions.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn sdot_lane<const LANE: i32>(mut acc: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: one instruction, that this function's target feature has; it reads and writes the registers that are
    // named.
    unsafe {
        asm!(
            "sdot {acc:v}.4s, {a:v}.16b, {b:v}.4b[{lane}]",
            acc = inout(vreg) acc, a = in(vreg) a, b = in(vreg) b, lane = const LANE,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    acc
}
