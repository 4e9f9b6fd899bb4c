//! Scale and zero point from a range, by the formula of a peer.

use super::{litert, onnx_runtime};
use crate::{Error, QuantRange, Range, Scale, Symmetry, torch};

/// The formula that makes a scale and a zero point of a range.
///
/// Every formula widens the range to hold 0: `low = min(min, 0)`, `high = max(max, 0)`, and `absmax = max(-low, high)`.
/// `middle` is [`QuantRange::middle`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Formula {
    /// PyTorch's observers (`_calculate_qparams` in `torch/ao/quantization/observer.py`), all in `f32`:
    ///
    /// ```text
    /// affine:     scale = max((high - low) / (quant_max - quant_min), eps)
    ///             zero_point = clamp(quant_min - round_half_even(low / scale))
    /// symmetric:  scale = max(absmax / ((quant_max - quant_min) / 2), eps)
    ///             zero_point = middle
    /// ```
    ///
    /// A range of zeros has the scale `eps`.
    Torch {
        /// The smallest scale: `f32::EPSILON`, and `2^-12` for the engines QNNPACK and XNNPACK.
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
    /// A scale below the smallest normal `f32` becomes 1, and its zero point 0, or the nearest value of the range.
    OnnxRuntime {
        /// The smallest width of a range; NaN and negative numbers have no effect.
        min_real_range: Option<f32>,
    },
    /// LiteRT's quantizer (`GetAsymmetricQuantizationParams` and `SymmetricPerChannelQuantization` in TensorFlow Lite's
    /// `quantization_utils.cc`), in `f32`:
    ///
    /// ```text
    /// affine:     scale = (high - low) / (quant_max - quant_min)
    ///             zero_point = clamp(round_half_away(quant_min - low / scale))
    /// symmetric:  scale = absmax / min(quant_max - zero_point, zero_point - quant_min)
    ///             zero_point = middle
    /// ```
    ///
    /// A scale below the smallest normal `f32` becomes 1, as in its `SymmetricQuantizeFloats`; the zero point is then
    /// `quant_min` or `middle`. LiteRT's own affine formula keeps the scale 0, which quantizes nothing. LiteRT has
    /// symmetric parameters of signed types only.
    LiteRt,
}

impl Formula {
    /// The scale and the zero point of one range, which may lie on one side of 0 or be a single number.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] if a bound of the range is NaN or infinite, or its width is an infinite `f32` where the formula
    /// computes it in `f32`; [`Error::ReversedRange`] if `min > max`; [`Error::Scale`] if the scale is no positive
    /// normal `f32`, because of `eps` or because a huge range meets very few quantized values; [`Error::OneSided`] for
    /// symmetric parameters by LiteRT's formula if the zero point is the smallest or the largest quantized value.
    pub fn scale_and_zero_point(
        self,
        range: Range,
        quantized: QuantRange,
        symmetry: Symmetry,
    ) -> Result<(Scale, i32), Error> {
        self.find(range, quantized, symmetry, Ok)
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
        quantized: QuantRange,
        symmetry: Symmetry,
    ) -> Result<(Scale, i32), Error> {
        self.find(range, quantized, symmetry, |scale| {
            #[expect(clippy::cast_possible_truncation, reason = "the scale is rounded to f32")]
            let rounded = Scale::new(scale as f32)?;
            // An f64 may round down to a power of two.
            let above = if f64::from(rounded.get()) < scale { Scale::new(rounded.get().next_up())? } else { rounded };
            Ok(f64::from(above.to_power_of_two()?.get()))
        })
    }

    /// The parameters with the scale that `choose` makes of the formula's.
    fn find(
        self,
        range: Range,
        quantized: QuantRange,
        symmetry: Symmetry,
        choose: impl Fn(f64) -> Result<f64, Error>,
    ) -> Result<(Scale, i32), Error> {
        if range.min > range.max {
            return Err(Error::ReversedRange { min: range.min, max: range.max });
        }
        match self {
            Formula::Torch { eps } => torch::scale_and_zero_point(range, quantized, symmetry, eps, choose),
            Formula::OnnxRuntime { min_real_range } => {
                onnx_runtime::scale_and_zero_point(range, quantized, symmetry, min_real_range, choose)
            }
            Formula::LiteRt => litert::scale_and_zero_point(range, quantized, symmetry, choose),
        }
    }
}
