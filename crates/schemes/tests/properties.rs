//! What holds for quantized values of every type with any parameters.

#![expect(
    clippy::cast_possible_truncation,
    reason = "what is cast was drawn from the range of the type, or is to be rounded"
)]

use fourfold_schemes::{
    Granularity, QuantParams, QuantRange, QuantType, Scale, dequantize, quantize, quantize_by_reciprocal,
};
use fourfold_tensor::{DType, Tensor};
use proptest::prelude::*;
use proptest::sample::select;

/// Quantizes a tensor in one of the two ways.
type Quantize = fn(&Tensor, &QuantParams) -> Result<Tensor, fourfold_schemes::Error>;

/// By division and by the reciprocal.
const WAYS: [Quantize; 2] = [quantize, quantize_by_reciprocal];

/// The relative error of one rounding to `f32`.
const UNIT: f64 = 1.0 / (1 << 24) as f64;

/// A type and a range of its values.
fn ranges() -> impl Strategy<Value = QuantRange> {
    let drawn = (select(QuantType::ALL.to_vec()), 0.0..1.0_f64, 0.0..1.0_f64, any::<bool>());
    drawn.prop_map(|(ty, a, b, is_full)| {
        let (min, max) = ty.range();
        let at = |fraction: f64| (f64::from(min) + fraction * (f64::from(max) - f64::from(min))).round() as i32;
        let (low, high) = (at(a.min(b)).min(max - 1), at(a.max(b)));
        let range = QuantRange::new(ty, low, high.max(low + 1)).expect("two values");
        if is_full { QuantRange::full(ty) } else { range }
    })
}

/// Normal scales of all magnitudes with which no value of 32 bits overflows.
fn scales() -> impl Strategy<Value = Scale> {
    (-126_i32..94, 1.0_f32..2.0)
        .prop_map(|(exponent, mantissa)| Scale::new(2_f32.powi(exponent) * mantissa).expect("normal"))
}

/// Parameters whose zero point lies at this fraction of the range.
fn params(range: QuantRange, scale: Scale, fraction: f64) -> QuantParams {
    let offset = (f64::from(range.width()) * fraction).round() as i64;
    let zero_point = i32::try_from(i64::from(range.quant_min()) + offset).expect("in the range");
    QuantParams::of_range(range, Granularity::PerTensor { scale, zero_point }).expect("valid")
}

/// All values of a range, or about 70,000 of a large one: evenly spread, and those near its bounds, near the zero point
/// and near `2^21` and `2^22` from it.
fn values_of(range: QuantRange, zero_point: i32) -> Vec<i32> {
    let stride = (range.width() / 66_000 + 1) as usize;
    let near = |value: i32| value.saturating_sub(500)..=value.saturating_add(500);
    let far = [22, 21]
        .map(|bits| near(zero_point.saturating_add(1 << bits)).chain(near(zero_point.saturating_sub(1 << bits))));
    let bounds = near(range.quant_min()).chain(near(range.quant_max())).chain(near(zero_point));
    let spread = (range.quant_min()..=range.quant_max()).step_by(stride);
    spread.chain(bounds).chain(far.into_iter().flatten()).filter(|&value| range.contains(value)).collect()
}

/// A quantized tensor of these values.
fn quantized(dtype: DType, values: &[i32]) -> Tensor {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes().into_iter().take(dtype.size()));
    Tensor::from_le_bytes(dtype, &[values.len()], &bytes.collect::<Vec<u8>>()).expect("as many bytes")
}

/// The only element of a quantized tensor.
fn only(tensor: &Tensor) -> i32 {
    match tensor.dtype() {
        DType::I8 => tensor.as_slice::<i8>().expect("i8")[0].into(),
        DType::U8 => tensor.as_slice::<u8>().expect("u8")[0].into(),
        _ => tensor.as_slice::<i32>().expect("i32")[0],
    }
}

