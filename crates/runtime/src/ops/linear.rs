//! `x * weight^T + bias`, row-major: `x: [.., k]`, `weight: [n, k]`, result `[.., n]`.

use fourfold_graph::{Activation, Value};
use fourfold_kernels::{FloatMatrix, Kernel, Lhs, PackedFloatMatrix, PackedWeights, Weights, ZeroPoints};
use fourfold_schemes::QuantParams;
use fourfold_tensor::{DType, Tensor};

use super::requantize::End;
use super::{Action, Call, bias_or_zeros, clamp, weight_codes, zero_points};
use crate::Error;

/// Packs a weight `[n, k]` of codes.
pub(crate) fn pack(kernel: Kernel, weight: &Tensor, zero_points: ZeroPoints<'_>) -> Result<PackedWeights, Error> {
    let (n, k) = (weight.shape()[0], weight.shape()[1]);
    Ok(kernel.pack(&Weights::row_major(weight_codes(weight)?, n, k, zero_points))?)
}

/// Packs a weight `[n, k]` of real numbers.
pub(crate) fn pack_float(weight: &Tensor) -> Result<PackedFloatMatrix, Error> {
    let (n, k) = (weight.shape()[0], weight.shape()[1]);
    Ok(FloatMatrix::row_major(weight.as_slice()?, k).transposed().pack(k, n)?)
}

/// Equations (3) and (4).
#[derive(Debug)]
pub(crate) struct QuantizedLinear {
    packed: PackedWeights,
    signed: bool,
    zero_point: i32,
    /// `[n, k]`.
    size: [usize; 2],
    end: End,
}

impl QuantizedLinear {
    pub(crate) fn new(
        kernel: Kernel,
        x: &QuantParams,
        (weight, params): (&Tensor, &QuantParams),
        end: End,
    ) -> Result<Self, Error> {
        let size = [weight.shape()[0], weight.shape()[1]];
        let (signed, zero_point) = (x.dtype() == DType::I8, x.zero_points()[0]);
        Ok(Self { packed: pack(kernel, weight, zero_points(params))?, signed, zero_point, size, end })
    }
}

impl Action for QuantizedLinear {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let ([n, k], x) = (self.size, call.inputs[0]);
        let m = rows(&x.shape);
        let zero_points = ZeroPoints::One(self.zero_point);
        let lhs = Lhs { codes: x.codes(self.signed), m, row_stride: k, zero_points };
        let output = self.end.output(call.output, n);
        Ok(call.kernel.gemm(&lhs, &self.packed, output, &mut call.scratch.kernel)?)
    }

    fn packed_bytes(&self) -> usize {
        self.packed.bytes()
    }
}

/// A product of real numbers.
#[derive(Debug)]
pub(crate) struct FloatLinear {
    packed: PackedFloatMatrix,
    bias: Vec<f32>,
    bounds: (f32, f32),
}

impl FloatLinear {
    pub(crate) fn new(weight: &Tensor, bias: Option<&Value>, activation: Activation) -> Result<Self, Error> {
        let bias = bias_or_zeros(bias, weight.shape()[0])?;
        Ok(Self { packed: pack_float(weight)?, bias, bounds: activation.bounds() })
    }
}

impl Action for FloatLinear {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let (n, k) = (self.packed.n(), self.packed.k());
        let x = call.inputs[0];
        let out = bytemuck::cast_slice_mut::<u8, f32>(call.output);
        out.chunks_exact_mut(n.max(1)).for_each(|row| row.copy_from_slice(&self.bias));
        let lhs = FloatMatrix::row_major(x.elements(), k);
        call.kernel.multiply_add_packed(rows(&x.shape), lhs, &self.packed, out, n)?;
        clamp(out, self.bounds);
        Ok(())
    }

    fn packed_bytes(&self) -> usize {
        self.packed.bytes()
    }
}

/// The number of rows of `[.., k]`.
pub(crate) fn rows(shape: &[usize]) -> usize {
    shape[..shape.len() - 1].iter().product()
}
