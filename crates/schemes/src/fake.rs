//! Fake quantization: the rounding of quantized values without the values, for those who train elsewhere.

use fourfold_tensor::{DType, Tensor};

use crate::quantizer::Quotient;
use crate::{Error, QuantParams};

/// The result of [`fake_quantize`].
#[derive(Clone, Debug, PartialEq)]
pub struct FakeQuantized {
    /// The input quantized and dequantized: `f32`, of its shape.
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
/// With [`Quotient::Division`] the values are bit for bit those of [`quantize`](crate::quantize) and
/// [`dequantize`](crate::dequantize), with [`Quotient::Reciprocal`] those of
/// [`quantize_by_reciprocal`](crate::quantize_by_reciprocal). NaN becomes 0, and its mask is false.
///
/// Source: `fake_quantize_per_tensor_affine_cachemask` and its per-channel form in PyTorch, with
/// [`Quotient::Reciprocal`].
///
/// # Errors
///
/// [`Error::Tensor`] if `x` is not `f32`, [`Error::Channels`] if the parameters do not fit its shape.
pub fn fake_quantize(x: &Tensor, params: &QuantParams, quotient: Quotient) -> Result<FakeQuantized, Error> {
    let elements = x.as_slice::<f32>()?;
    let mut values = Tensor::zeros(DType::F32, x.shape())?;
    let mut mask = vec![false; elements.len()];
    let out = values.as_mut_slice::<f32>()?;
    let range = f64::from(params.quant_min())..=f64::from(params.quant_max());
    params.for_each_run(x.shape(), |run, channel| {
        let quantizer = params.quantizer(channel, quotient);
        for index in run {
            let unclamped = quantizer.unclamped(elements[index]);
            out[index] = quantizer.dequantize(quantizer.clamp(unclamped));
            mask[index] = range.contains(&unclamped);
        }
        Ok(())
    })?;
    Ok(FakeQuantized { values, mask })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Granularity, QuantRange, QuantType, Scale, dequantize, quantize, quantize_by_reciprocal};
    use proptest::prelude::*;

    #[test]
    fn gradients_pass_where_nothing_is_clamped() {
        let scale = Scale::new(0.5).expect("normal");
        let params = QuantParams::per_tensor(DType::I8, (-2, 3), scale, 1).expect("valid");
        let x = [-1.75, -1.76, -1.5, 0.3, 1.0, 1.25, 1.26, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        let x = Tensor::from_slice(&[10], &x).expect("fits");
        let fake = fake_quantize(&x, &params, Quotient::Division).expect("f32");
        let values = [-1.5, -1.5, -1.5, 0.5, 1.0, 1.0, 1.0, 0.0, 1.0, -1.5];
        assert_eq!(fake.values.as_slice::<f32>(), Ok(&values[..]));
        // -1.75 and 1.25 are ties, -3.5 and 2.5 scales: to even, so out to -4 and in to 2.
        assert_eq!(fake.mask, [false, false, true, true, true, true, false, false, false, false]);
    }

    #[test]
    fn parameters_must_fit() {
        let granularity = Granularity::PerChannel { axis: 0, scales: vec![Scale::ONE; 2], zero_points: vec![0; 2] };
        let params = QuantParams::of_range(QuantRange::full(QuantType::U4), granularity).expect("valid");
        let x = |shape: &[usize]| Tensor::zeros(DType::F32, shape).expect("small");
        assert!(matches!(fake_quantize(&x(&[3]), &params, Quotient::Division), Err(Error::Channels { .. })));
        let integers = Tensor::zeros(DType::U8, &[2]).expect("small");
        assert!(matches!(fake_quantize(&integers, &params, Quotient::Division), Err(Error::Tensor(_))));
        let empty = fake_quantize(&x(&[2, 0]), &params, Quotient::Division).expect("no elements");
        assert!(empty.mask.is_empty());
    }

    proptest! {
        #[test]
        fn values_are_those_of_quantized_tensors(
            x in proptest::collection::vec(proptest::num::f32::ANY, 12),
            scales in proptest::collection::vec(1e-3_f32..1e3, 4),
            ty in proptest::sample::select(QuantType::ALL.to_vec()),
        ) {
            let scales = scales.into_iter().map(|scale| Scale::new(scale).expect("normal")).collect();
            let granularity = Granularity::PerChannel { axis: 1, scales, zero_points: vec![0, 1, 0, 1] };
            let params = QuantParams::of_range(QuantRange::full(ty), granularity).expect("valid");
            let x = Tensor::from_slice(&[3, 4], &x).expect("fits");
            for (quotient, quantized) in [
                (Quotient::Division, quantize(&x, &params)),
                (Quotient::Reciprocal, quantize_by_reciprocal(&x, &params)),
            ] {
                let fake = fake_quantize(&x, &params, quotient).expect("f32");
                prop_assert_eq!(fake.values, dequantize(&quantized.expect("f32"), &params).expect("memory"));
            }
        }
    }
}
