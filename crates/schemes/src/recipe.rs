//! Parameters by the formulas of other quantizers, for every type.

mod float_zero_point;
mod formula;
mod litert;
mod onnx_runtime;

pub use float_zero_point::torch_float_qparams;
pub use formula::Formula;

use crate::{Error, Granularity, QuantParams, QuantRange, QuantType, Range, Scale, Symmetry};

/// Which numbers may be scales.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scales {
    /// Every positive normal `f32`.
    Any,
    /// Powers of two, for hardware that shifts instead of multiplying. The scale of the formula is enlarged to the next
    /// one, so the range still fits; the zero point is computed from the enlarged scale.
    PowersOfTwo,
}

/// How another quantizer chooses parameters from an observed range: for values of any type, by any formula.
///
/// [`Scheme`](crate::Scheme) is what calibration and configuration files use: PyTorch's formula for `i8` and `u8`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
    /// The quantized values that the range is spread over.
    pub quantized: QuantRange,
    /// Affine or symmetric.
    pub symmetry: Symmetry,
    /// Whose formula.
    pub formula: Formula,
    /// Which numbers may be scales.
    pub scales: Scales,
}

/// The smallest scale in PyTorch's configurations for QNNPACK and XNNPACK.
const EPS_QNNPACK: f32 = 1.0 / 4096.0;

impl Recipe {
    /// PyTorch's activations for fbgemm and x86: `u8` affine, the range on 0 to 127, `eps = 2^-23`.
    pub const TORCH_FBGEMM_ACTIVATION: Recipe =
        Recipe::new(QuantRange::reduced(QuantType::U8), Symmetry::Affine, Formula::Torch { eps: f32::EPSILON });

    /// PyTorch's weights for all engines but the next: `i8` symmetric, -128 to 127, `eps = 2^-23`.
    pub const TORCH_WEIGHT: Recipe =
        Recipe::new(QuantRange::full(QuantType::I8), Symmetry::Symmetric, Formula::Torch { eps: f32::EPSILON });

    /// PyTorch's activations of `default_symmetric_qnnpack_qconfig`: `i8` affine, -128 to 127, `eps = 2^-12`.
    pub const TORCH_QNNPACK_ACTIVATION: Recipe =
        Recipe::new(QuantRange::full(QuantType::I8), Symmetry::Affine, Formula::Torch { eps: EPS_QNNPACK });

    /// PyTorch's weights of `default_symmetric_qnnpack_qconfig`: `i8` symmetric, -127 to 127, `eps = 2^-12`.
    pub const TORCH_QNNPACK_WEIGHT: Recipe =
        Recipe::new(QuantRange::narrow(QuantType::I8), Symmetry::Symmetric, Formula::Torch { eps: EPS_QNNPACK });

    /// ONNX Runtime's activations: `u8` affine, 0 to 255.
    pub const ONNX_RUNTIME_ACTIVATION: Recipe =
        Recipe::new(QuantRange::full(QuantType::U8), Symmetry::Affine, Formula::OnnxRuntime { min_real_range: None });

    /// ONNX Runtime's weights: `i8` symmetric, -127 to 127.
    pub const ONNX_RUNTIME_WEIGHT: Recipe = Recipe::new(
        QuantRange::narrow(QuantType::I8),
        Symmetry::Symmetric,
        Formula::OnnxRuntime { min_real_range: None },
    );

    /// LiteRT's activations: `i8` affine, -128 to 127.
    pub const LITERT_ACTIVATION: Recipe =
        Recipe::new(QuantRange::full(QuantType::I8), Symmetry::Affine, Formula::LiteRt);

    /// LiteRT's activations of 16 bits: `i16` symmetric, `scale = absmax / 32767`.
    pub const LITERT_ACTIVATION_16: Recipe =
        Recipe::new(QuantRange::full(QuantType::I16), Symmetry::Symmetric, Formula::LiteRt);

    /// LiteRT's weights: `i8` symmetric, -127 to 127.
    pub const LITERT_WEIGHT: Recipe =
        Recipe::new(QuantRange::narrow(QuantType::I8), Symmetry::Symmetric, Formula::LiteRt);

    /// LiteRT's weights of 4 bits: `i4` symmetric, -7 to 7.
    pub const LITERT_WEIGHT_4: Recipe =
        Recipe::new(QuantRange::narrow(QuantType::I4), Symmetry::Symmetric, Formula::LiteRt);

    /// A recipe whose scales may be any number.
    #[must_use]
    pub const fn new(quantized: QuantRange, symmetry: Symmetry, formula: Formula) -> Self {
        Self { quantized, symmetry, formula, scales: Scales::Any }
    }

