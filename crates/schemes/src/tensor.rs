//! Quantization of whole tensors.

use fourfold_kernels::{Affine, Kernel};
use fourfold_tensor::{DType, Tensor};

use crate::step::Quotient;
use crate::{CodeParams, Error, QuantParams};

/// Quantizes an `f32` tensor by equation (2); a NaN becomes its zero point.
///
/// # Errors
///
/// [`Error::Tensor`] if `x` is not `f32`, [`Error::Channels`] if per-channel parameters do not fit its shape,
/// [`Error::NotQuantized`] if the parameters are of type `i32`.
pub fn quantize(x: &Tensor, params: &QuantParams) -> Result<Tensor, Error> {
    let mut codes = Tensor::zeros(params.dtype(), x.shape())?;
    let x_slice = x.as_slice::<f32>()?;
    let kernel = Kernel::detect();
    match params.dtype() {
        DType::U8 => {
            let out = codes.as_mut_slice::<u8>()?;
            for_each_run(x.shape(), params, |run, affine| {
                Ok(kernel.quantize_u8(&x_slice[run.clone()], affine, &mut out[run])?)
            })?;
        }
        DType::I8 => {
            let out = codes.as_mut_slice::<i8>()?;
            for_each_run(x.shape(), params, |run, affine| {
                Ok(kernel.quantize_i8(&x_slice[run.clone()], affine, &mut out[run])?)
            })?;
        }
        dtype => return Err(Error::NotQuantized { dtype }),
    }
    Ok(codes)
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
    let x_slice = x.as_slice::<f32>()?;
    let mut codes = Tensor::zeros(params.dtype(), x.shape())?;
    if params.dtype().byte_range().is_none() {
        return Err(Error::NotQuantized { dtype: params.dtype() });
    }
    params.check_shape(x.shape())?;
    let wide = CodeParams::try_from(params)?;
    let out = codes.bytes_mut()?;
    wide.sharing().for_each_run(x.shape(), |run, index| {
        let step = wide.step(index, Quotient::Reciprocal);
        for (out, &x) in out[run.clone()].iter_mut().zip(&x_slice[run]) {
            *out = step.quantize(x).to_le_bytes()[0];
        }
        Ok(())
    })?;
    Ok(codes)
}

/// Dequantizes a tensor of codes by equation (1).
///
/// # Errors
///
/// [`Error::Tensor`] if `codes` is not of the parameters' type, [`Error::Channels`] if per-channel parameters do not
/// fit its shape.
pub fn dequantize(codes: &Tensor, params: &QuantParams) -> Result<Tensor, Error> {
    let mut real = Tensor::zeros(DType::F32, codes.shape())?;
    let out = real.as_mut_slice::<f32>()?;
    let kernel = Kernel::detect();
    match params.dtype() {
        DType::U8 => {
            let q = codes.as_slice::<u8>()?;
            for_each_run(codes.shape(), params, |run, affine| {
                Ok(kernel.dequantize_u8(&q[run.clone()], affine, &mut out[run])?)
            })?;
        }
        DType::I8 => {
            let q = codes.as_slice::<i8>()?;
            for_each_run(codes.shape(), params, |run, affine| {
                Ok(kernel.dequantize_i8(&q[run.clone()], affine, &mut out[run])?)
            })?;
        }
        _ => {
            let q = codes.as_slice::<i32>()?;
            for_each_run(codes.shape(), params, |run, affine| {
                for (out, &q) in out[run.clone()].iter_mut().zip(&q[run]) {
                    #[expect(clippy::cast_precision_loss, reason = "equation (1) in f32")]
                    let steps = q.wrapping_sub(affine.zero_point) as f32;
                    *out = affine.scale * steps;
                }
                Ok(())
            })?;
        }
    }
    Ok(real)
}

/// Calls `f` with each contiguous run of elements that share parameters.
fn for_each_run(
    shape: &[usize],
    params: &QuantParams,
    mut f: impl FnMut(core::ops::Range<usize>, Affine) -> Result<(), Error>,
) -> Result<(), Error> {
    params.check_shape(shape)?;
    params.sharing().for_each_run(shape, |run, index| {
        let (scale, zero_point) = (params.scales()[index].get(), params.zero_points()[index]);
        f(run, Affine { scale, zero_point, q_min: params.quant_min(), q_max: params.quant_max() })
    })
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
    fn channels_of_any_axis_are_quantized_apart() {
        let x = Tensor::from_vec(&[2, 3], vec![1.0_f32, 1.0, 1.0, 1.0, 1.0, 1.0]).expect("six");
        let rows = quantize(&x, &per_channel(0, &[1.0, 0.5])).expect("fits");
        assert_eq!(rows.as_slice::<i8>(), Ok(&[1, 1, 1, 2, 2, 2][..]));
        let columns = quantize(&x, &per_channel(1, &[1.0, 0.5, 0.25])).expect("fits");
        assert_eq!(columns.as_slice::<i8>(), Ok(&[1, 2, 4, 1, 2, 4][..]));
        assert!(matches!(quantize(&x, &per_channel(2, &[1.0])), Err(Error::Channels { .. })));
    }

    proptest! {
        #[test]
        fn every_code_survives_a_round_trip(scale in 1e-30_f32..1e30, zero_point in 0_i32..=255) {
            let params = QuantParams::per_tensor(DType::U8, (0, 255), Scale::new(scale).expect("normal"), zero_point).expect("valid");
            let codes = Tensor::from_vec(&[256], (0..=255_u8).collect()).expect("256 codes");
            let real = dequantize(&codes, &params).expect("u8");
            prop_assert_eq!(quantize(&real, &params).expect("f32"), codes);
        }

        #[test]
        fn the_error_is_at_most_half_a_step_inside_the_range(values in proptest::collection::vec(-1000.0_f32..1000.0, 2..50)) {
            let (min, max) = values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(lo, hi), &v| (lo.min(v), hi.max(v)));
            let params = crate::Scheme::U8_AFFINE.per_tensor(crate::Range { min, max }).expect("finite");
            let (scale, _) = params.as_per_tensor().expect("per tensor");
            let x = Tensor::from_vec(&[values.len()], values.clone()).expect("fits");
            let back = dequantize(&quantize(&x, &params).expect("f32"), &params).expect("u8");
            for (x, y) in values.iter().zip(back.as_slice::<f32>().expect("f32")) {
                // The zero point is rounded, so an end of the range may lie up to half a step outside the codes.
                prop_assert!((x - y).abs() <= scale.get() * 1.001, "{x} came back as {y} at scale {scale}");
            }
        }
    }
}
