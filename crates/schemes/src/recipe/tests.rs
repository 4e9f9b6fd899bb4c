//! Formulas at their edges; `tests/` compares them with their sources.

use proptest::prelude::*;

use super::*;
use crate::{QuantType, Scale};

const I8: QuantRange = QuantRange::full(QuantType::I8);
const U8: QuantRange = QuantRange::full(QuantType::U8);
const FORMULAS: [Formula; 3] =
    [Formula::Torch { eps: f32::EPSILON }, Formula::OnnxRuntime { min_real_range: None }, Formula::LiteRt];
const SYMMETRIES: [Symmetry; 2] = [Symmetry::Affine, Symmetry::Symmetric];

fn of(formula: Formula, min: f32, max: f32, quantized: QuantRange, symmetry: Symmetry) -> (f32, i32) {
    let found = formula.scale_and_zero_point(Range { min, max }, quantized, symmetry);
    found.map(|(scale, zero_point)| (scale.get(), zero_point)).expect("a finite range")
}

#[test]
fn ranges_of_zeros_have_parameters() {
    for (formula, affine, symmetric) in [
        (FORMULAS[0], (f32::EPSILON, -128), (f32::EPSILON, 0)),
        (FORMULAS[1], (1.0, 0), (1.0, 0)),
        (FORMULAS[2], (1.0, -128), (1.0, 0)),
    ] {
        for zero in [0.0, -0.0, 1e-45] {
            assert_eq!(of(formula, -0.0, zero, I8, Symmetry::Affine), affine, "{formula:?} {zero}");
            assert_eq!(of(formula, -0.0, zero, I8, Symmetry::Symmetric), symmetric, "{formula:?} {zero}");
        }
    }
    let widened = Formula::OnnxRuntime { min_real_range: Some(127.5) };
    assert_eq!(of(widened, 0.0, 0.0, U8, Symmetry::Affine), (0.5, 0));
    let ignored = Formula::OnnxRuntime { min_real_range: Some(f32::NAN) };
    assert_eq!(of(ignored, 0.0, 255.0, U8, Symmetry::Affine), (1.0, 0));
    // 0 may not lie in the range.
    let high = QuantRange::new(QuantType::U8, 16, 240).expect("a range");
    assert_eq!(of(FORMULAS[1], 0.0, 0.0, high, Symmetry::Affine), (1.0, 16));
}

#[test]
fn ranges_on_one_side_are_widened_to_0() {
    for formula in FORMULAS {
        assert_eq!(of(formula, 51.0, 51.0, U8, Symmetry::Affine), (0.2, 0), "{formula:?}");
        assert_eq!(of(formula, -51.0, -25.0, U8, Symmetry::Affine), (0.2, 255), "{formula:?}");
        let (scale, zero_point) = of(formula, -51.0, -25.0, QuantRange::narrow(QuantType::I16), Symmetry::Symmetric);
        assert_eq!((scale, zero_point), (51.0 / 32_767.0, 0), "{formula:?}");
    }
}

#[test]
fn ties_of_the_zero_point_are_those_of_the_source() {
    // -low / scale is 2.5 at scale 1: round(2.5), then minus 128; or round(-125.5), to even or away from zero.
    let zero_points = FORMULAS.map(|formula| of(formula, -2.5, 252.5, I8, Symmetry::Affine).1);
    assert_eq!(zero_points, [-126, -126, -126]);
    let zero_points = FORMULAS.map(|formula| of(formula, -2.5, 252.5, U8, Symmetry::Affine).1);
    assert_eq!(zero_points, [2, 2, 3]);
    let odd = QuantRange::narrow(QuantType::I8);
    let zero_points = FORMULAS.map(|formula| of(formula, -2.5, 251.5, odd, Symmetry::Affine).1);
    assert_eq!(zero_points, [-125, -124, -125]);
}

#[test]
fn symmetric_zero_points_are_those_of_the_source() {
    let half = QuantRange::reduced(QuantType::U8);
    let zero_points = FORMULAS.map(|formula| of(formula, -1.0, 1.0, half, Symmetry::Symmetric).1);
    assert_eq!(zero_points, [63, 64, 63]);
    let zero_points = FORMULAS.map(|formula| of(formula, -1.0, 1.0, U8, Symmetry::Symmetric).1);
    assert_eq!(zero_points, [128; 3]);
    // PyTorch spreads -absmax..absmax over the whole range, LiteRT over the shorter side twice.
    let scales = FORMULAS.map(|formula| of(formula, -1.0, 1.0, I8, Symmetry::Symmetric).0);
    assert_eq!(scales, [1.0 / 127.5, 1.0 / 127.5, 1.0 / 127.0]);
}

