//! From real numbers to codes.

use super::isa::Isa;

/// The bounds of a result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clamp {
    pub(crate) zero_point: i32,
    pub(crate) q_min: i32,
    pub(crate) q_max: i32,
}

/// What makes codes of real numbers: `clamp(round(real) + zero_point, q_min, q_max)`.
#[derive(Clone, Copy)]
pub(crate) struct Ends<I: Isa> {
    #[cfg_attr(
        not(target_arch = "x86_64"),
        expect(dead_code, reason = "for backends that pack codes with saturation")
    )]
    pub(super) clamp: Clamp,
    /// The bounds, less the zero point.
    pub(super) low: I::F32,
    pub(super) high: I::F32,
    pub(super) zero_point: I::I32,
}

impl<I: Isa> Ends<I> {
    /// The bounds in vectors.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set.
    #[inline(always)]
    #[expect(clippy::cast_precision_loss, reason = "8-bit codes")]
    pub(super) unsafe fn new(clamp: Clamp) -> Self {
        let Clamp { zero_point, q_min, q_max } = clamp;
        // SAFETY: the CPU has the instruction set.
        unsafe {
            Self {
                clamp,
                low: I::splat_f32((q_min - zero_point) as f32),
                high: I::splat_f32((q_max - zero_point) as f32),
                zero_point: I::splat_i32(zero_point),
            }
        }
    }

    /// The codes of 16 real numbers, NaN to `q_min`.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set.
    #[inline(always)]
    pub(super) unsafe fn codes(&self, real: I::F32) -> I::I32 {
        // SAFETY: the CPU has the instruction set.
        unsafe { I::add_i32(I::round(I::min_f32(I::max_f32(real, self.low), self.high)), self.zero_point) }
    }
}