proptest! {
    /// `quantize(dequantize(q)) == q`, for values up to `2^22` from the zero point, and with the reciprocal, which is
    /// rounded once more, up to `2^21`: all values of up to 16 bits. Farther away, where only values of 32 bits are,
    /// the roundings may add up to half a scale.
    #[test]
    fn quantized_values_survive_a_round_trip(range in ranges(), scale in scales(), fraction in 0.0..1.0_f64) {
        let params = params(range, scale, fraction);
        let zero_point = params.zero_points()[0];
        for (quantize, limit) in WAYS.into_iter().zip([1 << 22, 1 << 21]) {
            let is_exact = |&value: &i32| (i64::from(value) - i64::from(zero_point)).abs() <= limit;
            let values: Vec<i32> = values_of(range, zero_point).into_iter().filter(is_exact).collect();
            let tensor = quantized(params.dtype(), &values);
            let float = dequantize(&tensor, &params).expect("memory");
            prop_assert!(quantize(&float, &params).expect("f32") == tensor, "{} {} {}", range, scale, zero_point);
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
    fn the_error_is_half_a_scale(
        range in ranges(),
        scale in scales(),
        fraction in 0.0..1.0_f64,
        at in 0.0..=1.0_f64,
    ) {
        let params = params(range, scale, fraction);
        let (zero_point, step) = (params.zero_points()[0], f64::from(scale.get()));
        let float = |value: i32| step * (f64::from(value) - f64::from(zero_point));
        let (low, high) = (float(range.quant_min()), float(range.quant_max()));
        for x in [low + at * (high - low), low, high, step * (at * 8.0 - 4.0), step * ((at * 100.0).floor() + 0.5)] {
            let x = x as f32;
            if f64::from(x) < low || f64::from(x) > high {
                continue;
            }
            for (extra, quantize) in [0.0, 1.0].into_iter().zip(WAYS) {
                let q = quantize(&Tensor::from_slice(&[1], &[x]).expect("one"), &params).expect("f32");
                let y = f64::from(dequantize(&q, &params).expect("one").as_slice::<f32>().expect("f32")[0]);
                let distance = f64::from(only(&q)) - f64::from(zero_point);
                let wide = if distance.abs() > f64::from(1 << 24) { (step * distance).abs() } else { 0.0 };
                let x = f64::from(x);
                let bound = step / 2.0 + UNIT * (x.abs() * (1.0 + extra) + (step * distance).abs() + wide);
                // Second-order terms of the roundings, and the rounding of this bound itself.
                prop_assert!((x - y).abs() <= bound * (1.0 + 4.0 * UNIT), "{} as {} of {} at {}", x, y, range, scale);
            }
        }
    }
}

#[cfg(feature = "recipes")]
mod recipes {
    //! What holds for parameters by every formula.

    use fourfold_schemes::{Formula, Range, Recipe, Scales, Symmetry};

    use super::*;

    const FORMULAS: [Formula; 3] =
        [Formula::Torch { eps: f32::EPSILON }, Formula::OnnxRuntime { min_real_range: None }, Formula::LiteRt];

    proptest! {
        /// The bounds of the range come back within the bound above and the rounding of the zero point, half a scale.
        #[test]
        fn parameters_of_a_range_hold_it(
            a in -1000.0_f32..1000.0,
            b in -1000.0_f32..1000.0,
            ty in select(QuantType::ALL[..8].to_vec()),
            formula in select(FORMULAS.to_vec()),
            symmetry in select(vec![Symmetry::Affine, Symmetry::Symmetric]),
            scales in select(vec![Scales::Any, Scales::PowersOfTwo]),
        ) {
            let recipe = Recipe { quantized: QuantRange::narrow(ty), symmetry, formula, scales };
            let range = Range { min: a.min(b), max: a.max(b) };
            let params = recipe.per_tensor(range).expect("finite");
            let x = [range.min, range.max, 0.0];
            let tensor = Tensor::from_slice(&[3], &x).expect("three");
            let back = dequantize(&quantize(&tensor, &params).expect("f32"), &params).expect("three");
            let scale = f64::from(params.scales()[0].get());
            for (&x, &y) in x.iter().zip(back.as_slice::<f32>().expect("f32")) {
                let (x, y) = (f64::from(x), f64::from(y));
                prop_assert!((x - y).abs() <= scale + 4.0 * UNIT * x.abs(), "{} as {} by {:?}", x, y, recipe);
                prop_assert!(x != 0.0 || y == 0.0, "0 as {}", y);
            }
        }
    }
}
