//! Vectors of 16 in four 128-bit registers: what every backend with NEON shares.

use core::arch::aarch64::*;
use core::fmt::Debug;
use core::marker::PhantomData;

use super::super::isa::{Broadcast, Isa};
use super::super::layout::Layout;
use super::quarter::{greater, less, zero_if_nan};

/// What a backend adds to NEON, without which [`Dot::is_supported`] is false.
pub(crate) trait Dot: Copy + Debug + 'static {
    const NAME: &'static str;
    const LAYOUT: Layout;

    /// Whether the CPU has NEON and what is added to it: "the instruction set" below.
    fn is_supported() -> bool;

    /// As [`Isa::enter`].
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set.
    unsafe fn enter<R>(f: impl FnOnce() -> R) -> R;

    /// As [`Isa::interleave`].
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set; each of the four taps is readable for 16 bytes.
    unsafe fn interleave(taps: [*const u8; 4]) -> [int8x16_t; 4];

    /// As [`Isa::dot_lanes`], for a quarter of the lanes.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set.
    unsafe fn dot(acc: int32x4_t, lhs: int8x16_t, rhs: int8x16_t) -> int32x4_t;
}

/// What a backend adds whose products have one group of activations for all columns.
pub(crate) trait DotRow: Dot {
    const ROWS: [usize; 4];

    /// As [`Broadcast::lhs`].
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set; `group` is readable for its four bytes.
    unsafe fn lhs(group: *const u8) -> int8x16_t;

    /// As [`Broadcast::steps`].
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set; every row is readable for `count` groups, and each of the `NR` slabs,
    /// `slab_bytes` apart from `rhs` on, for `count` steps.
    unsafe fn steps<const MR: usize, const NR: usize>(
        acc: &mut [[[int32x4_t; 4]; NR]; MR],
        rows: [*const u8; MR],
        rhs: *const i8,
        slab_bytes: usize,
        count: usize,
    );
}

/// A backend with 128-bit registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Neon<D>(PhantomData<D>);

/// Applies an instruction to every quarter.
macro_rules! quarters {
    ($f:ident($x:expr)) => {
        [$f($x[0]), $f($x[1]), $f($x[2]), $f($x[3])]
    };
    ($f:ident($x:expr, $y:expr)) => {
        [$f($x[0], $y[0]), $f($x[1], $y[1]), $f($x[2], $y[2]), $f($x[3], $y[3])]
    };
}

impl<D: Dot> Isa for Neon<D> {
    const NAME: &'static str = D::NAME;
    const LAYOUT: Layout = D::LAYOUT;
    /// 24 registers of sums, four of a slab and a few elements of rows.
    const FLOAT_ROWS: [usize; 4] = [6, 2, 0, 1];
    const BY_FOURS: bool = true;

    type I32 = [int32x4_t; 4];
    type F32 = [float32x4_t; 4];
    type Rows = [uint8x16_t; 4];
    type Rhs = [int8x16_t; 4];

    fn is_supported() -> bool {
        D::is_supported()
    }

    #[inline(always)]
    unsafe fn enter<R>(f: impl FnOnce() -> R) -> R {
        // SAFETY: the CPU has the instruction set of `D`.
        unsafe { D::enter(f) }
    }

    #[inline(always)]
    unsafe fn rhs(step: *const i8) -> [int8x16_t; 4] {
        const { assert!(D::LAYOUT.depthwise().step_bytes() == 64) };
        // SAFETY: the CPU has NEON; `step` is readable for 64 bytes.
        unsafe { [vld1q_s8(step), vld1q_s8(step.add(16)), vld1q_s8(step.add(32)), vld1q_s8(step.add(48))] }
    }

    #[inline(always)]
    unsafe fn interleave(taps: [*const u8; 4]) -> [int8x16_t; 4] {
        const { assert!(D::LAYOUT.depthwise().depth() == 4 && D::LAYOUT.lhs_bytes() == 1) };
        // SAFETY: the CPU has the instruction set of `D`; each of the four taps is readable for 16 bytes.
        unsafe { D::interleave(taps) }
    }

    #[inline(always)]
    unsafe fn dot_lanes(acc: [int32x4_t; 4], lhs: [int8x16_t; 4], rhs: [int8x16_t; 4]) -> [int32x4_t; 4] {
        // SAFETY: the CPU has the instruction set of `D`.
        unsafe {
            [
                D::dot(acc[0], lhs[0], rhs[0]),
                D::dot(acc[1], lhs[1], rhs[1]),
                D::dot(acc[2], lhs[2], rhs[2]),
                D::dot(acc[3], lhs[3], rhs[3]),
            ]
        }
    }

    #[inline(always)]
    unsafe fn splat_i32(x: i32) -> [int32x4_t; 4] {
        // SAFETY: the CPU has NEON.
        unsafe { [vdupq_n_s32(x); 4] }
    }

    #[inline(always)]
    unsafe fn load_i32(p: *const i32) -> [int32x4_t; 4] {
        // SAFETY: the CPU has NEON, and `p` is readable for 16 lanes.
        unsafe { [vld1q_s32(p), vld1q_s32(p.add(4)), vld1q_s32(p.add(8)), vld1q_s32(p.add(12))] }
    }