    /// The scale and the zero point of one range.
    ///
    /// # Errors
    ///
    /// As [`Formula::scale_and_zero_point`] and, for powers of two, [`Formula::power_of_two_scale_and_zero_point`].
    pub fn scale_and_zero_point(&self, range: Range) -> Result<(Scale, i32), Error> {
        match self.scales {
            Scales::Any => self.formula.scale_and_zero_point(range, self.quantized, self.symmetry),
            Scales::PowersOfTwo => self.formula.power_of_two_scale_and_zero_point(range, self.quantized, self.symmetry),
        }
    }

    /// The parameters of a whole tensor.
    ///
    /// # Errors
    ///
    /// As [`Recipe::scale_and_zero_point`].
    pub fn per_tensor(&self, range: Range) -> Result<QuantParams, Error> {
        let (scale, zero_point) = self.scale_and_zero_point(range)?;
        QuantParams::of_range(self.quantized, Granularity::PerTensor { scale, zero_point })
    }

    /// The parameters of a tensor with one range per index of `axis`.
    ///
    /// # Errors
    ///
    /// As [`Recipe::per_tensor`].
    pub fn per_channel(&self, axis: usize, ranges: &[Range]) -> Result<QuantParams, Error> {
        let pairs = ranges.iter().map(|&range| self.scale_and_zero_point(range)).collect::<Result<Vec<_>, _>>()?;
        let (scales, zero_points) = pairs.into_iter().unzip();
        QuantParams::of_range(self.quantized, Granularity::PerChannel { axis, scales, zero_points })
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod presets {
    use super::*;

    const RANGES: [Range; 2] = [Range { min: -1.0, max: 2.0 }, Range { min: 0.0, max: 7.0 }];

    #[test]
    fn every_channel_has_its_parameters() {
        let params = Recipe::LITERT_WEIGHT_4.per_channel(0, &RANGES).expect("finite");
        let scales: Vec<f32> = params.scales().iter().map(|scale| scale.get()).collect();
        assert_eq!((scales, params.zero_points()), (vec![2.0 / 7.0, 1.0], &[0, 0][..]));
        assert_eq!((params.quant_min(), params.quant_max()), (-7, 7));
        let first = Recipe::LITERT_WEIGHT_4.per_tensor(RANGES[0]).expect("finite");
        assert_eq!(first.scales()[0], params.scales()[0]);
    }

    #[test]
    fn presets_have_the_formulas_of_their_source() {
        let of = |recipe: Recipe, min, max| {
            let (scale, zero_point) = recipe.scale_and_zero_point(Range { min, max }).expect("finite");
            (scale.get(), zero_point)
        };
        assert_eq!(of(Recipe::TORCH_FBGEMM_ACTIVATION, -1.0, 2.0), (3.0 / 127.0, 42));
        assert_eq!(of(Recipe::TORCH_WEIGHT, -1.0, 2.0), (2.0 / 127.5, 0));
        assert_eq!(of(Recipe::TORCH_QNNPACK_ACTIVATION, 0.0, 0.0), (1.0 / 4096.0, -128));
        assert_eq!(of(Recipe::TORCH_QNNPACK_WEIGHT, -1.0, 2.0), (2.0 / 127.0, 0));
        assert_eq!(of(Recipe::ONNX_RUNTIME_ACTIVATION, -1.0, 2.0), (3.0 / 255.0, 85));
        assert_eq!(of(Recipe::ONNX_RUNTIME_WEIGHT, -1.0, 2.0), (2.0 / 127.0, 0));
        assert_eq!(of(Recipe::LITERT_ACTIVATION, -1.0, 2.0), (3.0 / 255.0, -43));
        assert_eq!(of(Recipe::LITERT_ACTIVATION_16, -1.0, 2.0), (2.0 / 32767.0, 0));
        assert_eq!(of(Recipe::LITERT_WEIGHT, -1.0, 2.0), (2.0 / 127.0, 0));
    }

    #[test]
    fn powers_of_two_hold_the_range() {
        let shift = |recipe: Recipe| Recipe { scales: Scales::PowersOfTwo, ..recipe };
        for recipe in [Recipe::LITERT_ACTIVATION, Recipe::ONNX_RUNTIME_ACTIVATION, Recipe::TORCH_QNNPACK_ACTIVATION] {
            let (scale, zero_point) = shift(recipe).scale_and_zero_point(RANGES[0]).expect("finite");
            // 3 / 255 lies between 1/128 and 1/64; -1 is 64 times 1/64.
            assert_eq!((scale.get(), zero_point), (1.0 / 64.0, recipe.quantized.quant_min() + 64), "{recipe:?}");
        }
        let (scale, _) = shift(Recipe::LITERT_WEIGHT).scale_and_zero_point(RANGES[1]).expect("finite");
        assert_eq!(scale.get(), 1.0 / 16.0);
    }
}
