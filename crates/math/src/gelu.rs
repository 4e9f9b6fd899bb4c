//! The Gaussian error linear unit, in both of its forms.

use crate::exp::{Parts, parts, scale};
use crate::float::{at_least, at_most, known, polynomial};
use crate::sigmoid::gate;

/// Both forms are -0 below it.
const MIN: f32 = -15.0;

/// Where one form ends and the other begins.
const SPLIT: f32 = 1.0;

/// `1 / sqrt(2 pi)`, but of 12 digits: its product with another such number is exact.
const SLOPE: f32 = 0.398_925_78;

/// `(1 / 2 - Phi(-y)) / y - SLOPE` as a polynomial of `y^2` up to [`SPLIT`], relative error of `Phi(-y)` below `2^-30`.
const NEAR: [f32; 6] =
    [1.649_639_5e-5, -6.649_031_5e-2, 9.973_082e-3, -1.185_791_2e-3, 1.129_565_3e-4, -7.463_806_5e-6];

/// Where the argument of [`FAR`] is 0.
const MIDDLE: f32 = 3.0;

/// What [`FAR`] is added to last, so that little is rounded before.
const LEVEL: f32 = 0.3125;

/// `y e^(y^2 / 2) Phi(-y) - LEVEL` as a polynomial of `(y - 3) / (y + 3)` from [`SPLIT`] to 15, relative error of
/// `Phi(-y)` below `2^-27`.
const FAR: [f32; 9] = [
    5.204_184_7e-2,
    0.109_875_865,
    -0.139_657_38,
    9.137_677_4e-2,
    -2.885_800_4e-2,
    -1.738_127_9e-3,
    3.964_368_3e-3,
    -3.972_116e-5,
    -5.439_142e-4,
];

/// `gelu(x) = x Phi(x)`, `Phi(x) = (1 + erf(x / sqrt(2))) / 2` (PyTorch and ONNX `Gelu`, `approximate = none`).
///
/// ```text
/// y = |x|     u = (y - 3) / (y + 3)
/// Phi(-y) = 1 / 2 - y (SLOPE + q(y^2))          if y < 1
/// y Phi(-y) = e^(-y^2 / 2) (LEVEL + p(u))          otherwise
/// gelu(x) = -y Phi(-y)          if x < 0
/// gelu(x) = x - y Phi(-y)          otherwise
/// ```
///
/// Products with much weight are taken in two parts, so the error is as small in the tail as elsewhere. -0 below
/// -14.356_068 and at -infinity, which is the limit.
#[must_use]
#[inline(always)]
pub fn gelu(x: f32) -> f32 {
    let y = at_most(x.abs(), -MIN);
    // 12 digits of y, whose square is exact.
    let upper = f32::from_bits(y.to_bits() & 0xffff_f000);
    let lower = y - upper;
    let near = y * ((0.5 - upper * SLOPE) - (lower * SLOPE + y * polynomial(y * y, NEAR)));
    let Parts { n, t } = parts(-0.5 * (upper * upper), -0.5 * (lower * (y + upper)));
    let p = polynomial((y - MIDDLE) / (y + MIDDLE), FAR);
    let far = scale(LEVEL + (p + (LEVEL + p) * t), n);
    let tail = if y < SPLIT { near } else { far };
    known(x, if x < 0.0 { -tail } else { x - tail })
}

/// `gelu_tanh(x) = x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2` (PyTorch and ONNX `Gelu`, `approximate = tanh`).
///
/// ```text
/// gelu_tanh(x) = x sigmoid(v)     v = 2 sqrt(2 / pi) (x + 0.044715 x^3)     in f64, then in two parts
/// ```
///
/// -0 below -10.770_867 and at -infinity, which is the limit.
#[must_use]
#[inline(always)]
pub fn gelu_tanh(x: f32) -> f32 {
    let bounded = at_least(x, MIN);
    let wide = f64::from(at_most(bounded, -MIN));
    let v = wide * (1.595_769_121_605_730_7 + 0.071_354_816_272_600_25 * (wide * wide));
    #[expect(clippy::cast_possible_truncation, reason = "two parts of one number")]
    let (a, b) = (v as f32, (v - f64::from(v as f32)) as f32);
    known(x, gate(bounded, a, b))
}
