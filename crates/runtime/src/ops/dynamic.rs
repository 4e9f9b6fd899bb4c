//! Floats that are quantized while running, with one scale for all.

use fourfold_kernels::{Dynamic, Kernel};
use fourfold_schemes::{DynamicScheme, torch_dynamic_params};

use crate::Error;

/// Quantizes all elements with one scale; returns it and the zero point. A scheme by rows takes them as one row.
pub(crate) fn quantize_tensor(
    kernel: Kernel,
    scheme: DynamicScheme,
    x: &[f32],
    out: &mut [u8],
) -> Result<(f32, i32), Error> {
    if scheme == DynamicScheme::TorchPerTensor {
        return Ok(quantize_as_pytorch(kernel, x, out));
    }
    let affine = kernel.quantize_tensor(Dynamic::Affine, x, out)?;
    Ok((affine.scale, affine.zero_point))
}

/// Quantizes all elements with one scale, to 0 to 127, multiplying by the reciprocal of the scale as PyTorch
/// does.
///
/// Returns the scale and the zero point. Values that are not finite are left out of the range; NaN becomes the zero
/// point.
fn quantize_as_pytorch(kernel: Kernel, x: &[f32], out: &mut [u8]) -> (f32, i32) {
    let seen = kernel.min_max(x);
    let (min, max) = if seen.min <= seen.max { (seen.min, seen.max) } else { (0.0, 0.0) };
    let (scale, zero_point) = torch_dynamic_params(min, max);
    let inverse = 1.0 / scale;
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=127")]
    for (out, &value) in out.iter_mut().zip(x) {
        let scaled = if value.is_nan() { 0.0 } else { (value * inverse).round_ties_even() };
        *out = (scaled + zero_point as f32).clamp(0.0, 127.0) as u8;
    }
    (scale, zero_point)
}
