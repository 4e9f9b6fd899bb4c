//! From floats to 8-bit integers.

use super::isa::Isa;

/// The zero point of a result, and its smallest and largest value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clamp {
    pub(crate) zero_point: i32,
    pub(crate) q_min: i32,
    pub(crate) q_max: i32,
}

/// Quantizes floats that are divided by the scale already: `clamp(round(x) + zero_point, q_min, q_max)`. NaN becomes
/// `q_min`.
#[derive(Clone, Copy)]
pub(super) struct Quantizer<I: Isa> {
    clamp: Clamp,
    /// `q_min - zero_point`.
    low: I::F32,
    /// `q_max - zero_point`.
    high: I::F32,
    zero_point: I::I32,
}

impl<I: Isa> Quantizer<I> {
    /// The quantizer, its numbers in vectors.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set.
    #[inline(always)]
    #[expect(clippy::cast_precision_loss, reason = "differences of 8-bit integers")]
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

    /// Quantizes 16 floats. They are clamped before they are rounded, which is the same: the bounds are integers.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set.
    #[inline(always)]
    pub(super) unsafe fn quantize(&self, x: I::F32) -> I::I32 {
        // SAFETY: the CPU has the instruction set.
        unsafe { I::add_i32(I::round(I::min_f32(I::max_f32(x, self.low), self.high)), self.zero_point) }
    }

    /// Quantizes four rows of 16 floats and stores them, `row_stride` bytes apart.
    ///
    /// The results are those of [`Quantizer::quantize`] with fewer instructions: narrowing clamps all four rows from
    /// below at once.
    ///
    /// ```text
    /// q = max(saturate_u8(round(min(high, x)) + zero_point), q_min)                                     unsigned
    /// q = max(saturate_u8(round(min(high, x)) + zero_point + 128), q_min + 128) - 128                   signed
    /// ```
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set; 16 bytes are writable at `out + i * row_stride` for each of the four rows.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the sum of two 8-bit integers")]
    pub(super) unsafe fn store_rows(&self, out: *mut u8, row_stride: usize, rows: [I::F32; 4]) {
        // What is added and taken away again, which flips the sign bit.
        let flip = if self.clamp.q_min < 0 { 0x80_u8 } else { 0 };
        let q_min = self.clamp.q_min.to_le_bytes()[0] ^ flip;
        let offset = (self.clamp.zero_point + i32::from(flip)) as i16;
        // SAFETY: the CPU has the instruction set, and four rows of 16 bytes, `row_stride` apart, are writable.
        unsafe {
            let mut rounded = [self.zero_point; 4];
            for (rounded, x) in rounded.iter_mut().zip(rows) {
                // `high` first: if `x` is NaN, so is the minimum.
                *rounded = I::round_or_low(I::min_f32(self.high, x));
            }
            let bytes = I::max_u8(I::narrow(rounded, offset), I::splat_u8(q_min));
            I::store_rows(out, row_stride, I::xor_u8(bytes, I::splat_u8(flip)));
        }
    }
}
