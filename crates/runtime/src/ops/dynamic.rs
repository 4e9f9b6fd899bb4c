//! Linear with 8-bit weights and a real input that is quantized while running, equation (6).

use fourfold_graph::{Activation, Value};
use fourfold_kernels::{Codes, Dynamic, F32Output, Kernel, Lhs, Output, PackedWeights, Scales, ZeroPoints};
use fourfold_schemes::{DynamicScheme, QuantParams, torch_dynamic_params};
use fourfold_tensor::Tensor;
use fourfold_tensor::memory::collected;

use super::linear::{pack, rows};
use super::{Action, Call, Scratch, bias_of, zero_points};
use crate::Error;

/// `out = clamp(f32(acc) * (s_a * s_w) + bias, min, max)`.
#[derive(Debug)]
pub(crate) struct DynamicLinear {
    packed: PackedWeights,
    /// `[n, k]`.
    size: [usize; 2],
    scales: Vec<f32>,
    bias: Option<Vec<f32>>,
    bounds: (f32, f32),
    scheme: DynamicScheme,
}

impl DynamicLinear {
    pub(crate) fn new(
        kernel: Kernel,
        scheme: DynamicScheme,
        (weight, params): (&Tensor, &QuantParams),
        bias: Option<&Value>,
        activation: Activation,
    ) -> Result<Self, Error> {
        let (bias, scales) = (bias_of(bias)?, collected(params.scales().iter().map(|scale| scale.get()))?);
        let zero_points = zero_points(params);
        let size = [weight.shape()[0], weight.shape()[1]];
        Ok(Self { packed: pack(kernel, weight, zero_points)?, size, scales, bias, bounds: activation.bounds(), scheme })
    }

    /// The product with a weight `[n, k]` of codes with zero point 0 and one scale, or one for each row, and a bias
    /// `[n]`.
    pub(crate) fn of_parts(
        kernel: Kernel,
        scheme: DynamicScheme,
        weight: &Tensor,
        scales: Vec<f32>,
        bias: Option<Vec<f32>>,
    ) -> Result<Self, Error> {
        let (packed, size) = (pack(kernel, weight, ZeroPoints::One(0))?, [weight.shape()[0], weight.shape()[1]]);
        Ok(Self { packed, size, scales, bias, bounds: Activation::None.bounds(), scheme })
    }

    /// Multiplies `x: [m, k]`, quantized by itself, into `out: [m, n]` with `row_stride` elements between its rows.
    pub(crate) fn multiply(
        &self,
        kernel: Kernel,
        (x, m): (&[f32], usize),
        out: &mut [f32],
        row_stride: usize,
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        let [_, k] = self.size;
        let Scratch { kernel: kernel_scratch, codes, reals: [row_scales, _], zero_points, budget, .. } = scratch;
        let codes = budget.reserve(codes, m * k)?;
        let row_scales = budget.reserve(row_scales, m)?;
        let zero_points = budget.reserve(zero_points, m)?;
        let (row_scales, zero_points) = match self.scheme {
            DynamicScheme::TorchPerTensor | DynamicScheme::OnnxPerTensor => {
                let (scale, zero_point) = quantize_tensor(kernel, self.scheme, x, codes)?;
                (Scales::One(scale), ZeroPoints::One(zero_point))
            }
            DynamicScheme::PerRow => {
                kernel.quantize_rows(Dynamic::Affine, (x, m, k), codes, row_scales, zero_points)?;
                (Scales::Each(row_scales), ZeroPoints::Each(zero_points))
            }
        };
        let lhs = Lhs { codes: Codes::U8(codes), m, row_stride: k, zero_points };
        let output = Output::F32(F32Output {
            out,
            row_stride,
            row_scales,
            column_scales: match self.scales.as_slice() {
                [one] => Scales::One(*one),
                each => Scales::Each(each),
            },
            bias: self.bias.as_deref(),
            min: self.bounds.0,
            max: self.bounds.1,
        });
        Ok(kernel.gemm(&lhs, &self.packed, output, kernel_scratch)?)
    }
}

impl Action for DynamicLinear {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let ([n, _], x) = (self.size, call.inputs[0]);
        let x = (x.elements(), rows(&x.shape));
        self.multiply(call.kernel, x, bytemuck::cast_slice_mut(call.output), n, call.scratch)
    }

    fn packed_bytes(&self) -> usize {
        self.packed.bytes()
    }
}

/// Quantizes all elements with one scale; returns it and the zero point. A scheme by rows takes them as one row.
pub(crate) fn quantize_tensor(
    kernel: Kernel,
    scheme: DynamicScheme,
    x: &[f32],
    codes: &mut [u8],
) -> Result<(f32, i32), Error> {
    match scheme {
        DynamicScheme::TorchPerTensor => Ok(quantize_as_pytorch(kernel, x, codes)),
        DynamicScheme::PerRow | DynamicScheme::OnnxPerTensor => {
            let affine = kernel.quantize_tensor(Dynamic::Affine, x, codes)?;
            Ok((affine.scale, affine.zero_point))
        }
    }
}

/// Quantizes all elements with one scale and codes 0 to 127, multiplying by the reciprocal of the scale as PyTorch
/// does.
///
/// Returns the scale and the zero point. Values that are not finite are left out of the range; NaN becomes the zero
/// point.
fn quantize_as_pytorch(kernel: Kernel, x: &[f32], codes: &mut [u8]) -> (f32, i32) {
    let seen = kernel.min_max(x);
    let (min, max) = if seen.min <= seen.max { (seen.min, seen.max) } else { (0.0, 0.0) };
    let (scale, zero_point) = torch_dynamic_params(min, max);
    let inverse = 1.0 / scale;
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=127")]
    for (code, &value) in codes.iter_mut().zip(x) {
        let steps = if value.is_nan() { 0.0 } else { (value * inverse).round_ties_even() };
        *code = (steps + zero_point as f32).clamp(0.0, 127.0) as u8;
    }
    (scale, zero_point)
}
