//! Linear with 8-bit weights and floats that are quantized while running, equation (6).

use fourfold_graph::{Activation, Value};
use fourfold_kernels::{Dynamic, F32Output, Kernel, Lhs, Output, PackedWeights, QuantizedSlice, Scales, ZeroPoints};
use fourfold_schemes::DynamicScheme;
use fourfold_tensor::Tensor;

use super::{pack, rows};
use crate::Error;
use crate::ops::dynamic::quantize_tensor;
use crate::ops::weight::{QuantizedWeight, bias_of, scales};
use crate::ops::{Action, Call, Scratch};

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
        weight: QuantizedWeight<'_>,
        bias: Option<&Value>,
        activation: Activation,
    ) -> Result<Self, Error> {
        let (bias, scales) = (bias_of(bias)?, weight.scales()?);
        let size = [weight.tensor.shape()[0], weight.tensor.shape()[1]];
        let packed = pack(kernel, weight.tensor, weight.zero_points())?;
        Ok(Self { packed, size, scales, bias, bounds: activation.bounds(), scheme })
    }

    /// The product with a quantized weight `[n, k]` with zero point 0 and one scale, or one for each row, and a bias
    /// `[n]`.
    pub(crate) fn symmetric(
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
        x: &[f32],
        m: usize,
        out: &mut [f32],
        row_stride: usize,
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        let [_, k] = self.size;
        let Scratch { kernel: kernel_scratch, bytes, floats: [row_scales, _], zero_points, budget, .. } = scratch;
        let bytes = budget.reserve(bytes, m * k)?;
        let row_scales = budget.reserve(row_scales, m)?;
        let zero_points = budget.reserve(zero_points, m)?;
        let (row_scales, zero_points) = match self.scheme {
            DynamicScheme::TorchPerTensor | DynamicScheme::OnnxPerTensor => {
                let (scale, zero_point) = quantize_tensor(kernel, self.scheme, x, bytes)?;
                (Scales::One(scale), ZeroPoints::One(zero_point))
            }
            _ => {
                kernel.quantize_rows(Dynamic::Affine, (x, m, k), bytes, row_scales, zero_points)?;
                (Scales::Each(row_scales), ZeroPoints::Each(zero_points))
            }
        };
        let lhs = Lhs { values: QuantizedSlice::U8(bytes), m, row_stride: k, zero_points };
        let output = Output::F32(F32Output {
            out,
            row_stride,
            row_scales,
            column_scales: scales(&self.scales),
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
        let (m, out) = (rows(&x.shape), bytemuck::cast_slice_mut(call.output));
        self.multiply(call.kernel, x.elements(), m, out, n, call.scratch)
    }

    fn packed_bytes(&self) -> usize {
        self.packed.bytes()
    }
}
