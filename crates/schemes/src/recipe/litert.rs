//! The formulas of LiteRT's quantizer.

use crate::torch::{clamped, with_zero_and_width};
use crate::{Error, QuantRange, Range, Scale, Symmetry};

/// [`Formula::LiteRt`](super::Formula::LiteRt).
pub(super) fn scale_and_zero_point(
    range: Range,
    quantized: QuantRange,
    symmetry: Symmetry,
    choose: impl Fn(f64) -> Result<f64, Error>,
) -> Result<(Scale, i32), Error> {
    let (low, high) = with_zero_and_width(range)?;
    #[expect(clippy::cast_precision_loss, reason = "the formula is in f32; exact for all types but i32")]
    let [quant_min, quant_max, middle] =
        [quantized.quant_min(), quantized.quant_max(), quantized.middle()].map(|value| value as f32);
    let (width, levels, zeros) = match symmetry {
        Symmetry::Affine => (high - low, quant_max - quant_min, quantized.quant_min()),
        Symmetry::Symmetric => (high.max(-low), (quant_max - middle).min(middle - quant_min), quantized.middle()),
    };
    if levels == 0.0 {
        return Err(Error::OneSided { range: quantized });
    }
    if width / levels < f32::MIN_POSITIVE {
        return Ok((Scale::ONE, zeros));
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is an f32")]
    let scale = Scale::new(choose(f64::from(width / levels))? as f32)?;
    match symmetry {
        Symmetry::Affine => {
            // `round` is to nearest, ties away from zero.
            #[expect(clippy::cast_possible_truncation, reason = "within the range, up to rounding")]
            let zero_point = (quant_min - low / scale.get()).round() as i64;
            Ok((scale, clamped(zero_point, quantized)))
        }
        Symmetry::Symmetric => Ok((scale, zeros)),
    }
}
