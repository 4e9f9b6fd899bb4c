//! From an observed range to parameters.

use fourfold_tensor::DType;
use serde::{Deserialize, Serialize};

use crate::{Error, Granularity, QuantParams, QuantRange, QuantType, Scale, torch};

/// The smallest and the largest value that was observed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The smallest value.
    pub min: f32,
    /// The largest value.
    pub max: f32,
}

/// Where the quantized values lie around 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Symmetry {
    /// They span the observed range, from which the zero point follows.
    Affine,
    /// They span as far below 0 as above; the zero point is the middle of their range.
    Symmetric,
}

/// How the parameters of `i8` and `u8` values follow from an observed range.
///
/// With `lo = min(min, 0)` and `hi = max(max, 0)`, all in `f32` (PyTorch's `_calculate_qparams`):
///
/// ```text
/// affine:     scale = max((hi - lo) / (q_max - q_min), eps)
///             zero_point = clamp(q_min - round_half_even(lo / scale), q_min, q_max)
/// symmetric:  scale = max(max(-lo, hi) / ((q_max - q_min) / 2), eps)
///             zero_point = 0 for i8; for u8 128, and floor((q_min + q_max) / 2) for a smaller range
/// ```
///
/// The feature `recipes` has the formulas of ONNX Runtime and LiteRT, and other types.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scheme {
    /// The type of the quantized values: `u8` or `i8`.
    #[serde(with = "byte_type")]
    pub dtype: DType,
    /// The smallest quantized value.
    pub quant_min: i32,
    /// The largest quantized value.
    pub quant_max: i32,
    /// Affine or symmetric.
    pub symmetry: Symmetry,
    /// The smallest scale.
    pub eps: f32,
    /// Whether values are quantized as PyTorch quantizes them. They saturate at the bounds of the type, not at
    /// `quant_min` and `quant_max`, over which the observed range is spread. Constants are quantized by
    /// [`quantize_by_reciprocal`](crate::quantize_by_reciprocal), activations always by equation (2).
    #[serde(default)]
    pub torch_codes: bool,
}

impl Scheme {
    /// Unsigned, affine, 0 to 255: activations.
    pub const U8_AFFINE: Scheme = Scheme {
        dtype: DType::U8,
        quant_min: 0,
        quant_max: 255,
        symmetry: Symmetry::Affine,
        eps: f32::EPSILON,
        torch_codes: false,
    };

    /// Unsigned, affine, the observed range on 0 to 127: activations as PyTorch's fbgemm engine wants them
    /// (`reduce_range`). What lies outside the observed range is quantized up to 255.
    pub const U8_AFFINE_REDUCED: Scheme = Scheme { quant_max: 127, torch_codes: true, ..Scheme::U8_AFFINE };

    /// Signed, symmetric, -127 to 127: weights. `scale = max(|w|) / 127`.
    pub const I8_SYMMETRIC: Scheme = Scheme {
        dtype: DType::I8,
        quant_min: -127,
        quant_max: 127,
        symmetry: Symmetry::Symmetric,
        eps: f32::EPSILON,
        torch_codes: false,
    };

    /// Signed, symmetric, -128 to 127: weights as PyTorch quantizes them. `scale = max(|w|) / 127.5`, so that the
    /// largest weight is a tie, which [`quantize_by_reciprocal`](crate::quantize_by_reciprocal) breaks as PyTorch does.
    pub const I8_SYMMETRIC_FULL: Scheme = Scheme { quant_min: -128, torch_codes: true, ..Scheme::I8_SYMMETRIC };

    /// The scale and the zero point for one range.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] if a bound of the range is NaN or infinite, or its width is; [`Error::QuantRange`] if
    /// `quant_min` and `quant_max` do not fit the type, [`Error::NotQuantized`] if that is not of 8 bits;
    /// [`Error::Scale`] if `eps` is not a scale and the range gives none.
    pub fn scale_and_zero_point(&self, range: Range) -> Result<(Scale, i32), Error> {
        torch::scale_and_zero_point(range, self.observed()?, self.symmetry, self.eps, Ok)
    }

    /// The parameters of a whole tensor.
    ///
    /// # Errors
    ///
    /// As [`Scheme::scale_and_zero_point`].
    pub fn per_tensor(&self, range: Range) -> Result<QuantParams, Error> {
        let (scale, zero_point) = self.scale_and_zero_point(range)?;
        QuantParams::of_range(self.saturated()?, Granularity::PerTensor { scale, zero_point })
    }

