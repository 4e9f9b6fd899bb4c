//! The formulas of PyTorch's observers, which [`Scheme`](crate::Scheme) has.

use crate::{Error, QuantRange, Range, Scale, Symmetry};

/// The scale and zero point of a range, all in `f32`; [`Scheme`](crate::Scheme) has the formulas.
///
/// `choose` may replace the scale before the zero point is computed from it.
pub(crate) fn scale_and_zero_point(
    range: Range,
    quantized: QuantRange,
    symmetry: Symmetry,
    eps: f32,
    choose: impl Fn(f64) -> Result<f64, Error>,
) -> Result<(Scale, i32), Error> {
    let (low, high) = with_zero_and_width(range)?;
    let exact = match symmetry {
        Symmetry::Affine => (high - low) / width(quantized),
        Symmetry::Symmetric => high.max(-low) / (width(quantized) / 2.0),
    };
    #[expect(clippy::cast_possible_truncation, reason = "it is an f32")]
    let scale = Scale::new(choose(f64::from(Scale::new(exact.max(eps))?.get()))? as f32)?;
    let zero_point = match symmetry {
        Symmetry::Affine => {
            #[expect(clippy::cast_possible_truncation, reason = "at most the width of the range, up to rounding")]
            let below = (low / scale.get()).round_ties_even() as i64;
            clamped(i64::from(quantized.quant_min()) - below, quantized)
        }
        Symmetry::Symmetric => quantized.middle(),
    };
    Ok((scale, zero_point))
}

/// `quant_max - quant_min` in `f32`.
#[expect(clippy::cast_precision_loss, reason = "the formula is in f32; exact for all types but i32")]
pub(crate) fn width(quantized: QuantRange) -> f32 {
    quantized.width() as f32
}

/// The value of the range nearest to an integer.
pub(crate) fn clamped(value: i64, quantized: QuantRange) -> i32 {
    let within = value.clamp(quantized.quant_min().into(), quantized.quant_max().into());
    i32::try_from(within).unwrap_or(quantized.quant_min())
}

/// The range widened to hold 0; both bounds must be finite.
pub(crate) fn with_zero(range: Range) -> Result<(f32, f32), Error> {
    if range.min.is_finite() && range.max.is_finite() {
        return Ok((range.min.min(0.0), range.max.max(0.0)));
    }
    Err(Error::Range { min: range.min, max: range.max })
}

/// The same; the width must be finite, too.
pub(crate) fn with_zero_and_width(range: Range) -> Result<(f32, f32), Error> {
    match with_zero(range)? {
        (low, high) if (high - low).is_finite() => Ok((low, high)),
        _ => Err(Error::Range { min: range.min, max: range.max }),
    }
}
