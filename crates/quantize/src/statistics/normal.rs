//! The moments of normal variables that are clamped.

use core::f64::consts::{PI, SQRT_2};

use fourfold_math::{erf, exp};

/// The mean and the variance of a variable.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Moments {
    pub(crate) mean: f64,
    pub(crate) variance: f64,
}

impl Moments {
    /// The moments of `min(max(x, low), high)` for a normal `x` with these moments.
    ///
    /// ```text
    /// E[y]   = low * P(a) + high * (1 - P(b)) + mean * D + deviation * (p(a) - p(b))
    /// E[y^2] = low^2 * P(a) + high^2 * (1 - P(b)) + (mean^2 + variance) * D
    ///        + deviation * ((mean + low) * p(a) - (mean + high) * p(b))
    /// ```
    ///
    /// with `a = (low - mean) / deviation`, `b = (high - mean) / deviation`, the standard normal density `p` and its
    /// integral `P`, and `D = P(b) - P(a)`. Density and integral are those of `fourfold-math`, in `f32`, the same on
    /// every CPU.
    pub(crate) fn clamped(self, (low, high): (f32, f32)) -> Self {
        let (low, high) = (f64::from(low), f64::from(high));
        let Self { mean, variance } = self;
        let deviation = variance.sqrt();
        if deviation == 0.0 || !deviation.is_finite() {
            return Self { mean: mean.max(low).min(high), variance: 0.0 };
        }
        let (below, at_low) = integral_and_density((low - mean) / deviation);
        let (below_high, at_high) = integral_and_density((high - mean) / deviation);
        let (above, inside) = (1.0 - below_high, below_high - below);
        // An infinite bound is reached with probability 0 and has density 0.
        let low = if low.is_finite() { low } else { 0.0 };
        let high = if high.is_finite() { high } else { 0.0 };
        let of_y = low * below + high * above + mean * inside + deviation * (at_low - at_high);
        let of_squares = low * low * below
            + high * high * above
            + (mean * mean + variance) * inside
            + deviation * ((mean + low) * at_low - (mean + high) * at_high);
        Self { mean: of_y, variance: (of_squares - of_y * of_y).max(0.0) }
    }
}

/// The integral up to `x` of the standard normal density, and the density.
#[expect(clippy::cast_possible_truncation, reason = "the functions with defined bits are those of f32")]
fn integral_and_density(x: f64) -> (f64, f64) {
    let integral = f64::midpoint(1.0, f64::from(erf((x / SQRT_2) as f32)));
    (integral, f64::from(exp((-0.5 * x * x) as f32)) / (2.0 * PI).sqrt())
}

#[cfg(test)]
mod tests {
    use super::Moments;

    /// Moments by the midpoint rule, of 200 000 strips over 10 deviations to each side.
    fn by_sums(of_x: Moments, (low, high): (f64, f64)) -> Moments {
        let (strips, deviation) = (200_000, of_x.variance.sqrt());
        let sum = (0..strips).fold([0.0; 3], |[weights, first, second], strip| {
            let z = (f64::from(strip) + 0.5) / f64::from(strips) * 20.0 - 10.0;
            let (weight, y) = ((-0.5 * z * z).exp(), (of_x.mean + deviation * z).max(low).min(high));
            [weights + weight, first + weight * y, second + weight * y * y]
        });
        let mean = sum[1] / sum[0];
        Moments { mean, variance: sum[2] / sum[0] - mean * mean }
    }

    #[test]
    fn clamped_moments_are_the_integrals() {
        let (infinite, finite) = ((0.0, f32::INFINITY), (0.0, 6.0));
        for bounds in [infinite, finite, (-1.0, 1.0), (f32::NEG_INFINITY, 0.5), (f32::NEG_INFINITY, f32::INFINITY)] {
            for mean in [-4.0, -1.0, 0.0, 0.3, 2.0, 8.0] {
                for deviation in [0.1, 1.0, 5.0] {
                    let of_x = Moments { mean, variance: deviation * deviation };
                    let expected = by_sums(of_x, (f64::from(bounds.0), f64::from(bounds.1)));
                    let actual = of_x.clamped(bounds);
                    let scale = mean.abs() + deviation;
                    assert!((actual.mean - expected.mean).abs() <= 1e-6 * scale, "{of_x:?} {bounds:?}: {actual:?}");
                    let error = (actual.variance - expected.variance).abs();
                    assert!(error <= 1e-5 * scale * scale, "{of_x:?} {bounds:?}: {actual:?}, {expected:?}");
                }
            }
        }
    }

    #[test]
    fn a_variable_without_deviation_is_a_number() {
        let clamped = Moments { mean: 7.0, variance: 0.0 }.clamped((0.0, 6.0));
        assert_eq!(clamped, Moments { mean: 6.0, variance: 0.0 });
    }
}
