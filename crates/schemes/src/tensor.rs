//! Quantization of whole tensors.

use fourfold_kernels::{Affine, Kernel};
use fourfold_tensor::{DType, Tensor};

use crate::quantizer::Quotient;
use crate::{Error, QuantParams};

/// Quantizes an `f32` tensor by equation (2); a NaN becomes its zero point.
///
/// # Errors
///
/// [`Error::Tensor`] if `x` is not `f32`, [`Error::Channels`] if per-channel parameters do not fit its shape.
pub fn quantize(x: &Tensor, params: &QuantParams) -> Result<Tensor, Error> {
    let elements = x.as_slice::<f32>()?;
    let mut quantized = Tensor::zeros(params.dtype(), x.shape())?;
    let kernel = Kernel::detect();
    match params.dtype() {
        DType::U8 => {
            let out = quantized.as_mut_slice::<u8>()?;
            params.for_each_run(x.shape(), |run, index| {
                Ok(kernel.quantize_u8(&elements[run.clone()], affine(params, index), &mut out[run])?)
            })?;
        }
        DType::I8 => {
            let out = quantized.as_mut_slice::<i8>()?;
            params.for_each_run(x.shape(), |run, index| {
                Ok(kernel.quantize_i8(&elements[run.clone()], affine(params, index), &mut out[run])?)
            })?;
        }
        _ => return quantize_elements(x, params, Quotient::Division),
    }
    Ok(quantized)
}

/// Quantizes an `f32` tensor as PyTorch does, by multiplication with the reciprocal of the scale:
///
/// ```text
/// q = clamp(round_half_even(x * (1 / scale)) + zero_point, q_min, q_max)
/// ```
///
/// `1 / scale` and the product are rounded, so a tie of equation (2) may not be one here. NaN becomes the zero point.
///
/// # Errors
///
/// As [`quantize`].
pub fn quantize_by_reciprocal(x: &Tensor, params: &QuantParams) -> Result<Tensor, Error> {
    quantize_elements(x, params, Quotient::Reciprocal)
}

/// Quantizes the elements one by one.
fn quantize_elements(x: &Tensor, params: &QuantParams, quotient: Quotient) -> Result<Tensor, Error> {
    let mut quantized = Tensor::zeros(params.dtype(), x.shape())?;
    match params.dtype() {
        DType::I32 => quantize_into(x, params, quotient, quantized.as_mut_slice::<i32>()?, |q| q)?,
        _ => quantize_into(x, params, quotient, quantized.bytes_mut()?, |q| q.to_le_bytes()[0])?,
    }
    Ok(quantized)
}

fn quantize_into<T>(
    x: &Tensor,
    params: &QuantParams,
    quotient: Quotient,
    out: &mut [T],
    element: impl Fn(i32) -> T,
) -> Result<(), Error> {
    let elements = x.as_slice::<f32>()?;
    params.for_each_run(x.shape(), |run, index| {
        let quantizer = params.quantizer(index, quotient);
        let pairs = out[run.clone()].iter_mut().zip(&elements[run]);
        pairs.for_each(|(out, &x)| *out = element(quantizer.quantize(x)));
        Ok(())
    })
}

