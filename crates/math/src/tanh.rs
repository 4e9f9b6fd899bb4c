//! The hyperbolic tangent.

use crate::exp::{Parts, parts};
use crate::float::{at_most, known, polynomial, power_of_two};

/// Where one form ends and the other begins.
const SPLIT: f32 = 0.625;

/// `(tanh(x) / x - 1) / x^2` as a polynomial of `x^2` up to [`SPLIT`], relative error of `tanh` below `2^-27`.
const NEAR: [f32; 5] = [-0.333_332_78, 0.133_313_21, -5.372_913e-2, 2.060_324e-2, -5.663_622e-3];

/// `tanh(x)`.
///
/// ```text
/// |x| < 0.625:  x + x^3 p(x^2)          otherwise:  1 - 2 / (1 + e^(2 |x|)), with the sign of x
/// ```
///
/// 1 above 9.010_913 and at infinity, odd, -0 at -0.
#[must_use]
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let square = x * x;
    let near = x + x * (square * polynomial(square, NEAR));
    let Parts { n, t } = parts(at_most(2.0 * x.abs(), 40.0), -0.0);
    let power = power_of_two(n.wrapping_neg());
    // 1 + 2^-n is exact until its smaller part no longer matters.
    let far = 1.0 - 2.0 * power / ((1.0 + power) + t);
    known(x, if x.abs() < SPLIT { near } else { far }.copysign(x))
}