    /// The parameters of a tensor with one range per index of `axis`.
    ///
    /// # Errors
    ///
    /// As [`Scheme::per_tensor`].
    pub fn per_channel(&self, axis: usize, ranges: &[Range]) -> Result<QuantParams, Error> {
        let pairs = ranges.iter().map(|&range| self.scale_and_zero_point(range)).collect::<Result<Vec<_>, _>>()?;
        let (scales, zero_points) = pairs.into_iter().unzip();
        QuantParams::of_range(self.saturated()?, Granularity::PerChannel { axis, scales, zero_points })
    }

    /// The values that the observed range is spread over.
    fn observed(&self) -> Result<QuantRange, Error> {
        let dtype = self.dtype;
        let ty = QuantType::of(dtype).filter(|ty| ty.bits() == 8).ok_or(Error::NotQuantized { dtype })?;
        QuantRange::new(ty, self.quant_min, self.quant_max)
    }

    /// The values that occur.
    fn saturated(&self) -> Result<QuantRange, Error> {
        let range = self.observed()?;
        Ok(if self.torch_codes { QuantRange::full(range.quant_type()) } else { range })
    }
}

mod byte_type {
    //! Serde form of the two quantized activation and weight types.

    use fourfold_tensor::DType;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(dtype: &DType, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(dtype.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DType, D::Error> {
        let name = String::deserialize(deserializer)?;
        let byte = DType::ALL.into_iter().find(|dtype| dtype.byte_range().is_some() && dtype.name() == name);
        byte.ok_or_else(|| D::Error::custom(format!("unknown quantized type {name:?}, expected \"u8\" or \"i8\"")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(scheme: Scheme, min: f32, max: f32) -> (f32, i32) {
        let (scale, zero_point) = scheme.scale_and_zero_point(Range { min, max }).expect("a finite range");
        (scale.get(), zero_point)
    }

    #[test]
    fn constants_follow_pytorch() {
        assert_eq!(params(Scheme::U8_AFFINE, 0.0, 0.0), (f32::EPSILON, 0));
        assert_eq!(params(Scheme::U8_AFFINE, 5.0, 5.0), (5.0 / 255.0, 0));
        assert_eq!(params(Scheme::U8_AFFINE, -5.0, -5.0), (5.0 / 255.0, 255));
        assert_eq!(params(Scheme::I8_SYMMETRIC_FULL, -3.0, 1.0), (3.0 / 127.5, 0));
        assert_eq!(params(Scheme::I8_SYMMETRIC, -3.0, 1.0), (3.0 / 127.0, 0));
    }

    #[test]
    fn ranges_that_are_not_finite_are_refused() {
        for (min, max) in
            [(f32::NAN, 1.0), (0.0, f32::INFINITY), (f32::MIN, f32::MAX), (f32::INFINITY, f32::NEG_INFINITY)]
        {
            assert!(matches!(Scheme::U8_AFFINE.per_tensor(Range { min, max }), Err(Error::Range { .. })));
        }
    }

    #[test]
    fn values_that_are_not_of_the_type_are_refused() {
        let range = Range { min: -1.0, max: 1.0 };
        for symmetry in [Symmetry::Affine, Symmetry::Symmetric] {
            for (quant_min, quant_max) in [(5, 0), (3, 3), (i32::MIN, i32::MAX), (0, 256), (-1, 255)] {
                for torch_codes in [false, true] {
                    let scheme = Scheme { quant_min, quant_max, symmetry, torch_codes, ..Scheme::U8_AFFINE };
                    let refused = Error::QuantRange { ty: QuantType::U8, quant_min, quant_max };
                    assert_eq!(scheme.per_tensor(range), Err(refused));
                }
            }
            let scheme = Scheme { dtype: DType::I32, symmetry, ..Scheme::U8_AFFINE };
            assert_eq!(scheme.per_tensor(range), Err(Error::NotQuantized { dtype: DType::I32 }));
        }
        let no_scale = Scheme { eps: 0.0, ..Scheme::U8_AFFINE };
        assert_eq!(no_scale.per_tensor(Range { min: 0.0, max: 0.0 }), Err(Error::Scale { value: 0.0 }));
    }

    #[test]
    fn every_channel_has_its_own_scale() {
        let ranges = [Range { min: -1.0, max: 0.5 }, Range { min: 0.0, max: 254.0 }];
        let params = Scheme::I8_SYMMETRIC.per_channel(0, &ranges).expect("finite ranges");
        assert_eq!(params.scales().iter().map(|scale| scale.get()).collect::<Vec<_>>(), [1.0 / 127.0, 2.0]);
    }
}
