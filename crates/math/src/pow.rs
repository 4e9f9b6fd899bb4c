//! Powers, through `f64`.

use crate::float::known;

/// `pow(x, y) = x^y` (C, ONNX and PyTorch `Pow`), computed as `e^(y ln |x|)` in `f64` and rounded to `f32` once.
///
/// ```text
/// ln |x|   = e ln 2 + 2 (s + s^3 / 3 + ... + s^23 / 23)      x = 2^e m, m in [2/3, 4/3), s = (m - 1) / (m + 1)
/// e^t      = 2^n (1 + r + r^2 / 2! + ... + r^13 / 13!)       n = round(t / ln 2), r = t - n ln 2
/// ```
///
/// 1 for `y = 0` and for `x = 1`, whatever the other is; else NaN if an operand is, or for negative `x` and a `y` that
/// is no integer. An odd `y` keeps the sign of `x`. Both sums are cut off where a further term is below `2^-54`, so the
/// error is 0.51 units in the last place at most.
#[must_use]
pub fn pow(x: f32, y: f32) -> f32 {
    if y == 0.0 || x == 1.0 {
        return 1.0;
    }
    // From 2^24 on every number is even.
    let is_integer = y.abs() >= 16_777_216.0 || whole(y) == y;
    let is_odd = is_integer && y.abs() < 16_777_216.0 && whole(y / 2.0) != y / 2.0;
    if x.is_nan() || y.is_nan() || x < 0.0 && x.is_finite() && y.is_finite() && !is_integer {
        return f32::NAN;
    }
    let size = x.abs();
    let power = if size == 0.0 || size == f32::INFINITY {
        if (size == 0.0) == (y > 0.0) { 0.0 } else { f32::INFINITY }
    } else if size == 1.0 {
        1.0
    } else if y.is_infinite() {
        if (size < 1.0) == (y > 0.0) { 0.0 } else { f32::INFINITY }
    } else {
        exp(f64::from(y) * ln(size))
    };
    known(power, if is_odd && x.is_sign_negative() { -power } else { power })
}

/// The number without its fraction, of a number below `2^24`.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "below 2^24")]
fn whole(x: f32) -> f32 {
    (x as i32) as f32
}

const LN_2: f64 = core::f64::consts::LN_2;

/// The first 33 bits of ln 2, whose products with small integers are exact, and the rest.
const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// The natural logarithm of a positive, finite number.
fn ln(x: f32) -> f64 {
    // Exact: every f32, subnormal ones too, is a normal f64.
    let bits = f64::from(x).to_bits();
    let fraction = bits & ((1 << 52) - 1);
    let is_high = fraction > 0x5_5555_5555_5555;
    let biased = if is_high { 1022 } else { 1023_u64 };
    let m = f64::from_bits(fraction | biased << 52);
    let exponent = (bits >> 52) as i32 - 1023 + i32::from(is_high);
    let s = (m - 1.0) / (m + 1.0);
    let square = s * s;
    let mut series = 0.0;
    for odd in (1..12).rev() {
        series = series * square + 1.0 / f64::from(2 * odd + 1);
    }
    f64::from(exponent) * LN_2 + 2.0 * (s + s * (square * series))
}

/// `e^t`, rounded to `f32`.
#[expect(clippy::cast_possible_truncation, reason = "clamped, and rounded on purpose")]
fn exp(t: f64) -> f32 {
    let t = t.clamp(-200.0, 200.0);
    let n = (t / LN_2 + if t < 0.0 { -0.5 } else { 0.5 }) as i32;
    let r = t - f64::from(n) * LN_2_HIGH - f64::from(n) * LN_2_LOW;
    let mut series = 1.0;
    for k in (1..14).rev() {
        series = 1.0 + series * r / f64::from(k);
    }
    let scale = f64::from_bits(u64::from((n + 1023).cast_unsigned()) << 52);
    (series * scale) as f32
}

#[cfg(test)]
mod tests {
    use super::pow;

    /// The distance of two numbers in steps of `f32`.
    fn steps(a: f32, b: f32) -> i64 {
        let ordered = |x: f32| {
            let bits = i64::from(x.to_bits().cast_signed());
            if bits < 0 { i64::from(i32::MIN) - bits } else { bits }
        };
        (ordered(a) - ordered(b)).abs()
    }

    /// What the standard library computes in `f64`, rounded.
    #[expect(clippy::cast_possible_truncation, reason = "rounded on purpose")]
    fn expected(x: f32, y: f32) -> f32 {
        f64::from(x).powf(f64::from(y)) as f32
    }

    fn is_near(x: f32, y: f32) -> bool {
        let (found, expected) = (pow(x, y), expected(x, y));
        found.is_nan() && expected.is_nan() || steps(found, expected) <= 1
    }

    #[test]
    fn powers_are_those_of_f64_rounded() {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        for _ in 0..50_000 {
            // xorshift64
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let [low, high, ..] = state.to_le_bytes().map(f32::from);
            let x = f32::from_bits(u32::try_from(state >> 32).unwrap_or(0));
            let y = (low - 128.0) / 4.0 + high / 1024.0;
            assert!(is_near(x, y), "{x} {y}");
            assert!(is_near(low / 64.0 - 2.0, (high - 128.0).trunc()), "{low} {high}");
        }
    }

    #[test]
    fn special_operands() {
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        let operands =
            [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, inf, -inf, nan, f32::MAX, f32::MIN_POSITIVE, 1e-45];
        for x in operands {
            for y in operands {
                let (found, expected) = (pow(x, y), expected(x, y));
                let same = found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan();
                assert!(same || steps(found, expected) <= 1, "{x}^{y}: {found} {expected}");
            }
        }
    }
}
