//! Scale and zero point from a range, by the formulas of those who made them.

use crate::{CodeRange, Error, Range, Scale, Symmetry};

pub(crate) mod litert;
pub(crate) mod onnx_runtime;
pub(crate) mod torch;

/// Whose formula makes a scale and a zero point of a range.
///
/// All of them widen the range until it holds 0: `low = min(min, 0)`, `high = max(max, 0)`, and `absmax = max(-low,
/// high)`. `middle` is [`CodeRange::middle`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Formula {
    /// PyTorch's observers (`_calculate_qparams` in `torch/ao/quantization/observer.py`), all in `f32`:
    ///
    /// ```text
    /// affine:     scale = max((high - low) / (quant_max - quant_min), eps)       zero_point = clamp(quant_min - round_half_even(low / scale))
    /// symmetric:  scale = max(absmax / ((quant_max - quant_min) / 2), eps)       zero_point = middle
    /// ```
    ///
    /// A range of zeros has the scale `eps`.
    Torch {
        /// The least scale: `f32::EPSILON`, and `2^-12` for the engines QNNPACK and XNNPACK.
        eps: f32,
    },
    /// ONNX Runtime's quantizer (`compute_scale_zp` in `onnxruntime/python/tools/quantization/quant_utils.py`), in
    /// `f64`:
    ///
    /// ```text
    /// low, high = low, max(high, low + min_real_range);  symmetric: -absmax, absmax
    /// scale = (high - low) / (quant_max - quant_min)
    /// affine:     zero_point = round_half_even(quant_min - low / scale)
    /// symmetric:  zero_point = round_half_even((quant_min + quant_max) / 2)
    /// ```
    ///
    /// A scale below the smallest normal `f32` becomes 1, and its zero point 0, or the code nearest to it.
    OnnxRuntime {
        /// The least width of a range; NaN and negative numbers have no effect.
        min_real_range: Option<f32>,
    },
    /// LiteRT's quantizer (`GetAsymmetricQuantizationParams` and `SymmetricPerChannelQuantization` in TensorFlow Lite's
    /// `quantization_utils.cc`), in `f32`:
    ///
    /// ```text
    /// affine:     scale = (high - low) / (quant_max - quant_min)                             zero_point = clamp(round_half_away(quant_min - low / scale))
    /// symmetric:  scale = absmax / min(quant_max - zero_point, zero_point - quant_min)       zero_point = middle
    /// ```
    ///
    /// A scale below the smallest normal `f32`, that of zeros among them, becomes 1 as in its
    /// `SymmetricQuantizeFloats`, and the zero point that of zeros: `quant_min` or `middle`. LiteRT's affine formula
    /// keeps the scale 0, which no code can be made with. LiteRT has symmetric parameters of signed types only.
    LiteRt,
}

impl Formula {
    /// The scale and the zero point of one range, which may lie on one side of 0 or be a single number.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] if an end of the range is NaN or infinite, or its width is an infinite `f32` where the formula
    /// computes it in `f32`; [`Error::ReversedRange`] if it ends before it begins; [`Error::Scale`] if the scale is no
    /// positive normal `f32`, which `eps` or a range of almost all numbers on very few codes can cause;
    /// [`Error::OneSided`] for symmetric parameters by LiteRT's formula if no codes lie on one side of the zero point.
    pub fn scale_and_zero_point(
        self,
        range: Range,
        codes: CodeRange,
        symmetry: Symmetry,
    ) -> Result<(Scale, i32), Error> {
        self.find(range, codes, symmetry, Ok)
    }

    /// As [`Formula::scale_and_zero_point`], with the scale enlarged to a power of two before the zero point is
    /// computed from it: [`Scale::to_power_of_two`].
    ///
    /// # Errors
    ///
    /// As [`Formula::scale_and_zero_point`], and [`Error::Scale`] if that power of two is no `f32`.
    pub fn power_of_two_scale_and_zero_point(
        self,
        range: Range,
        codes: CodeRange,
        symmetry: Symmetry,
    ) -> Result<(Scale, i32), Error> {
        self.find(range, codes, symmetry, |scale| {
            #[expect(clippy::cast_possible_truncation, reason = "the scale is an f32 in the end")]
            let rounded = Scale::new(scale as f32)?;
            // An f64 may round down to a power of two.
            let least = if f64::from(rounded.get()) < scale { Scale::new(rounded.get().next_up())? } else { rounded };
            Ok(f64::from(least.to_power_of_two()?.get()))
        })
    }

    /// The parameters with the scale that `choose` makes of the formula's.
    fn find(
        self,
        range: Range,
        codes: CodeRange,
        symmetry: Symmetry,
        choose: impl Fn(f64) -> Result<f64, Error>,
    ) -> Result<(Scale, i32), Error> {
        if range.min > range.max {
            return Err(Error::ReversedRange { min: range.min, max: range.max });
        }
        match self {
            Formula::Torch { eps } => torch::scale_and_zero_point(range, codes, symmetry, eps, choose),
            Formula::OnnxRuntime { min_real_range } => {
                onnx_runtime::scale_and_zero_point(range, codes, symmetry, min_real_range, choose)
            }
            Formula::LiteRt => litert::scale_and_zero_point(range, codes, symmetry, choose),
        }
    }
}

/// The range widened to hold 0, both of whose ends are finite.
fn with_zero(range: Range) -> Result<(f32, f32), Error> {
    if range.min.is_finite() && range.max.is_finite() {
        return Ok((range.min.min(0.0), range.max.max(0.0)));
    }
    Err(Error::Range { min: range.min, max: range.max })
}

/// The same, whose width is finite too.
fn with_zero_and_width(range: Range) -> Result<(f32, f32), Error> {
    match with_zero(range)? {
        (low, high) if (high - low).is_finite() => Ok((low, high)),
        _ => Err(Error::Range { min: range.min, max: range.max }),
    }
}

#[cfg(test)]
mod tests;
