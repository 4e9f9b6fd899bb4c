//! The square root.

use crate::float::known;

/// The square root, correctly rounded; NaN below 0, -0 at -0.
#[must_use]
#[inline(always)]
pub fn sqrt(x: f32) -> f32 {
    #[cfg(feature = "std")]
    let root = x.sqrt();
    #[cfg(not(feature = "std"))]
    let root = of_integers(x);
    known(root, root)
}

/// The square root of `x` without the CPU's instruction.
///
/// ```text
/// x = m 2^(2 e)     sqrt(x) = sqrt(m) 2^e          m so large that its root has more digits than an f32
/// ```
#[cfg(any(test, not(feature = "std")))]
#[expect(clippy::cast_precision_loss, reason = "the one rounding")]
fn of_integers(x: f32) -> f32 {
    if x.is_nan() || x < 0.0 {
        return f32::NAN;
    }
    if x == 0.0 || x == f32::INFINITY {
        return x;
    }
    let (digits, power) = (u64::from(x.to_bits() & 0x7f_ffff), (x.to_bits() >> 23).cast_signed());
    let (digits, power) = if power == 0 { (digits, -149) } else { (digits | 1 << 23, power - 150) };
    // An odd shift where the power is odd, to 55 binary digits or more.
    let shift = ((digits.leading_zeros().cast_signed() - 8) & !1) | (power & 1);
    let (m, e) = (digits << shift, (power - shift) / 2);
    let root = m.isqrt();
    // One more digit says that the true root lies above: it is never halfway between two numbers of 24 digits.
    let above = u64::from(root * root != m);
    (root << 1 | above) as f32 * crate::float::power_of_two(e - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_give_the_same_bits() {
        let special = [0.0, -0.0, 1e-45, 3e-45, f32::MIN_POSITIVE, 4.0, f32::MAX, f32::INFINITY];
        for x in (0..=f32::INFINITY.to_bits()).step_by(997).map(f32::from_bits).chain(special) {
            assert_eq!(of_integers(x).to_bits(), x.sqrt().to_bits(), "{x:e}");
        }
        assert!(of_integers(-1.0).is_nan() && of_integers(f32::NAN).is_nan());
    }
}