/// Dequantizes a tensor by equation (1). The difference is exact, and rounded to `f32` if it has more than 24 bits.
///
/// # Errors
///
/// [`Error::Tensor`] if `quantized` is not of the parameters' type, [`Error::Channels`] if per-channel parameters do
/// not fit its shape.
pub fn dequantize(quantized: &Tensor, params: &QuantParams) -> Result<Tensor, Error> {
    let shape = quantized.shape();
    let mut float = Tensor::zeros(DType::F32, shape)?;
    let out = float.as_mut_slice::<f32>()?;
    let kernel = Kernel::detect();
    match params.dtype() {
        DType::U8 => {
            let q = quantized.as_slice::<u8>()?;
            params.for_each_run(shape, |run, index| {
                Ok(kernel.dequantize_u8(&q[run.clone()], affine(params, index), &mut out[run])?)
            })?;
        }
        DType::I8 => {
            let q = quantized.as_slice::<i8>()?;
            params.for_each_run(shape, |run, index| {
                Ok(kernel.dequantize_i8(&q[run.clone()], affine(params, index), &mut out[run])?)
            })?;
        }
        _ => {
            let q = quantized.as_slice::<i32>()?;
            params.for_each_run(shape, |run, index| {
                let quantizer = params.quantizer(index, Quotient::Division);
                out[run.clone()].iter_mut().zip(&q[run]).for_each(|(out, &q)| *out = quantizer.dequantize(q));
                Ok(())
            })?;
        }
    }
    Ok(float)
}

/// The scale and zero point at `index`, as the kernels take them.
fn affine(params: &QuantParams, index: usize) -> Affine {
    let (scale, zero_point) = (params.scales()[index].get(), params.zero_points()[index]);
    Affine { scale, zero_point, q_min: params.quant_min(), q_max: params.quant_max() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Granularity, Scale};
    use proptest::prelude::*;

    fn per_channel(axis: usize, scales: &[f32]) -> QuantParams {
        let scales: Vec<Scale> = scales.iter().map(|&scale| Scale::new(scale).expect("normal")).collect();
        let zero_points = vec![0; scales.len()];
        QuantParams::new(DType::I8, (-127, 127), Granularity::PerChannel { axis, scales, zero_points }).expect("valid")
    }

    #[test]
    fn channels_of_any_axis_have_their_own_scale() {
        let x = Tensor::from_vec(&[2, 3], vec![1.0_f32, 1.0, 1.0, 1.0, 1.0, 1.0]).expect("six");
        let rows = quantize(&x, &per_channel(0, &[1.0, 0.5])).expect("fits");
        assert_eq!(rows.as_slice::<i8>(), Ok(&[1, 1, 1, 2, 2, 2][..]));
        let columns = quantize(&x, &per_channel(1, &[1.0, 0.5, 0.25])).expect("fits");
        assert_eq!(columns.as_slice::<i8>(), Ok(&[1, 2, 4, 1, 2, 4][..]));
        assert!(matches!(quantize(&x, &per_channel(2, &[1.0])), Err(Error::Channels { .. })));
    }

    proptest! {
        #[test]
        fn every_byte_survives_a_round_trip(scale in 1e-30_f32..1e30, zero_point in 0_i32..=255) {
            let scale = Scale::new(scale).expect("normal");
            let params = QuantParams::per_tensor(DType::U8, (0, 255), scale, zero_point).expect("valid");
            let bytes = Tensor::from_vec(&[256], (0..=255_u8).collect()).expect("256 bytes");
            let float = dequantize(&bytes, &params).expect("u8");
            prop_assert_eq!(quantize(&float, &params).expect("f32"), bytes);
        }

        #[test]
        fn the_error_is_at_most_one_scale_inside_the_range(
            values in proptest::collection::vec(-1000.0_f32..1000.0, 2..50),
        ) {
            let min = values.iter().copied().fold(f32::INFINITY, f32::min);
            let max = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let params = crate::Scheme::U8_AFFINE.per_tensor(crate::Range { min, max }).expect("finite");
            let (scale, _) = params.as_per_tensor().expect("per tensor");
            let x = Tensor::from_vec(&[values.len()], values.clone()).expect("fits");
            let back = dequantize(&quantize(&x, &params).expect("f32"), &params).expect("u8");
            for (x, y) in values.iter().zip(back.as_slice::<f32>().expect("f32")) {
                // The zero point is rounded, so a bound of the range may lie up to half a scale outside 0..=255.
                prop_assert!((x - y).abs() <= scale.get() * 1.001, "{x} came back as {y} at scale {scale}");
            }
        }
    }
}
