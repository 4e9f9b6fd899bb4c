//! What holds for codes of every type with any parameters.

#![expect(
    clippy::cast_possible_truncation,
    reason = "what is cast was drawn from the range of the type, or is to be rounded"
)]

use fourfold_schemes::{
    CodeParams, CodeRange, CodeType, Formula, QuantTensor, Quotient, Range, Recipe, Scale, Scales, Sharing, Symmetry,
    ZeroPoints,
};
use fourfold_tensor::Tensor;
use proptest::prelude::*;
use proptest::sample::select;

const QUOTIENTS: [Quotient; 2] = [Quotient::Division, Quotient::Reciprocal];

/// The relative error of one rounding to `f32`.
const UNIT: f64 = 1.0 / (1 << 24) as f64;

/// The types of at most 16 bits.
const SMALL: &[CodeType] = CodeType::ALL.split_at(6).0;

/// One of the types and a part of its codes.
fn code_ranges(types: &[CodeType]) -> impl Strategy<Value = CodeRange> + use<> {
    (select(types.to_vec()), 0.0..1.0_f64, 0.0..1.0_f64, any::<bool>()).prop_map(|(ty, a, b, is_full)| {
        let (least, greatest) = ty.range();
        let at = |part: f64| (f64::from(least) + part * (f64::from(greatest) - f64::from(least))).round() as i32;
        let (low, high) = (at(a.min(b)), at(a.max(b)));
        let part =
            CodeRange::new(ty, low, high).or(CodeRange::new(ty, low.min(greatest - 1), low.min(greatest - 1) + 1));
        if is_full { CodeRange::full(ty) } else { part.expect("two codes") }
    })
}

/// Normal scales of all magnitudes with which no code of 32 bits overflows.
fn scales() -> impl Strategy<Value = Scale> {
    (-126_i32..94, 1.0_f32..2.0)
        .prop_map(|(exponent, mantissa)| Scale::new(2_f32.powi(exponent) * mantissa).expect("normal"))
}

/// All codes, or of those of many about 70,000: evenly, and all near the ends, the zero point and
/// `2^21` and `2^22` steps from it.
fn codes_of(range: CodeRange, zero_point: i32) -> Vec<i32> {
    let stride = (range.steps() / 66_000 + 1) as usize;
    let near = |code: i32| code.saturating_sub(500)..=code.saturating_add(500);
    let far = [22, 21]
        .map(|bits| near(zero_point.saturating_add(1 << bits)).chain(near(zero_point.saturating_sub(1 << bits))));
    let ends =
        near(range.quant_min()).chain(near(range.quant_max())).chain(near(zero_point)).chain(far.into_iter().flatten());
    let spread = (range.quant_min()..=range.quant_max()).step_by(stride);
    spread.chain(ends).filter(|&code| range.contains(code)).collect()
}

