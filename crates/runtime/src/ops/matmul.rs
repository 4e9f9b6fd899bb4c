//! `[.., m, k] * [.., k, n]`, row-major, the outer axes broadcast.

use fourfold_graph::{Activation, Node};
use fourfold_kernels::{FloatMatrix, Lhs, Weights, ZeroPoints};
use fourfold_schemes::{QuantParams, exact_depth};
use fourfold_tensor::Shape;

use super::requantize::{Epilogue, Requantize};
use super::{Action, Call, Encoding, Lower, Scratch};
use crate::Error;
use crate::lower::Lowering;
use crate::plan::Layout;

/// The operator [`Op::MatMul`](fourfold_graph::Op::MatMul).
pub(crate) struct MatMul;

impl Lower for MatMul {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        if lowering.is_quantized(node) {
            let operands = [lowering.params(node, 0)?, lowering.params(node, 1)?];
            let action = QuantizedMatMul::new(operands, lowering.ty(node.output()).params())?;
            lowering.add(node, Layout::RowMajor, 2, action);
        } else {
            lowering.add(node, Layout::RowMajor, 2, FloatMatMul);
        }
        Ok(())
    }
}

/// A product of floats.
#[derive(Debug)]
struct FloatMatMul;

impl Action for FloatMatMul {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let [a, b] = [call.inputs[0], call.inputs[1]];
        let (m, k) = last_two(&a.shape);
        let (_, n) = last_two(&b.shape);
        let out = bytemuck::cast_slice_mut::<u8, f32>(call.output);
        out.fill(0.0);
        if k == 0 {
            return Ok(());
        }
        let Scratch { kernel: scratch, budget, .. } = call.scratch;
        for (index, out) in out.chunks_exact_mut((m * n).max(1)).enumerate() {
            let outer = &call.output_shape[..call.output_shape.len() - 2];
            let a = &a.elements::<f32>()[matrix_index(index, outer, a.shape) * m * k..][..m * k];
            let b = &b.elements::<f32>()[matrix_index(index, outer, b.shape) * k * n..][..k * n];
            let (lhs, rhs) = (FloatMatrix::row_major(a, k), FloatMatrix::row_major(b, n));
            budget.allow(k * n * size_of::<f32>())?;
            call.kernel.multiply_add((m, n, k), lhs, rhs, out, n, scratch)?;
        }
        Ok(())
    }
}

/// Equations (3) and (4) of two activations; the right side is packed while running.
#[derive(Debug)]
struct QuantizedMatMul {
    operands: [Encoding; 2],
    /// The largest depth whose sums fit `i32`.
    limit: usize,
    epilogue: Epilogue,
    /// The byte of 0, the sum of no products.
    zero: u8,
}

impl QuantizedMatMul {
    /// Without parameters for the result, it is the sums.
    fn new([a, b]: [&QuantParams; 2], y: Option<&QuantParams>) -> Result<Self, Error> {
        let epilogue = match y {
            Some(y) => Epilogue::Requantize(Requantize::new(a, b, None, y, Activation::None)?),
            None => Epilogue::Sums(None),
        };
        let [zero, ..] = y.map_or(0, |y| y.zero_points()[0]).to_le_bytes();
        Ok(Self { operands: [a, b].map(Encoding::of), limit: exact_depth(a, b), epilogue, zero })
    }
}

impl Action for QuantizedMatMul {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let ([a, b], [lhs, rhs]) = ([call.inputs[0], call.inputs[1]], self.operands);
        let ((m, k), (_, n)) = (last_two(&a.shape), last_two(&b.shape));
        if k > self.limit {
            return Err(Error::Accumulator { depth: k, limit: self.limit });
        }
        let outer = &call.output_shape[..call.output_shape.len() - 2];
        if k == 0 {
            call.output.fill(self.zero);
            return Ok(());
        }
        let Scratch { kernel: scratch, packed, budget, .. } = call.scratch;
        budget.allow(k.saturating_mul(n))?;
        let mut held = None;
        for (index, out) in call.output.chunks_exact_mut((m * n * self.epilogue.size()).max(1)).enumerate() {
            let matrix = matrix_index(index, outer, b.shape);
            if held.replace(matrix) != Some(matrix) {
                let values = b.section(matrix * k * n, k * n).quantized(rhs.signed);
                let weights = Weights::column_major(values, n, k, ZeroPoints::One(rhs.zero_point));
                call.kernel.pack_into(&weights, packed)?;
            }
            let values = a.section(matrix_index(index, outer, a.shape) * m * k, m * k).quantized(lhs.signed);
            let lhs = Lhs { values, m, row_stride: k, zero_points: ZeroPoints::One(lhs.zero_point) };
            call.kernel.gemm(&lhs, packed, self.epilogue.output(out, n), scratch)?;
        }
        Ok(())
    }
}

fn last_two(shape: &Shape) -> (usize, usize) {
    (shape[shape.len() - 2], shape[shape.len() - 1])
}

/// Which matrix of an operand belongs to matrix `index` of a result with the given outer axes.
fn matrix_index(mut index: usize, outer: &[usize], operand: Shape) -> usize {
    let own = &operand[..operand.len() - 2];
    let (mut found, mut stride) = (0, 1);
    for axis in (0..outer.len()).rev() {
        let position = index % outer[axis];
        index /= outer[axis];
        if let Some(size) = (axis + own.len()).checked_sub(outer.len()).map(|axis| own[axis]) {
            found += if size == 1 { 0 } else { position * stride };
            stride *= size;
        }
    }
    found
}
