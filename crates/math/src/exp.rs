//! The exponential function, and its parts for the functions that are made of it.

use crate::float::{LN_2_HIGH, LN_2_LOW, at_least, at_most, known, polynomial, power_of_two};

/// `1.5 * 2^23`: added to a number below `2^22`, it rounds it to an integer, ties to even, which its low bits then
/// hold.
const ROUND: f32 = 12_582_912.0;

/// `(e^r - 1 - r) / r^2` for `|r| <= ln 2 / 2`, relative error of `e^r` below `2^-28`.
const EXP: [f32; 5] = [0.499_999_94, 0.166_665_21, 4.166_829e-2, 8.368_704e-3, 1.381_893_9e-3];

/// `e^x = 2^n (1 + t)`.
#[derive(Clone, Copy)]
pub(crate) struct Parts {
    /// The power of two.
    pub(crate) n: i32,
    /// Between `-0.3` and `0.42`.
    pub(crate) t: f32,
}

/// The parts of `e^(a + b)` for `|a + b| < 256` and `b` small beside `a`, or -0, which is the neutral element.
///
/// ```text
/// n = round_half_even((a + b) / ln 2)     r = (a + b) - n ln 2     t = r + r^2 p(r)
/// ```
#[inline(always)]
pub(crate) fn parts(a: f32, b: f32) -> Parts {
    let shifted = (a + b) * core::f32::consts::LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let n = shifted.to_bits().wrapping_sub(ROUND.to_bits()).cast_signed();
    // The first difference is exact.
    let r = (a - whole * LN_2_HIGH) + (b - whole * LN_2_LOW);
    Parts { n, t: r + (r * r) * polynomial(r, EXP) }
}

/// `x * 2^n` for `-252 <= n <= 254`, rounded once where the result is subnormal.
#[inline(always)]
pub(crate) fn scale(x: f32, n: i32) -> f32 {
    let half = n >> 1;
    x * power_of_two(half) * power_of_two(n.wrapping_sub(half))
}

/// `e^x`.
///
/// ```text
/// e^x = 2^n (1 + r + r^2 p(r))     n = round_half_even(x / ln 2)     r = x - n ln 2
/// ```
///
/// Infinite above 88.722_83, subnormal below -87.336_54, 0 below -103.972_08, 1 at both zeros.
#[must_use]
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let Parts { n, t } = parts(at_most(at_least(x, -104.0), 89.0), -0.0);
    known(x, scale(1.0 + t, n))
}

/// `elu(x) = x` where `x` is positive, else `alpha (e^x - 1)` (ONNX and PyTorch `Elu`).
///
/// ```text
/// e^x - 1 = (2^n - 1) + 2^n t          with n and t as for exp, exact but for the last sum where n = 0
/// ```
///
/// -`alpha` below -16.982_105 and at -infinity, zeros as they are.
#[must_use]
#[inline(always)]
pub fn elu(x: f32, alpha: f32) -> f32 {
    let Parts { n, t } = parts(at_most(at_least(x, -40.0), 0.0), -0.0);
    let power = power_of_two(n);
    let y = if x >= 0.0 { x } else { alpha * ((power - 1.0) + power * t) };
    known(x + y, y)
}
