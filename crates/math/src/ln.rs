//! The natural logarithm.

use crate::float::{LN_2_HIGH, LN_2_LOW, polynomial};

/// The smallest significand after the power of two is taken off.
const SQRT_HALF: f32 = core::f32::consts::FRAC_1_SQRT_2;

/// `(2 atanh(s) / s - 2) / s^2` as a polynomial of `s^2`, relative error of the logarithm below `2^-30`.
const LN: [f32; 3] = [0.666_667_76, 0.399_775_53, 0.298_721_22];

/// `ln x`.
///
/// ```text
/// x = 2^k (1 + f)     s = f / (2 + f)     h = f^2 / 2     ln(1 + f) = 2 atanh(s) = f - (h - s (h + s^2 p(s^2)))
/// ```
///
/// -infinity at both zeros, NaN below them, infinite at infinity; subnormal numbers as all others.
#[must_use]
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    let tiny = x < f32::MIN_POSITIVE;
    let (normal, shift) = if tiny { (x * 33_554_432.0, 25.0) } else { (x, 0.0) };
    let k = normal.to_bits().wrapping_sub(SQRT_HALF.to_bits()).cast_signed() >> 23;
    let f = f32::from_bits(normal.to_bits().wrapping_sub((k << 23).cast_unsigned())) - 1.0;
    #[expect(clippy::cast_precision_loss, reason = "the exponent of a float")]
    let k = k as f32 - shift;
    let s = f / (2.0 + f);
    let (z, h) = (s * s, 0.5 * (f * f));
    let y = k * LN_2_HIGH + (f - (h - (s * (h + z * polynomial(z, LN)) + k * LN_2_LOW)));
    let y = if x == f32::INFINITY { x } else { y };
    let y = if x == 0.0 { f32::NEG_INFINITY } else { y };
    if x >= 0.0 { y } else { f32::NAN }
}