    #[inline(always)]
    unsafe fn store_i32(p: *mut i32, x: [int32x4_t; 4]) {
        // SAFETY: the CPU has NEON, and `p` is writable for 16 lanes.
        unsafe {
            for (quarter, x) in x.into_iter().enumerate() {
                vst1q_s32(p.add(4 * quarter), x);
            }
        }
    }

    #[inline(always)]
    unsafe fn add_i32(a: [int32x4_t; 4], b: [int32x4_t; 4]) -> [int32x4_t; 4] {
        // SAFETY: the CPU has NEON.
        unsafe { quarters!(vaddq_s32(a, b)) }
    }

    #[inline(always)]
    unsafe fn mul_i32(a: [int32x4_t; 4], b: [int32x4_t; 4]) -> [int32x4_t; 4] {
        // SAFETY: the CPU has NEON.
        unsafe { quarters!(vmulq_s32(a, b)) }
    }

    #[inline(always)]
    unsafe fn load_u8(p: *const u8) -> [int32x4_t; 4] {
        // SAFETY: the CPU has NEON, and `p` is readable for 16 lanes.
        unsafe {
            let bytes = vld1q_u8(p);
            let (low, high) = (vmovl_u8(vget_low_u8(bytes)), vmovl_high_u8(bytes));
            let words = [
                vmovl_u16(vget_low_u16(low)),
                vmovl_high_u16(low),
                vmovl_u16(vget_low_u16(high)),
                vmovl_high_u16(high),
            ];
            quarters!(vreinterpretq_s32_u32(words))
        }
    }

    #[inline(always)]
    unsafe fn load_i8(p: *const i8) -> [int32x4_t; 4] {
        // SAFETY: the CPU has NEON, and `p` is readable for 16 lanes.
        unsafe {
            let bytes = vld1q_s8(p);
            let (low, high) = (vmovl_s8(vget_low_s8(bytes)), vmovl_high_s8(bytes));
            [vmovl_s16(vget_low_s16(low)), vmovl_high_s16(low), vmovl_s16(vget_low_s16(high)), vmovl_high_s16(high)]
        }
    }

