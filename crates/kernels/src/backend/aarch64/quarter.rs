//! What NEON has no single instruction for.

use core::arch::aarch64::*;

/// `a > b ? a : b`.
///
/// # Safety
///
/// The CPU has NEON.
#[inline(always)]
pub(super) unsafe fn greater(a: float32x4_t, b: float32x4_t) -> float32x4_t {
    // SAFETY: the CPU has NEON.
    unsafe { vbslq_f32(vcgtq_f32(a, b), a, b) }
}

/// `a < b ? a : b`.
///
/// # Safety
///
/// The CPU has NEON.
#[inline(always)]
pub(super) unsafe fn less(a: float32x4_t, b: float32x4_t) -> float32x4_t {
    // SAFETY: the CPU has NEON.
    unsafe { vbslq_f32(vcltq_f32(a, b), a, b) }
}

/// `x`, or 0 where `x` is NaN.
///
/// # Safety
///
/// The CPU has NEON.
#[inline(always)]
pub(super) unsafe fn zero_if_nan(x: float32x4_t) -> float32x4_t {
    // SAFETY: the CPU has NEON.
    unsafe { vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(x), vceqq_f32(x, x))) }
}

/// Four bytes of every lane next to each other: `[a0 b0 c0 d0 a1 b1 c1 d1 ..]`.
///
/// # Safety
///
/// The CPU has NEON; each of the four taps is readable for 16 bytes.
#[inline(always)]
pub(super) unsafe fn interleave_bytes(taps: [*const u8; 4]) -> [int8x16_t; 4] {
    // SAFETY: the CPU has NEON; each of the four taps is readable for 16 bytes.
    unsafe {
        let [low, high] = pairs_of(taps);
        let words = |pair: [int8x16_t; 2]| [vreinterpretq_s16_s8(pair[0]), vreinterpretq_s16_s8(pair[1])];
        let (low, high) = (words(low), words(high));
        [
            vreinterpretq_s8_s16(vzip1q_s16(low[0], low[1])),
            vreinterpretq_s8_s16(vzip2q_s16(low[0], low[1])),
            vreinterpretq_s8_s16(vzip1q_s16(high[0], high[1])),
            vreinterpretq_s8_s16(vzip2q_s16(high[0], high[1])),
        ]
    }
}

/// The bytes of the first two taps in turn, and those of the last two: of lanes 0 to 7, and of lanes 8 to 15.
///
/// # Safety
///
/// The CPU has NEON; each of the four taps is readable for 16 bytes.
#[inline(always)]
pub(super) unsafe fn pairs_of(taps: [*const u8; 4]) -> [[int8x16_t; 2]; 2] {
    // SAFETY: the CPU has NEON; each of the four taps is readable for 16 bytes.
    unsafe {
        let [a, b, c, d] =
            [vld1q_s8(taps[0].cast()), vld1q_s8(taps[1].cast()), vld1q_s8(taps[2].cast()), vld1q_s8(taps[3].cast())];
        [[vzip1q_s8(a, b), vzip1q_s8(c, d)], [vzip2q_s8(a, b), vzip2q_s8(c, d)]]
    }
}
