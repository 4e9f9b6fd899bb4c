//! The functions in `f64`, and the distance from them in units in the last place.

use fourfold_math::Unary;

/// `f(x)` to about ten digits. Leading terms where they are enough, because most numbers are tiny or huge.
#[must_use]
pub(crate) fn exact(function: Unary, x: f32) -> f64 {
    let (tiny, huge) = (x.abs() < 1e-9, x.abs() > 250.0);
    let (x, above) = (f64::from(x), x > 0.0);
    match function {
        Unary::Exp if tiny => 1.0 + x,
        Unary::Exp if huge => {
            if above {
                f64::INFINITY
            } else {
                0.0
            }
        }
        Unary::Exp => x.exp(),
        Unary::Ln => x.ln(),
        Unary::Tanh if tiny => x,
        Unary::Tanh if huge => 1_f64.copysign(x),
        Unary::Tanh => x.tanh(),
        Unary::Erf if huge => 1_f64.copysign(x),
        Unary::Erf => erf(x),
        Unary::Sigmoid if tiny => 0.5 + 0.25 * x,
        Unary::Sigmoid if huge => {
            if above {
                1.0
            } else {
                0.0
            }
        }
        Unary::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Unary::Silu | Unary::Gelu | Unary::GeluTanh if huge => {
            if above {
                x
            } else {
                -0.0
            }
        }
        Unary::Silu | Unary::Gelu | Unary::GeluTanh if tiny => x * 0.5,
        Unary::Silu => x / (1.0 + (-x).exp()),
        Unary::Gelu => x * 0.5 * erfc(-x * core::f64::consts::FRAC_1_SQRT_2),
        Unary::GeluTanh => x / (1.0 + (-(8.0 / core::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)).exp()),
        Unary::Elu { .. } if tiny => x,
        Unary::Sqrt => x.sqrt(),
        Unary::Reciprocal => 1.0 / x,
        Unary::Neg => -x,
        Unary::Abs => x.abs(),
        Unary::LeakyRelu { slope } if x < 0.0 => f64::from(slope) * x,
        Unary::Elu { alpha } if x < 0.0 => f64::from(alpha) * x.exp_m1(),
        Unary::LeakyRelu { .. } | Unary::Elu { .. } => x,
        Unary::HardSigmoid { alpha, beta } => (f64::from(alpha) * x + f64::from(beta)).clamp(0.0, 1.0),
        _ if x < -3.0 => -0.0,
        _ => x * ((x + 3.0).clamp(0.0, 6.0) / 6.0),
    }
}

/// The distance from `actual` to `exact` in units in the last place of an `f32` near `exact`; 0 where both are the same
/// infinity or NaN.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "what a correctly rounded function would give")]
pub(crate) fn ulp(actual: f32, exact: f64) -> f64 {
    if actual.is_nan() || exact.is_nan() {
        return if actual.is_nan() && exact.is_nan() { 0.0 } else { f64::INFINITY };
    }
    if f64::from(actual) == exact || (actual.is_infinite() && exact as f32 == actual) {
        return 0.0;
    }
    let exponent = (exact.abs().to_bits() >> 52).cast_signed() - 1023;
    let last_place = 2_f64.powi(exponent.clamp(-126, 127) as i32 - 23);
    (f64::from(actual) - exact).abs() / last_place
}

/// By its power series up to 2, beyond as `1 - erfc(x)`.
fn erf(x: f64) -> f64 {
    let size = x.abs();
    if size > 2.0 {
        return (1.0 - fraction(size)).copysign(x);
    }
    if size < 1e-9 {
        return x * core::f64::consts::FRAC_2_SQRT_PI;
    }
    // sum of (-1)^n x^(2n+1) / (n! (2n+1)), the smallest terms first.
    let square = x * x;
    let terms = if size < 0.125 { 10 } else { 30 };
    let mut sum = 0.0;
    for n in (1..=terms).rev() {
        let n = f64::from(n);
        sum = -square / n * (1.0 / (2.0 * n + 1.0) + sum);
    }
    core::f64::consts::FRAC_2_SQRT_PI * (x + x * sum)
}

/// `1 - erf(x)` to about twelve digits.
fn erfc(x: f64) -> f64 {
    if x > 2.0 { fraction(x) } else { 1.0 - erf(x) }
}

/// `1 - erf(x)` for `x >= 2` by its continued fraction.
fn fraction(x: f64) -> f64 {
    if x > 27.0 {
        return 0.0;
    }
    let mut tail = x;
    let terms = if x > 4.0 { 25 } else { 70 };
    for n in (1..=terms).rev() {
        tail = x + f64::from(n) / 2.0 / tail;
    }
    (-x * x).exp() / (core::f64::consts::PI.sqrt() * tail)
}
