//! The logistic function, and what is multiplied by it.

use crate::exp::{Parts, parts, scale};
use crate::float::{at_least, at_most, known, power_of_two};

/// Beyond it `e^-v` is infinite beside any multiple of a number that is no smaller than it.
const MAX: f32 = 126.0;

/// `x / (1 + e^-v)` for `v = a + b`, `b` small beside `a` or 0.
///
/// ```text
/// e^-v = 2^n (1 + t)     w = 2^-|n|
/// n > 0:  2^-n x / (1 + (w + t))          otherwise:  x / ((1 + w) + w t)
/// ```
#[inline(always)]
pub(crate) fn gate(x: f32, a: f32, b: f32) -> f32 {
    let Parts { n, t } = parts(at_most(at_least(-a, -MAX), MAX), -b);
    let above = n.max(0);
    let power = power_of_two((n.wrapping_sub(above).wrapping_sub(above)).max(-126));
    // In this order the smaller of the two roundings is of no weight.
    let (first, rest) = if n > 0 { (power + t, 1.0) } else { (1.0 + power, power * t) };
    let divisor = first + rest;
    scale(x / divisor, above.wrapping_neg())
}

/// `sigmoid(x) = 1 / (1 + e^-x)`.
///
/// 1 above 16.288_958, subnormal below -87.336_54, 0 below -103.972_08; 0 and 1 at the infinities.
#[must_use]
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    known(x, gate(1.0, x, 0.0))
}

/// `silu(x) = x / (1 + e^-x)`, also called swish.
///
/// -0 below -108.660_3 and at -infinity, which is the limit.
#[must_use]
#[inline(always)]
pub fn silu(x: f32) -> f32 {
    let bounded = at_least(x, -MAX);
    known(x, gate(bounded, bounded, 0.0))
}
