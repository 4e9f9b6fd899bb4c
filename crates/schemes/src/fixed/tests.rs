//! Fixed-point multipliers against their definition in wide integers and in `f64`.

use proptest::prelude::*;

use super::*;
use crate::QuantType;

const ROUNDINGS: [FixedRounding; 2] = [FixedRounding::Double, FixedRounding::Single];

#[test]
fn ties_are_broken_as_documented() {
    // 3 / 2 and -3 / 2: a multiplier of 2^30 is 1/2 at shift 0 and 1/4 at shift -1.
    let half = |rounding| FixedMultiplier::new(1 << 30, 0, rounding).expect("valid");
    let quarter = |rounding| FixedMultiplier::new(1 << 30, -1, rounding).expect("valid");
    assert_eq!([1, -1, 3, -3].map(|x| half(FixedRounding::Double).apply(x)), [1, 0, 2, -1]);
    assert_eq!([1, -1, 3, -3].map(|x| half(FixedRounding::Single).apply(x)), [1, 0, 2, -1]);
    // Rounded twice, 1/4 becomes 1/2 and then 1.
    assert_eq!([1, -1, 2, -2, -6].map(|x| quarter(FixedRounding::Double).apply(x)), [1, 0, 1, -1, -2]);
    assert_eq!([1, -1, 2, -2, -6].map(|x| quarter(FixedRounding::Single).apply(x)), [0, 0, 1, 0, -1]);
    assert_eq!([1, -1, 3, -3].map(|x| rounding_divide_by_pot(x, 1)), [1, -1, 2, -2]);
}

#[test]
fn what_does_not_fit_saturates() {
    for rounding in ROUNDINGS {
        let thousand = FixedMultiplier::from_f64(1000.0, rounding).expect("finite");
        assert_eq!([i32::MAX, i32::MIN, 3_000_000].map(|x| thousand.apply(x)), [i32::MAX, i32::MIN, i32::MAX]);
        // 2^21 * 1000 fits, but not 2^21 shifted to the left by 10.
        assert_eq!(thousand.apply(1 << 21), 2_097_152_000);
    }
    let huge = FixedMultiplier::from_f64(1e300, FixedRounding::Double).expect("finite");
    assert_eq!([0, 1, -1].map(|x| huge.apply(x)), [0, i32::MAX, i32::MIN]);
    let limit = FixedMultiplier::from_f64(1e300, FixedRounding::Single).expect("finite");
    assert_eq!([0, 1, -1, 2, -3].map(|x| limit.apply(x)), [0, 1 << 30, -(1 << 30) + 1, i32::MAX, i32::MIN]);
    assert_eq!(saturating_rounding_doubling_high_mul(i32::MIN, i32::MIN), i32::MAX);
    assert_eq!([31, 32, 33, u32::MAX].map(|exponent| rounding_divide_by_pot(i32::MIN, exponent)), [-1, -1, 0, 0]);
}

#[test]
fn what_is_no_multiplier_is_refused() {
    for value in [-1e-30, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let refused = FixedMultiplier::from_f64(value, FixedRounding::Double);
        assert!(matches!(refused, Err(Error::Multiplier { .. })), "{value}");
    }
    for (multiplier, shift) in [(-1, 0), (1, -32), (1, 31)] {
        let refused = FixedMultiplier::new(multiplier, shift, FixedRounding::Single);
        assert_eq!(refused, Err(Error::FixedMultiplier { multiplier, shift }));
    }
    for value in [0.0, -0.0, 1e-310, 2_f64.powi(-33)] {
        assert_eq!(FixedMultiplier::from_f64(value, FixedRounding::Single).map(FixedMultiplier::to_f64), Ok(0.0));
    }
}

#[test]
fn powers_of_two_are_exact() {
    let scale = |exponent| Scale::new(2_f32.powi(exponent)).expect("normal");
    for rounding in ROUNDINGS {
        let fixed = FixedMultiplier::from_scales(scale(-7), scale(-8), scale(-4), rounding).expect("scales");
        assert_eq!((fixed.multiplier(), fixed.shift(), fixed.to_f64()), (1 << 30, -10, 2_f64.powi(-11)));
        let range = QuantRange::full(QuantType::I8);
        assert_eq!([2048 * 5, -2048 * 5, 1 << 30].map(|acc| fixed.requantize(acc, -3, range)), [2, -8, 127]);
    }
}

proptest! {
    #[test]
    fn multipliers_are_the_nearest(value in 1e-9_f64..1e8, is_single: bool) {
        let fixed = FixedMultiplier::from_f64(value, ROUNDINGS[usize::from(is_single)]).expect("finite");
        prop_assert!(fixed.multiplier() >= 1 << 30);
        // Half a unit of a multiplier of at least 2^30.
        prop_assert!((fixed.to_f64() - value).abs() <= value * 2_f64.powi(-31));
        let again = FixedMultiplier::from_f64(fixed.to_f64(), fixed.rounding());
        prop_assert_eq!(again, Ok(fixed));
    }

    #[test]
    fn products_are_near_the_exact_ones(x: i32, multiplier in 0..=i32::MAX, shift in -31_i32..=30) {
        for rounding in ROUNDINGS {
            let fixed = FixedMultiplier::new(multiplier, shift, rounding).expect("valid");
            let value = f64::from(x) * fixed.to_f64();
            let nearest = value.clamp(f64::from(i32::MIN), f64::from(i32::MAX));
            // Half a unit for one rounding; two roundings add half a unit before the shift to the right. 2^-20 is for
            // f64.
            let bound = match rounding {
                FixedRounding::Single => 0.5,
                FixedRounding::Double => 0.5 + 0.5 * 2_f64.powi(shift.min(0)),
            };
            let error = (f64::from(fixed.apply(x)) - nearest).abs();
            prop_assert!(error <= bound + 2_f64.powi(-20), "{} is {} off {}", fixed.apply(x), error, value);
        }
    }

    #[test]
    fn wide_products_are_those_of_32_bits(x: i32, multiplier in 0..=i32::MAX, left in 0_u32..=30) {
        if let Ok(shifted) = i32::try_from(i64::from(x) << left) {
            let expected = saturating_rounding_doubling_high_mul(shifted, multiplier);
            prop_assert_eq!(high_mul(i128::from(x) << left, multiplier), expected);
        }
    }
}
