//! Float zero points, which PyTorch has for tables of embeddings.

use crate::torch::width;
use crate::{Error, QuantRange, Range, Scale};

/// The scale and the float zero point of one row of an embedding (PyTorch's `per_channel_affine_float_qparams`, in
/// `_calculate_qparams`), all in `f32`:
///
/// ```text
/// scale = (max - min) / (quant_max - quant_min), but 1 if that is not above eps        zero_point = -min / scale
/// ```
///
/// PyTorch then quantizes with `q = clamp(round_half_even(x * (1 / scale) + zero_point), quant_min, quant_max)`. The
/// range is not widened to hold 0, so 0 may not be represented. PyTorch's `eps` is `f32::EPSILON`.
///
/// # Errors
///
/// [`Error::Range`] if a bound of the range or its width is NaN or infinite, [`Error::ReversedRange`] if `min > max`,
/// [`Error::Scale`] if the scale is above `eps` but no positive normal `f32`, [`Error::FloatZeroPoint`] if the zero
/// point is not finite.
pub fn torch_float_qparams(range: Range, quantized: QuantRange, eps: f32) -> Result<(Scale, f32), Error> {
    let Range { min, max } = range;
    if min > max {
        return Err(Error::ReversedRange { min, max });
    }
    if !(min.is_finite() && max.is_finite() && (max - min).is_finite()) {
        return Err(Error::Range { min, max });
    }
    let exact = (max - min) / width(quantized);
    let scale = if exact > eps { Scale::new(exact)? } else { Scale::ONE };
    let value = -min / scale.get();
    if value.is_finite() { Ok((scale, value)) } else { Err(Error::FloatZeroPoint { value }) }
}