proptest! {
    /// `quantize(dequantize(q)) == q`, for codes up to `2^22` steps from the zero point, and with the reciprocal, which
    /// is rounded once more, up to `2^21`: all codes of up to 16 bits. Farther away, where only codes of 32 bits are,
    /// the roundings may add up to half a step.
    #[test]
    fn codes_survive_a_round_trip(range in code_ranges(&CodeType::ALL), scale in scales(), part in 0.0..1.0_f64) {
        let offset = (f64::from(range.steps()) * part).round() as i64;
        let zero_point = i32::try_from(i64::from(range.quant_min()) + offset).expect("a code");
        let params = CodeParams::per_tensor(range, scale, zero_point).expect("valid");
        for (quotient, limit) in QUOTIENTS.into_iter().zip([1 << 22, 1 << 21]) {
            let is_exact = |&code: &i32| (i64::from(code) - i64::from(zero_point)).abs() <= limit;
            let codes: Vec<i32> = codes_of(range, zero_point).into_iter().filter(is_exact).collect();
            let tensor = QuantTensor::from_codes(&[codes.len()], &codes, params.clone()).expect("codes");
            let real = tensor.dequantize().expect("memory");
            let again = QuantTensor::quantize(&real, &params, quotient).expect("f32");
            prop_assert!(again == tensor, "{} {} {} {:?}", range, scale, zero_point, quotient);
        }
    }

    /// The same per group and with zero points in floating point: for up to `2^20` steps, so not for 32 bits.
    #[test]
    fn codes_of_groups_survive_a_round_trip(
        range in code_ranges(SMALL), scales in proptest::collection::vec(scales(), 12), axis in 0_usize..3, is_float: bool,
        parts in proptest::collection::vec(0.0..1.0_f64, 12), seed: u32,
    ) {
        let sharing = Sharing::PerGroup { axis, size: 2 };
        let shape = [3, 3, 4];
        let count = sharing.count(&shape).expect("an axis");
        let scales: Vec<Scale> = scales.iter().cycle().take(count).copied().collect();
        let floats = parts.iter().map(|part| f64::from(range.quant_min()) + part * f64::from(range.steps()));
        let floats: Vec<f64> = floats.cycle().take(count).collect();
        let zero_points = if is_float {
            ZeroPoints::Float(floats.iter().map(|&zero_point| zero_point as f32).collect())
        } else {
            ZeroPoints::Integer(floats.iter().map(|zero_point| zero_point.round() as i32).collect())
        };
        let params = CodeParams::new(range, sharing, scales, zero_points).expect("valid");
        let code = |at: u32| range.quant_min() + (seed.wrapping_mul(2 * at + 1) % (range.steps() + 1)) as i32;
        let codes: Vec<i32> = (0..36).map(code).collect();
        let tensor = QuantTensor::from_codes(&shape, &codes, params.clone()).expect("codes");
        let real = tensor.dequantize().expect("memory");
        for quotient in QUOTIENTS {
            prop_assert_eq!(&QuantTensor::quantize(&real, &params, quotient).expect("f32"), &tensor);
        }
    }

    /// Inside the range, with `y = dequantize(quantize(x))` and `n = q - zero_point`:
    ///
    /// ```text
    /// |x - y| <= scale / 2 + u * (|x| + |scale * n|)      u = 2^-24
    /// ```
    ///
    /// because `x / scale` is rounded (by at most `u * |x| / scale`), then to an integer (by at most 1/2), and `scale *
    /// n` is rounded (by at most `u * |scale * n|`). Where `n` has more than 24 bits, it is rounded too, by `u * |n|`.
    /// The reciprocal is rounded once more: `u * |x|` again.
    #[test]
    fn the_error_is_half_a_step(range in code_ranges(&CodeType::ALL), scale in scales(), part in 0.0..1.0_f64, at in 0.0..=1.0_f64) {
        let offset = (f64::from(range.steps()) * part).round() as i64;
        let zero_point = i32::try_from(i64::from(range.quant_min()) + offset).expect("a code");
        let params = CodeParams::per_tensor(range, scale, zero_point).expect("valid");
        let step = f64::from(scale.get());
        let end = |code: i32| step * (f64::from(code) - f64::from(zero_point));
        let (low, high) = (end(range.quant_min()), end(range.quant_max()));
        for x in [low + at * (high - low), low, high, step * (at * 8.0 - 4.0), step * ((at * 100.0).floor() + 0.5)] {
            let x = x as f32;
            if f64::from(x) < low || f64::from(x) > high {
                continue;
            }
            for (extra, quotient) in [(0.0, QUOTIENTS[0]), (1.0, QUOTIENTS[1])] {
                let tensor = Tensor::from_slice(&[1], &[x]).expect("one");
                let codes = QuantTensor::quantize(&tensor, &params, quotient).expect("f32");
                let y = f64::from(codes.dequantize().expect("one").as_slice::<f32>().expect("f32")[0]);
                let code = i32::from_le_bytes(unpacked(&codes));
                let steps = f64::from(code) - f64::from(zero_point);
                let wide = if steps.abs() > f64::from(1 << 24) { (step * steps).abs() } else { 0.0 };
                let x = f64::from(x);
                let bound = step / 2.0 + UNIT * (x.abs() * (1.0 + extra) + (step * steps).abs() + wide);
                // Second-order terms of the roundings, and the rounding of this bound itself.
                prop_assert!((x - y).abs() <= bound * (1.0 + 4.0 * UNIT), "{} as {} of {} at {}", x, y, range, scale);
            }
        }
    }

    /// What a recipe makes of a range, the range fits: its ends come back within the same bound and the rounding of the
    /// zero point, half a step.
    #[test]
    fn parameters_of_a_range_hold_it(
        a in -1000.0_f32..1000.0, b in -1000.0_f32..1000.0, ty in select(SMALL.to_vec()), at in 0_usize..3,
        is_symmetric: bool, is_power: bool,
    ) {
        let formulas = [Formula::Torch { eps: f32::EPSILON }, Formula::OnnxRuntime { min_real_range: None }, Formula::LiteRt];
        let recipe = Recipe {
            codes: CodeRange::narrow(ty),
            symmetry: if is_symmetric { Symmetry::Symmetric } else { Symmetry::Affine },
            formula: formulas[at],
            scales: if is_power { Scales::PowersOfTwo } else { Scales::Real },
        };
        let range = Range { min: a.min(b), max: a.max(b) };
        let params = recipe.params(Sharing::PerTensor, &[range]).expect("finite");
        let x = [range.min, range.max, 0.0];
        let tensor = Tensor::from_slice(&[3], &x).expect("three");
        let back = QuantTensor::quantize(&tensor, &params, Quotient::Division).expect("f32").dequantize().expect("three");
        let step = f64::from(params.scales()[0].get());
        for (&x, &y) in x.iter().zip(back.as_slice::<f32>().expect("f32")) {
            let (x, y) = (f64::from(x), f64::from(y));
            prop_assert!((x - y).abs() <= step + 4.0 * UNIT * x.abs(), "{} as {} by {:?}", x, y, recipe);
            prop_assert!(x != 0.0 || y == 0.0, "0 as {}", y);
        }
    }
}

/// The code of a tensor of one element, as `i32` in little-endian.
fn unpacked(codes: &QuantTensor) -> [u8; 4] {
    let ty = codes.params().codes().code_type();
    let code = fourfold_schemes::unpack(ty, codes.packed(), 1).expect("one code")[0];
    code.to_le_bytes()
}
