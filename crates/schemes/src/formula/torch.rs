//! The formulas of PyTorch's observers.

use super::with_zero_and_width;
use crate::{CodeRange, Error, Range, Scale, Symmetry};

/// [`Formula::Torch`](super::Formula::Torch).
pub(crate) fn scale_and_zero_point(
    range: Range,
    codes: CodeRange,
    symmetry: Symmetry,
    eps: f32,
    choose: impl Fn(f64) -> Result<f64, Error>,
) -> Result<(Scale, i32), Error> {
    let (low, high) = with_zero_and_width(range)?;
    let least = match symmetry {
        Symmetry::Affine => (high - low) / steps(codes),
        Symmetry::Symmetric => high.max(-low) / (steps(codes) / 2.0),
    };
    #[expect(clippy::cast_possible_truncation, reason = "it is an f32")]
    let scale = Scale::new(choose(f64::from(Scale::new(least.max(eps))?.get()))? as f32)?;
    let zero_point = match symmetry {
        Symmetry::Affine => {
            #[expect(clippy::cast_possible_truncation, reason = "at most as many steps as there are, up to rounding")]
            let below = (low / scale.get()).round_ties_even() as i64;
            clamped(i64::from(codes.quant_min()) - below, codes)
        }
        Symmetry::Symmetric => codes.middle(),
    };
    Ok((scale, zero_point))
}

/// The scale and the zero point in floating point of one row of an embedding (PyTorch's
/// `per_channel_affine_float_qparams`, in `_calculate_qparams`), all in `f32`:
///
/// ```text
/// scale = (max - min) / (quant_max - quant_min), but 1 if that is not above eps        zero_point = -min / scale
/// ```
///
/// The range is not widened to hold 0. PyTorch's `eps` is `f32::EPSILON`.
///
/// # Errors
///
/// [`Error::Range`] if an end of the range or its width is NaN or infinite, [`Error::ReversedRange`] if it ends before
/// it begins, [`Error::Scale`] if the scale is above `eps` but no positive normal `f32`, [`Error::FloatZeroPoint`] if
/// the zero point is not finite.
pub fn torch_float_qparams(range: Range, codes: CodeRange, eps: f32) -> Result<(Scale, f32), Error> {
    let Range { min, max } = range;
    if min > max {
        return Err(Error::ReversedRange { min, max });
    }
    if !(min.is_finite() && max.is_finite() && (max - min).is_finite()) {
        return Err(Error::Range { min, max });
    }
    let width = (max - min) / steps(codes);
    let scale = if width > eps { Scale::new(width)? } else { Scale::ONE };
    let value = -min / scale.get();
    if value.is_finite() { Ok((scale, value)) } else { Err(Error::FloatZeroPoint { value }) }
}

/// `quant_max - quant_min` in `f32`.
#[expect(clippy::cast_precision_loss, reason = "the formula is in f32; exact for all types but i32")]
fn steps(codes: CodeRange) -> f32 {
    codes.steps() as f32
}

/// The code nearest to an integer.
pub(super) fn clamped(value: i64, codes: CodeRange) -> i32 {
    let within = value.clamp(codes.quant_min().into(), codes.quant_max().into());
    i32::try_from(within).unwrap_or(codes.quant_min())
}