#[test]
fn ranges_that_are_none_are_refused() {
    for symmetry in SYMMETRIES {
        for formula in FORMULAS {
            let refused = |min, max| formula.scale_and_zero_point(Range { min, max }, U8, symmetry);
            for (min, max) in [(f32::NAN, 1.0), (0.0, f32::NAN), (0.0, f32::INFINITY), (f32::NEG_INFINITY, 0.0)] {
                assert!(matches!(refused(min, max), Err(Error::Range { .. })), "{formula:?} {min}..{max}");
            }
            assert_eq!(refused(1.0, -1.0), Err(Error::ReversedRange { min: 1.0, max: -1.0 }));
            // A width that is no f32: ONNX Runtime computes it in f64.
            let widest = refused(f32::MIN, f32::MAX);
            assert_eq!(widest.is_ok(), matches!(formula, Formula::OnnxRuntime { .. }), "{formula:?}");
        }
    }
    let no_eps = Formula::Torch { eps: 0.0 };
    assert_eq!(
        no_eps.scale_and_zero_point(Range { min: 0.0, max: 0.0 }, U8, Symmetry::Affine),
        Err(Error::Scale { value: 0.0 })
    );
    let positive = QuantRange::new(QuantType::I8, 0, 127).expect("a range");
    let one_sided = Formula::LiteRt.scale_and_zero_point(Range { min: -1.0, max: 1.0 }, positive, Symmetry::Symmetric);
    assert_eq!(one_sided, Err(Error::OneSided { range: positive }));
}

#[test]
fn float_zero_points_are_defined() {
    let of = |min, max| torch_float(min, max).map(|(scale, zero_point)| (scale.get(), zero_point));
    assert_eq!(of(-1.0, 254.0), Ok((1.0, 1.0)));
    assert_eq!(of(2.5, 2.5), Ok((1.0, -2.5)));
    assert_eq!(of(127.5, 255.0), Ok((0.5, -255.0)));
    assert!(matches!(of(f32::NAN, 0.0), Err(Error::Range { .. })));
    assert!(matches!(of(f32::MIN, f32::MAX), Err(Error::Range { .. })));
    assert!(matches!(of(1.0, 0.0), Err(Error::ReversedRange { .. })));
    assert!(matches!(of(-3e38, -3e38 + 1e32), Ok((_, zero_point)) if zero_point.is_finite()));
}

fn torch_float(min: f32, max: f32) -> Result<(Scale, f32), Error> {
    torch_float_qparams(Range { min, max }, U8, f32::EPSILON)
}

proptest! {
    #[test]
    fn every_finite_range_has_parameters(
        a in -1e37_f32..1e37,
        b in -1e37_f32..1e37,
        exponent in -60_i32..1,
        // Those of 4 bits and more: fewer may have no value on one side of the zero point.
        ty in proptest::sample::select(QuantType::ALL[2..].to_vec()),
        left_out in 0_i32..4,
        power: bool,
    ) {
        let (a, b) = (a * 10_f32.powi(exponent), b * 10_f32.powi(exponent));
        let range = Range { min: a.min(b), max: a.max(b) };
        let quantized = QuantRange::new(ty, ty.range().0 + left_out, ty.range().1).expect("a range");
        for formula in FORMULAS {
            for symmetry in SYMMETRIES {
                let found = if power {
                    formula.power_of_two_scale_and_zero_point(range, quantized, symmetry)
                } else {
                    formula.scale_and_zero_point(range, quantized, symmetry)
                };
                let (scale, zero_point) = found.expect("a finite range");
                prop_assert!(quantized.contains(zero_point));
                if power {
                    prop_assert_eq!(scale.to_power_of_two(), Ok(scale));
                    let (any, _) = formula.scale_and_zero_point(range, quantized, symmetry).expect("a finite range");
                    prop_assert!(scale.get() >= any.get() && scale.get() <= any.get() * 2.0);
                }
            }
        }
    }
}