    #[inline(always)]
    unsafe fn store_bytes(p: *mut u8, x: [int32x4_t; 4]) {
        // SAFETY: the CPU has NEON, and `p` is writable for 16 lanes.
        unsafe {
            let words = quarters!(vreinterpretq_u16_s32(x));
            let (low, high) = (vuzp1q_u16(words[0], words[1]), vuzp1q_u16(words[2], words[3]));
            vst1q_u8(p, vuzp1q_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high)));
        }
    }

    #[inline(always)]
    unsafe fn splat_f32(x: f32) -> [float32x4_t; 4] {
        // SAFETY: the CPU has NEON.
        unsafe { [vdupq_n_f32(x); 4] }
    }

    #[inline(always)]
    unsafe fn load_f32(p: *const f32) -> [float32x4_t; 4] {
        // SAFETY: the CPU has NEON, and `p` is readable for 16 lanes.
        unsafe { [vld1q_f32(p), vld1q_f32(p.add(4)), vld1q_f32(p.add(8)), vld1q_f32(p.add(12))] }
    }

    #[inline(always)]
    unsafe fn store_f32(p: *mut f32, x: [float32x4_t; 4]) {
        // SAFETY: the CPU has NEON, and `p` is writable for 16 lanes.
        unsafe {
            for (quarter, x) in x.into_iter().enumerate() {
                vst1q_f32(p.add(4 * quarter), x);
            }
        }
    }

    #[inline(always)]
    unsafe fn add_f32(a: [float32x4_t; 4], b: [float32x4_t; 4]) -> [float32x4_t; 4] {
        // SAFETY: the CPU has NEON.
        unsafe { quarters!(vaddq_f32(a, b)) }
    }

    #[inline(always)]
    unsafe fn mul_f32(a: [float32x4_t; 4], b: [float32x4_t; 4]) -> [float32x4_t; 4] {
        // SAFETY: the CPU has NEON.
        unsafe { quarters!(vmulq_f32(a, b)) }
    }

    #[inline(always)]
    unsafe fn fma_f32(a: [float32x4_t; 4], b: [float32x4_t; 4], c: [float32x4_t; 4]) -> [float32x4_t; 4] {
        // SAFETY: the CPU has NEON.
        unsafe {
            [
                vfmaq_f32(c[0], a[0], b[0]),
                vfmaq_f32(c[1], a[1], b[1]),
                vfmaq_f32(c[2], a[2], b[2]),
                vfmaq_f32(c[3], a[3], b[3]),
            ]
        }
    }

    #[inline(always)]
    unsafe fn div_f32(a: [float32x4_t; 4], b: [float32x4_t; 4]) -> [float32x4_t; 4] {
        // SAFETY: the CPU has NEON.
        unsafe { quarters!(vdivq_f32(a, b)) }
    }

    #[inline(always)]
    unsafe fn max_f32(a: [float32x4_t; 4], b: [float32x4_t; 4]) -> [float32x4_t; 4] {
        // SAFETY: the CPU has NEON.
        unsafe {
            // `fmax` makes NaN of NaN, `fmaxnm` the other operand whichever it is.
            quarters!(greater(a, b))
        }
    }

    #[inline(always)]
    unsafe fn min_f32(a: [float32x4_t; 4], b: [float32x4_t; 4]) -> [float32x4_t; 4] {
        // SAFETY: the CPU has NEON.
        unsafe { quarters!(less(a, b)) }
    }

    #[inline(always)]
    unsafe fn nan_to_zero(x: [float32x4_t; 4]) -> [float32x4_t; 4] {
        // SAFETY: the CPU has NEON.
        unsafe { quarters!(zero_if_nan(x)) }
    }

    #[inline(always)]
    unsafe fn to_f32(x: [int32x4_t; 4]) -> [float32x4_t; 4] {
        // SAFETY: the CPU has NEON.
        unsafe { quarters!(vcvtq_f32_s32(x)) }
    }

    #[inline(always)]
    unsafe fn round(x: [float32x4_t; 4]) -> [int32x4_t; 4] {
        // SAFETY: the CPU has NEON.
        unsafe { quarters!(vcvtnq_s32_f32(x)) }
    }

    /// `fmaxnm` takes the other operand if one is NaN.
    #[inline(always)]
    unsafe fn round_or_low(x: [float32x4_t; 4]) -> [int32x4_t; 4] {
        // SAFETY: the CPU has NEON.
        unsafe {
            let low = [vdupq_n_f32(-4_194_304.0); 4];
            let x = quarters!(vmaxnmq_f32(x, low));
            quarters!(vcvtnq_s32_f32(x))
        }
    }

    #[inline(always)]
    unsafe fn splat_u8(x: u8) -> [uint8x16_t; 4] {
        // SAFETY: the CPU has NEON.
        unsafe { [vdupq_n_u8(x); 4] }
    }

    #[inline(always)]
    unsafe fn max_u8(a: [uint8x16_t; 4], b: [uint8x16_t; 4]) -> [uint8x16_t; 4] {
        // SAFETY: the CPU has NEON.
        unsafe { quarters!(vmaxq_u8(a, b)) }
    }

    #[inline(always)]
    unsafe fn xor_u8(a: [uint8x16_t; 4], b: [uint8x16_t; 4]) -> [uint8x16_t; 4] {
        // SAFETY: the CPU has NEON.
        unsafe { quarters!(veorq_u8(a, b)) }
    }

    #[inline(always)]
    unsafe fn narrow(rows: [[int32x4_t; 4]; 4], offset: i16) -> [uint8x16_t; 4] {
        // SAFETY: the CPU has NEON.
        unsafe {
            let offset = vdupq_n_s16(offset);
            rows.map(
                #[inline(always)]
                |row| {
                    let low = vqaddq_s16(vqmovn_high_s32(vqmovn_s32(row[0]), row[1]), offset);
                    let high = vqaddq_s16(vqmovn_high_s32(vqmovn_s32(row[2]), row[3]), offset);
                    vqmovun_high_s16(vqmovun_s16(low), high)
                },
            )
        }
    }

    #[inline(always)]
    unsafe fn store_rows(out: *mut u8, row_stride: usize, rows: [uint8x16_t; 4]) {
        // SAFETY: the CPU has NEON, and 16 bytes are writable at each of the four rows, `row_stride` apart.
        unsafe {
            for (i, row) in rows.into_iter().enumerate() {
                vst1q_u8(out.add(i * row_stride), row);
            }
        }
    }
}

impl<D: DotRow> Broadcast for Neon<D> {
    const ROWS: [usize; 4] = D::ROWS;

    type Lhs = int8x16_t;

    #[inline(always)]
    unsafe fn lhs(group: *const u8) -> int8x16_t {
        const { assert!(D::LAYOUT.group_bytes() == 4) };
        // SAFETY: the CPU has the instruction set of `D`; `group` is readable for its four bytes.
        unsafe { D::lhs(group) }
    }

    #[inline(always)]
    unsafe fn dot(acc: [int32x4_t; 4], lhs: int8x16_t, rhs: [int8x16_t; 4]) -> [int32x4_t; 4] {
        // SAFETY: the CPU has the instruction set of `D`.
        unsafe { Self::dot_lanes(acc, [lhs; 4], rhs) }
    }

    #[inline(always)]
    unsafe fn steps<const MR: usize, const NR: usize>(
        acc: &mut [[Self::I32; NR]; MR],
        rows: [*const u8; MR],
        rhs: *const i8,
        slab_bytes: usize,
        count: usize,
    ) {
        // SAFETY: the CPU has the instruction set of `D`; the rows are readable for `count` groups each, and each of
        // the `NR` slabs for as many steps.
        unsafe {
            D::steps(acc, rows, rhs, slab_bytes, count);
        }
    }
}
