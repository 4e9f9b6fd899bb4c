//! The exponential function with the same bits on every CPU.

/// `ln 2`, split so that `n * LN2_HIGH` is exact for `|n| <= 2^9`.
const LN2_HIGH: f32 = 0.693_359_4;
const LN2_LOW: f32 = -2.121_944_4e-4;

/// Coefficients of `(exp(r) - 1 - r) / r^2` on `[-ln 2 / 2, ln 2 / 2]`, highest power first (Cephes `expf`).
const COEFFICIENTS: [f32; 6] = [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];

/// `e^x` for `x <= 0`, within 2 ulp; 0 below -87.3, NaN for NaN.
///
/// ```text
/// n = round_half_even(x / ln 2)     r = x - n ln 2     e^x = 2^n (1 + r + r^2 p(r))
/// ```
///
/// Only additions and multiplications, each rounded by itself and never contracted.
pub(crate) fn exp_of_negative(x: f32) -> f32 {
    const LEAST: f32 = -87.336_54;
    if x < LEAST {
        return 0.0;
    }
    let n = (x * core::f32::consts::LOG2_E).round_ties_even();
    let r = (x - n * LN2_HIGH) - n * LN2_LOW;
    let p = COEFFICIENTS.iter().fold(0.0, |sum, coefficient| sum * r + coefficient);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "n lies in -126..=0")]
    let power = f32::from_bits(((n as i32 + 127) as u32) << 23);
    (1.0 + (r + r * r * p)) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_at_most_two_ulp() {
        for step in 0..=873_000_u32 {
            #[expect(clippy::cast_possible_truncation, reason = "the nearest f32 will do")]
            let x = -(f64::from(step) * 1e-4) as f32;
            let exact = f64::from(x).exp();
            let ulp = f64::from(f32::EPSILON) * exact;
            assert!((f64::from(exp_of_negative(x)) - exact).abs() <= 2.0 * ulp, "{x}");
        }
    }

    #[test]
    fn the_ends_are_exact() {
        assert_eq!(exp_of_negative(0.0), 1.0);
        assert_eq!(exp_of_negative(-0.0), 1.0);
        assert_eq!(exp_of_negative(-200.0), 0.0);
        assert_eq!(exp_of_negative(f32::NEG_INFINITY), 0.0);
        assert!(exp_of_negative(f32::NAN).is_nan());
    }
}
