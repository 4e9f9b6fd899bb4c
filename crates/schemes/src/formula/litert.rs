//! The formulas of LiteRT's quantizer.

use super::torch::clamped;
use super::with_zero_and_width;
use crate::{CodeRange, Error, Range, Scale, Symmetry};

/// [`Formula::LiteRt`](super::Formula::LiteRt).
pub(crate) fn scale_and_zero_point(
    range: Range,
    codes: CodeRange,
    symmetry: Symmetry,
    choose: impl Fn(f64) -> Result<f64, Error>,
) -> Result<(Scale, i32), Error> {
    let (low, high) = with_zero_and_width(range)?;
    #[expect(clippy::cast_precision_loss, reason = "the formula is in f32; exact for all types but i32")]
    let (quant_min, quant_max, middle) = (codes.quant_min() as f32, codes.quant_max() as f32, codes.middle() as f32);
    let (width, steps, zeros) = match symmetry {
        Symmetry::Affine => (high - low, quant_max - quant_min, codes.quant_min()),
        Symmetry::Symmetric => (high.max(-low), (quant_max - middle).min(middle - quant_min), codes.middle()),
    };
    if steps == 0.0 {
        return Err(Error::OneSided { codes });
    }
    if width / steps < f32::MIN_POSITIVE {
        return Ok((Scale::ONE, zeros));
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is an f32")]
    let scale = Scale::new(choose(f64::from(width / steps))? as f32)?;
    match symmetry {
        Symmetry::Affine => {
            // `round` is to nearest, ties away from zero.
            #[expect(clippy::cast_possible_truncation, reason = "between the codes, up to rounding")]
            let zero_point = (quant_min - low / scale.get()).round() as i64;
            Ok((scale, clamped(zero_point, codes)))
        }
        Symmetry::Symmetric => Ok((scale, zeros)),
    }
}
