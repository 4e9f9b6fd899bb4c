//! One number to a code and back.

use crate::{CodeRange, Scale};

/// How a number is divided by a scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quotient {
    /// `x / scale`, rounded once: fourfold and ONNX.
    Division,
    /// `x * (1 / scale)`, rounded twice: PyTorch. A tie of the division may not be one here.
    Reciprocal,
}

/// The code of the real number 0, which need not be an integer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Zero {
    Integer(i32),
    Float(f32),
}

/// The arithmetic of elements that share parameters.
///
/// ```text
/// integer zero point:  q = clamp(round_half_even(x / scale) + zero_point)        real = scale * (q - zero_point)
/// float zero point:    q = clamp(round_half_even(x / scale + zero_point))        real = (q - zero_point) * scale
/// ```
///
/// Quotient, sum before rounding and product are `f32`. NaN is quantized as the real number 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) scale: Scale,
    pub(crate) zero: Zero,
    pub(crate) codes: CodeRange,
    pub(crate) quotient: Quotient,
}

impl Step {
    /// The rounded code of `x` before it is clamped; NaN for NaN.
    pub(crate) fn unclamped(self, x: f32) -> f64 {
        let steps = match self.quotient {
            Quotient::Division => x / self.scale.get(),
            Quotient::Reciprocal => x * (1.0 / self.scale.get()),
        };
        match self.zero {
            Zero::Integer(zero_point) => f64::from(steps.round_ties_even()) + f64::from(zero_point),
            Zero::Float(zero_point) => f64::from((steps + zero_point).round_ties_even()),
        }
    }

    /// The code nearest to a code that was not clamped; for NaN the code of 0.
    pub(crate) fn clamp(self, unclamped: f64) -> i32 {
        let code = match self.zero {
            Zero::Integer(zero_point) if unclamped.is_nan() => f64::from(zero_point),
            Zero::Float(zero_point) if unclamped.is_nan() => f64::from(zero_point.round_ties_even()),
            _ => unclamped,
        };
        #[expect(clippy::cast_possible_truncation, reason = "an integer, clamped to codes")]
        let code = code.clamp(f64::from(self.codes.quant_min()), f64::from(self.codes.quant_max())) as i32;
        code
    }

    /// The code of `x`.
    pub(crate) fn quantize(self, x: f32) -> i32 {
        self.clamp(self.unclamped(x))
    }

    /// The real number of a code.
    #[expect(clippy::cast_precision_loss, reason = "the formula rounds steps of more than 24 bits to f32")]
    pub(crate) fn dequantize(self, code: i32) -> f32 {
        match self.zero {
            Zero::Integer(zero_point) => self.scale.get() * (i64::from(code) - i64::from(zero_point)) as f32,
            Zero::Float(zero_point) => (code as f32 - zero_point) * self.scale.get(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CodeType;
    use fourfold_kernels::{Affine, reference};
    use proptest::prelude::*;

    fn step(ty: CodeType, zero: Zero, quotient: Quotient) -> Step {
        Step { scale: Scale::ONE, zero, codes: CodeRange::full(ty), quotient }
    }

    #[test]
    fn what_is_not_finite_has_a_code() {
        for quotient in [Quotient::Division, Quotient::Reciprocal] {
            for ty in CodeType::ALL {
                for zero in [Zero::Integer(3), Zero::Float(3.25)] {
                    let codes =
                        [f32::NAN, f32::INFINITY, f32::NEG_INFINITY].map(|x| step(ty, zero, quotient).quantize(x));
                    assert_eq!(codes, [3, ty.range().1, ty.range().0], "{ty} {zero:?}");
                }
            }
        }
    }

    #[test]
    fn a_float_zero_point_is_added_before_rounding() {
        let codes = |zero| [0.5, 1.5, 2.5].map(|x| step(CodeType::U8, zero, Quotient::Division).quantize(x));
        assert_eq!(codes(Zero::Integer(1)), [1, 3, 3]);
        assert_eq!(codes(Zero::Float(1.0)), [2, 2, 4]);
    }

    proptest! {
        #[test]
        fn bytes_are_those_of_the_kernels(
            x: f32, scale in 1e-30_f32..1e30, zero_point in 0_i32..=255, (q_min, q_max) in (0_i32..=127, 128_i32..=255),
        ) {
            let codes = CodeRange::new(CodeType::U8, q_min, q_max).expect("codes of u8");
            let scale = Scale::new(scale).expect("normal");
            let step = Step { scale, zero: Zero::Integer(zero_point), codes, quotient: Quotient::Division };
            let affine = Affine { scale: scale.get(), zero_point, q_min, q_max };
            for x in [x, x * scale.get(), zero_point as f32 * scale.get() * 0.5] {
                prop_assert_eq!(step.quantize(x), reference::quantize(x, affine), "{}", x);
            }
            prop_assert_eq!(step.dequantize(q_max).to_bits(), reference::dequantize(q_max, affine).to_bits());
        }
    }
}
