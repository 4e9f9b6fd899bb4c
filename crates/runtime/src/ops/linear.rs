//! Linear layers: `x * weight^T + bias`, row-major, with `x: [.., k]`, `weight: [n, k]` and the result `[.., n]`.
//!
//! A layer is one of three actions: float, quantized, or quantized while it runs (`dynamic`).

mod dynamic;

use core::ops::Range;

use fourfold_graph::{Activation, Linear, Node, Value};
use fourfold_kernels::{FloatMatrix, Kernel, Lhs, PackedFloatMatrix, PackedWeights, Weights, ZeroPoints};
use fourfold_schemes::QuantParams;
use fourfold_tensor::Tensor;

pub(crate) use self::dynamic::DynamicLinear;
use super::requantize::Epilogue;
use super::weight::{QuantizedWeight, bias_or_zeros, quantized_elements};
use super::{Action, Call, Encoding, Lower, bias, clamp};
use crate::Error;
use crate::lower::Lowering;
use crate::plan::Layout;

impl Lower for Linear {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let (layout, kernel) = (Layout::RowMajor, lowering.kernel);
        let weight = lowering.constant(node, 1)?;
        if weight.is_empty() {
            let params = lowering.params(node, 1).ok();
            return bias::lower(lowering, node, params, self.activation, layout);
        }
        if let Some(scheme) = self.dynamic {
            let (weight, bias) = (lowering.quantized_weight(node, 1)?, lowering.bias(node));
            lowering.add(node, layout, 1, DynamicLinear::new(kernel, scheme, weight, bias, self.activation)?);
        } else if lowering.is_quantized(node) {
            let (x, epilogue) = (lowering.params(node, 0)?, Epilogue::new(lowering, node, self.activation)?);
            let weight = lowering.quantized_weight(node, 1)?;
            lowering.add(node, layout, 1, QuantizedLinear::new(kernel, x, weight, epilogue)?);
        } else {
            let action = FloatLinear::new(weight, lowering.bias(node), self.activation)?;
            lowering.add(node, layout, 1, action);
        }
        Ok(())
    }

    fn packed_operands(&self) -> Range<usize> {
        1..3
    }
}

/// Packs a quantized weight `[n, k]`.
fn pack(kernel: Kernel, weight: &Tensor, zero_points: ZeroPoints<'_>) -> Result<PackedWeights, Error> {
    let (n, k) = (weight.shape()[0], weight.shape()[1]);
    Ok(kernel.pack(&Weights::row_major(quantized_elements(weight)?, n, k, zero_points))?)
}

/// Packs a weight `[n, k]` of floats.
pub(crate) fn pack_float(weight: &Tensor) -> Result<PackedFloatMatrix, Error> {
    let (n, k) = (weight.shape()[0], weight.shape()[1]);
    Ok(FloatMatrix::row_major(weight.as_slice()?, k).transposed().pack(k, n)?)
}

/// A product of quantized values, requantized: equations (3) and (4) of the crate `fourfold`.
#[derive(Debug)]
struct QuantizedLinear {
    packed: PackedWeights,
    x: Encoding,
    /// `[n, k]`.
    size: [usize; 2],
    epilogue: Epilogue,
}

impl QuantizedLinear {
    fn new(kernel: Kernel, x: &QuantParams, weight: QuantizedWeight<'_>, epilogue: Epilogue) -> Result<Self, Error> {
        let size = [weight.tensor.shape()[0], weight.tensor.shape()[1]];
        let packed = pack(kernel, weight.tensor, weight.zero_points())?;
        Ok(Self { packed, x: Encoding::of(x), size, epilogue })
    }
}

impl Action for QuantizedLinear {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let ([n, k], x) = (self.size, call.inputs[0]);
        let m = rows(&x.shape);
        let zero_points = ZeroPoints::One(self.x.zero_point);
        let lhs = Lhs { values: x.quantized(self.x.signed), m, row_stride: k, zero_points };
        let output = self.epilogue.output(call.output, n);
        Ok(call.kernel.gemm(&lhs, &self.packed, output, &mut call.scratch.kernel)?)
    }

    fn packed_bytes(&self) -> usize {
        self.packed.bytes()
    }
}

/// A product of floats.
#[derive(Debug)]
struct FloatLinear {
    packed: PackedFloatMatrix,
    bias: Vec<f32>,
    bounds: (f32, f32),
}

impl FloatLinear {
    fn new(weight: &Tensor, bias: Option<&Value>, activation: Activation) -> Result<Self, Error> {
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
fn rows(shape: &[usize]) -> usize {
    shape[..shape.len() - 1].iter().product()
}
