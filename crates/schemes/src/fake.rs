//! Quantization for those who train elsewhere: the error of codes, without codes.

use fourfold_tensor::{DType, Tensor};

use crate::step::Quotient;
use crate::{CodeParams, Error};

/// What [`fake_quantize`] makes of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct FakeQuantized {
    /// The real numbers that the codes stand for, `f32`, of the shape of the input.
    pub values: Tensor,
    /// Where gradients pass, row-major: the derivative of the straight-through estimator is 1 where this is true, else
    /// 0.
    pub mask: Vec<bool>,
}

/// Quantizes and dequantizes an `f32` tensor:
///
/// ```text
/// r     = round_half_even(x / scale) + zero_point
/// value = scale * (clamp(r, quant_min, quant_max) - zero_point)        mask = quant_min <= r <= quant_max
/// ```
///
/// The values are bit for bit those of [`QuantTensor::quantize`](crate::QuantTensor::quantize) and
/// [`QuantTensor::dequantize`](crate::QuantTensor::dequantize), whichever way `x / scale` is computed and zero points
/// are held. NaN has the value of the code of 0, and its mask is false.
///
/// Source: `fake_quantize_per_tensor_affine_cachemask` and its per-channel form in PyTorch, with
/// [`Quotient::Reciprocal`].
///
/// # Errors
///
/// [`Error::Tensor`] if `x` is not `f32`, [`Error::Sharing`] if the parameters do not fit its shape.
pub fn fake_quantize(x: &Tensor, params: &CodeParams, quotient: Quotient) -> Result<FakeQuantized, Error> {
    params.check_shape(x.shape())?;
    let elements = x.as_slice::<f32>()?;
    let mut values = Tensor::zeros(DType::F32, x.shape())?;
    let mut mask = vec![false; elements.len()];
    let out = values.as_mut_slice::<f32>()?;
    let (least, greatest) = (f64::from(params.codes().quant_min()), f64::from(params.codes().quant_max()));
    params.sharing().for_each_run(x.shape(), |run, index| {
        let step = params.step(index, quotient);
        for at in run {
            let unclamped = step.unclamped(elements[at]);
            out[at] = step.dequantize(step.clamp(unclamped));
            mask[at] = (least..=greatest).contains(&unclamped);
        }
        Ok(())
    })?;
    Ok(FakeQuantized { values, mask })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CodeRange, CodeType, QuantTensor, Scale, Sharing, ZeroPoints};
    use proptest::prelude::*;

    #[test]
    fn gradients_pass_where_nothing_is_clamped() {
        let codes = CodeRange::new(CodeType::I8, -2, 3).expect("codes");
        let params = CodeParams::per_tensor(codes, Scale::new(0.5).expect("normal"), 1).expect("valid");
        let x = [-1.75, -1.76, -1.5, 0.3, 1.0, 1.25, 1.26, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        let x = Tensor::from_slice(&[10], &x).expect("fits");
        let fake = fake_quantize(&x, &params, Quotient::Division).expect("f32");
        let values = [-1.5, -1.5, -1.5, 0.5, 1.0, 1.0, 1.0, 0.0, 1.0, -1.5];
        assert_eq!(fake.values.as_slice::<f32>(), Ok(&values[..]));
        // -1.75 and 1.25 are ties, -3.5 and 2.5 steps: to even, so out to -4 and in to 2.
        assert_eq!(fake.mask, [false, false, true, true, true, true, false, false, false, false]);
    }

    #[test]
    fn parameters_must_fit() {
        let codes = CodeRange::full(CodeType::U4);
        let sharing = Sharing::PerChannel { axis: 0 };
        let params = CodeParams::new(codes, sharing, vec![Scale::ONE; 2], ZeroPoints::Integer(vec![0; 2]));
        let params = params.expect("valid");
        let x = |shape: &[usize]| Tensor::zeros(DType::F32, shape).expect("small");
        assert!(matches!(fake_quantize(&x(&[3]), &params, Quotient::Division), Err(Error::Sharing { .. })));
        let codes = Tensor::zeros(DType::U8, &[2]).expect("small");
        assert!(matches!(fake_quantize(&codes, &params, Quotient::Division), Err(Error::Tensor(_))));
        let empty = fake_quantize(&x(&[2, 0]), &params, Quotient::Division).expect("no elements");
        assert!(empty.mask.is_empty());
    }

    proptest! {
        #[test]
        fn values_are_those_of_codes(
            x in proptest::collection::vec(proptest::num::f32::ANY, 12),
            scales in proptest::collection::vec(1e-3_f32..1e3, 6), floats in proptest::collection::vec(-20_f32..20.0, 6),
            ty in proptest::sample::select(CodeType::ALL.to_vec()), is_float: bool, is_reciprocal: bool,
        ) {
            let scales = scales.into_iter().map(|scale| Scale::new(scale).expect("normal")).collect();
            let zero_points = if is_float { ZeroPoints::Float(floats) } else { ZeroPoints::Integer((0..6).collect()) };
            let sharing = Sharing::PerGroup { axis: 1, size: 2 };
            let params = CodeParams::new(CodeRange::full(ty), sharing, scales, zero_points).expect("valid");
            let quotient = if is_reciprocal { Quotient::Reciprocal } else { Quotient::Division };
            let x = Tensor::from_slice(&[3, 4], &x).expect("fits");
            let codes = QuantTensor::quantize(&x, &params, quotient).expect("f32");
            let fake = fake_quantize(&x, &params, quotient).expect("f32");
            prop_assert_eq!(fake.values, codes.dequantize().expect("memory"));
        }
    }
}
