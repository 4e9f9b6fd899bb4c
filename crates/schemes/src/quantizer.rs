//! The arithmetic of one element.

use crate::{QuantRange, Scale};

/// How a number is divided by a scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quotient {
    /// `x / scale`, rounded once: fourfold and ONNX.
    Division,
    /// `x * (1 / scale)`, rounded twice: PyTorch. A tie of the division may not be one here.
    Reciprocal,
}

/// The arithmetic of elements that share a scale and a zero point.
///
/// ```text
/// q = clamp(round_half_even(x / scale) + zero_point, quant_min, quant_max)        x ~ scale * (q - zero_point)
/// ```
///
/// Quotient and product are `f32`; the sum is exact. NaN is quantized as 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quantizer {
    pub(crate) scale: Scale,
    pub(crate) zero_point: i32,
    pub(crate) range: QuantRange,
    pub(crate) quotient: Quotient,
}

impl Quantizer {
    /// `round_half_even(x / scale) + zero_point`; NaN for NaN.
    pub(crate) fn unclamped(self, x: f32) -> f64 {
        let quotient = match self.quotient {
            Quotient::Division => x / self.scale.get(),
            Quotient::Reciprocal => x * (1.0 / self.scale.get()),
        };
        f64::from(quotient.round_ties_even()) + f64::from(self.zero_point)
    }

    /// The quantized value nearest to an unclamped one; the zero point for NaN.
    pub(crate) fn clamp(self, unclamped: f64) -> i32 {
        if unclamped.is_nan() {
            return self.zero_point;
        }
        #[expect(clippy::cast_possible_truncation, reason = "an integer, clamped to the range")]
        let q = unclamped.clamp(f64::from(self.range.quant_min()), f64::from(self.range.quant_max())) as i32;
        q
    }

    /// The quantized value of `x`.
    pub(crate) fn quantize(self, x: f32) -> i32 {
        self.clamp(self.unclamped(x))
    }

    /// `scale * (q - zero_point)`. The difference is exact, and rounded to `f32` if it has more than 24 bits.
    #[expect(clippy::cast_precision_loss, reason = "the formula rounds differences of more than 24 bits to f32")]
    pub(crate) fn dequantize(self, q: i32) -> f32 {
        self.scale.get() * (i64::from(q) - i64::from(self.zero_point)) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::QuantType;
    use fourfold_kernels::{Affine, reference};
    use proptest::prelude::*;

    #[test]
    fn what_is_not_finite_is_quantized() {
        for quotient in [Quotient::Division, Quotient::Reciprocal] {
            for ty in QuantType::ALL {
                let quantizer = Quantizer { scale: Scale::ONE, zero_point: 1, range: QuantRange::full(ty), quotient };
                let found = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY].map(|x| quantizer.quantize(x));
                assert_eq!(found, [1, ty.range().1, ty.range().0], "{ty}");
            }
        }
    }

    proptest! {
        #[test]
        fn bytes_are_those_of_the_kernels(
            x: f32,
            scale in 1e-30_f32..1e30,
            zero_point in 0_i32..=255,
            (q_min, q_max) in (0_i32..=127, 128_i32..=255),
        ) {
            let range = QuantRange::new(QuantType::U8, q_min, q_max).expect("a range of u8");
            let scale = Scale::new(scale).expect("normal");
            let quantizer = Quantizer { scale, zero_point, range, quotient: Quotient::Division };
            let affine = Affine { scale: scale.get(), zero_point, q_min, q_max };
            for x in [x, x * scale.get(), zero_point as f32 * scale.get() * 0.5] {
                prop_assert_eq!(quantizer.quantize(x), reference::quantize(x, affine), "{}", x);
            }
            prop_assert_eq!(quantizer.dequantize(q_max).to_bits(), reference::dequantize(q_max, affine).to_bits());
        }
    }
}
