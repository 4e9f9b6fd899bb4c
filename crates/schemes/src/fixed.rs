//! Requantization in integers, for targets without floating point.

use crate::{Error, QuantRange, Scale};

/// How a product in fixed point is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FixedRounding {
    /// Twice, to nearest: the upper half of the product with ties upward, then the shift to the right with ties away
    /// from zero. LiteRT as it is built by default, and gemmlowp.
    Double,
    /// Once, to nearest, ties upward. LiteRT with `TFLITE_SINGLE_ROUNDING`.
    Single,
}

/// A multiplier of at least 0 as an integer and a shift: `value = multiplier * 2^(shift - 31)`.
///
/// ```text
/// double:  high = saturating_rounding_doubling_high_mul(x * 2^max(shift, 0), multiplier)
///          y = rounding_divide_by_pot(high, max(-shift, 0))
/// single:  y = floor((x * multiplier + 2^(30 - shift)) / 2^(31 - shift))
/// ```
///
/// Source: `QuantizeMultiplier` in LiteRT's `quantization_util.cc` and `MultiplyByQuantizedMultiplier` in its
/// `common.cc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FixedMultiplier {
    multiplier: i32,
    shift: i32,
    rounding: FixedRounding,
}

impl FixedMultiplier {
    /// The multiplier of an integer and a shift.
    ///
    /// # Errors
    ///
    /// [`Error::FixedMultiplier`] if `multiplier` is negative or `shift` not from -31 to 30.
    pub const fn new(multiplier: i32, shift: i32, rounding: FixedRounding) -> Result<Self, Error> {
        if multiplier < 0 || shift < -31 || shift > 30 {
            return Err(Error::FixedMultiplier { multiplier, shift });
        }
        Ok(Self { multiplier, shift, rounding })
    }

    /// The multiplier nearest to `value`, of 31 bits: `2^30 <= multiplier`, or 0 if `value` is below `2^-32`.
    ///
    /// With single rounding, what is `2^30` or more becomes the largest multiplier there is, just below `2^30`. With
    /// double rounding it is kept, with a shift above 30.
    ///
    /// # Errors
    ///
    /// [`Error::Multiplier`] if `value` is negative, infinite or NaN.
    pub fn from_f64(value: f64, rounding: FixedRounding) -> Result<Self, Error> {
        const EXPONENT: u64 = 0x7ff << 52;
        const HALF: i32 = 1022;
        if !value.is_finite() || value < 0.0 {
            return Err(Error::Multiplier { value });
        }
        if !value.is_normal() {
            return Ok(Self { multiplier: 0, shift: 0, rounding });
        }
        // value = fraction * 2^shift, 0.5 <= fraction < 1.
        let mut shift = (value.to_bits() >> 52) as i32 - HALF;
        let fraction = f64::from_bits(value.to_bits() & !EXPONENT | (HALF as u64) << 52);
        #[expect(clippy::cast_possible_truncation, reason = "at most 2^31")]
        let mut multiplier = (fraction * f64::from(1_u32 << 31)).round() as i64;
        if multiplier == 1 << 31 {
            (multiplier, shift) = (multiplier / 2, shift + 1);
        }
        if shift < -31 {
            (multiplier, shift) = (0, 0);
        }
        if rounding == FixedRounding::Single && shift > 30 {
            (multiplier, shift) = (i64::from(i32::MAX), 30);
        }
        Ok(Self { multiplier: saturated(multiplier), shift, rounding })
    }

    /// The multiplier of a sum of products of quantized values: `value = s_a * s_w / s_y` in `f64`, in this order.
    ///
    /// # Errors
    ///
    /// None for scales, which are positive and normal: the quotient is below `2^383`.
    pub fn from_scales(s_a: Scale, s_w: Scale, s_y: Scale, rounding: FixedRounding) -> Result<Self, Error> {
        Self::from_f64(f64::from(s_a.get()) * f64::from(s_w.get()) / f64::from(s_y.get()), rounding)
    }

    /// The integer part.
    #[must_use]
    pub fn multiplier(self) -> i32 {
        self.multiplier
    }

    /// The shift: to the left if positive.
    #[must_use]
    pub fn shift(self) -> i32 {
        self.shift
    }

    /// How products are rounded.
    #[must_use]
    pub fn rounding(self) -> FixedRounding {
        self.rounding
    }

    /// The value of the multiplier, exact.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        f64::from(self.multiplier) * 2_f64.powi(self.shift - 31)
    }

    /// `x` times the multiplier, rounded.
    ///
    /// What does not fit `i32` saturates. LiteRT shifts to the left in 32 bits, and leaves undefined what does not fit
    /// then; here it is exact.
    #[must_use]
    pub fn apply(self, x: i32) -> i32 {
        match self.rounding {
            FixedRounding::Double => {
                let product = match self.shift {
                    ..=0 => saturating_rounding_doubling_high_mul(x, self.multiplier),
                    // Everything but 0 has saturated long before a shift of 64.
                    left => high_mul(i128::from(x) << left.min(64), self.multiplier),
                };
                rounding_divide_by_pot(product, (-self.shift).max(0).unsigned_abs())
            }
            FixedRounding::Single => {
                let shift = 31 - self.shift;
                saturated((i64::from(x) * i64::from(self.multiplier) + (1 << (shift - 1))) >> shift)
            }
        }
    }

    /// Requantizes a sum, equation (4) in integers: `clamp(apply(acc) + zero_point, quant_min, quant_max)`.
    #[must_use]
    pub fn requantize(self, acc: i32, zero_point: i32, range: QuantRange) -> i32 {
        range.clamp(self.apply(acc).saturating_add(zero_point))
    }
}

/// `a * b / 2^31` to nearest, ties upward; `i32::MIN * i32::MIN`, the one product that does not fit, saturates.
///
/// Source: `SaturatingRoundingDoublingHighMul` in gemmlowp's `fixedpoint.h`, `SQRDMULH` of Arm.
#[must_use]
pub fn saturating_rounding_doubling_high_mul(a: i32, b: i32) -> i32 {
    saturated((i64::from(a) * i64::from(b) + (1 << 30)) >> 31)
}

/// The same for a number of more bits, below `2^96`.
fn high_mul(a: i128, b: i32) -> i32 {
    let product = (a * i128::from(b) + (1 << 30)) >> 31;
    saturated(i64::try_from(product).unwrap_or(if a < 0 { i64::MIN } else { i64::MAX }))
}

/// `x / 2^exponent` to nearest, ties away from zero.
///
/// Source: `RoundingDivideByPOT` in gemmlowp's `fixedpoint.h`, which defines it for exponents up to 31.
#[must_use]
pub fn rounding_divide_by_pot(x: i32, exponent: u32) -> i32 {
    let (x, exponent) = (i64::from(x), exponent.min(62));
    let mask = (1_i64 << exponent) - 1;
    let threshold = (mask >> 1) + i64::from(x < 0);
    saturated((x >> exponent) + i64::from((x & mask) > threshold))
}

/// The `i32` nearest to `value`.
fn saturated(value: i64) -> i32 {
    i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX })
}

#[cfg(test)]
mod tests;
