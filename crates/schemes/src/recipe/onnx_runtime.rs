//! The formulas of ONNX Runtime's quantizer.

use crate::torch::{clamped, with_zero};
use crate::{Error, QuantRange, Range, Scale, Symmetry};

/// [`Formula::OnnxRuntime`](super::Formula::OnnxRuntime).
pub(super) fn scale_and_zero_point(
    range: Range,
    quantized: QuantRange,
    symmetry: Symmetry,
    min_real_range: Option<f32>,
    choose: impl Fn(f64) -> Result<f64, Error>,
) -> Result<(Scale, i32), Error> {
    let (low, high) = with_zero(range)?;
    let high = min_real_range.map_or(high, |width| high.max(low + width));
    let absmax = high.max(-low);
    let (low, high) = match symmetry {
        Symmetry::Affine => (f64::from(low), f64::from(high)),
        Symmetry::Symmetric => (-f64::from(absmax), f64::from(absmax)),
    };
    let exact = (high - low) / f64::from(quantized.width());
    if exact < f64::from(f32::MIN_POSITIVE) {
        return Ok((Scale::ONE, quantized.clamp(0)));
    }
    let exact = choose(exact)?;
    #[expect(clippy::cast_possible_truncation, reason = "the scale is rounded to f32")]
    let scale = Scale::new(exact as f32)?;
    let (quant_min, quant_max) = (f64::from(quantized.quant_min()), f64::from(quantized.quant_max()));
    let zero_point = match symmetry {
        Symmetry::Affine => quant_min - low / exact,
        Symmetry::Symmetric => f64::midpoint(quant_min, quant_max),
    };
    #[expect(clippy::cast_possible_truncation, reason = "within the range, up to rounding")]
    Ok((scale, clamped(zero_point.round_ties_even() as i64, quantized)))
}
