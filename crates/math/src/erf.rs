//! The error function.

use crate::exp::{Parts, parts};
use crate::float::{at_most, known, polynomial, power_of_two};

/// Where one form ends and the other begins.
const SPLIT: f32 = 0.9;

/// `erf(x) / x - 1` as a polynomial of `x^2` up to [`SPLIT`], relative error of `erf` below `2^-30`.
const NEAR: [f32; 7] =
    [0.128_379_17, -0.376_126_3, 0.112_836_24, -2.685_556_2e-2, 5.191_765e-3, -8.039_978e-4, 7.944_478e-5];

/// `-ln(1 - erf(x))` from [`SPLIT`] to 4, relative error of `erf` below `2^-29`.
const FAR: [f32; 7] =
    [1.651_950_3e-4, 1.127_802_5, 0.636_967_1, 0.104_121_65, -2.231_910_3e-2, 3.066_477_4e-3, -1.983_213_2e-4];

/// `erf(x) = 2 / sqrt(pi) * integral of e^(-t^2) from 0 to x`.
///
/// ```text
/// |x| < 0.9:  x + x p(x^2)          otherwise:  1 - e^(-q(|x|)), with the sign of x
/// ```
///
/// 1 above 3.919_885 and at infinity, odd, -0 at -0.
#[must_use]
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    let near = x + x * polynomial(x * x, NEAR);
    let far = at_most(x.abs(), 4.0);
    let Parts { n, t } = parts(-polynomial(far, FAR), -0.0);
    let power = power_of_two(n);
    let far = (1.0 - (power + power * t)).copysign(x);
    known(x, if x.abs() < SPLIT { near } else { far })
}
