//! `[.., m, k] * [.., k, n]`, row-major, the outer axes broadcast.

use fourfold_graph::Activation;
use fourfold_kernels::{FloatMatrix, Lhs, Weights, ZeroPoints};
use fourfold_schemes::{QuantParams, exact_depth};
use fourfold_tensor::{DType, Shape};

use super::requantize::{End, Requantize};
use super::{Action, Call, Scratch};
use crate::Error;

/// A product of real numbers.
#[derive(Debug)]
pub(crate) struct MatMul;

impl Action for MatMul {
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
pub(crate) struct QuantizedMatMul {
    /// Whether the codes are signed, and their zero point, left and right.
    operands: [(bool, i32); 2],
    /// The largest depth whose sums fit `i32`.
    limit: usize,
    end: End,
    /// The byte of 0, the sum of no products.
    zero: u8,
}

impl QuantizedMatMul {
    /// Without parameters for the result, it is the sums.
    pub(crate) fn new([a, b]: [&QuantParams; 2], y: Option<&QuantParams>) -> Result<Self, Error> {
        let operand = |params: &QuantParams| (params.dtype() == DType::I8, params.zero_points()[0]);
        let end = match y {
            Some(y) => End::Codes(Requantize::new(a, b, None, y, Activation::None)?),
            None => End::Sums(None),
        };
        let [zero, ..] = y.map_or(0, |y| y.zero_points()[0]).to_le_bytes();
        Ok(Self { operands: [operand(a), operand(b)], limit: exact_depth(a, b), end, zero })
    }
}

impl Action for QuantizedMatMul {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let ([a, b], [a_codes, b_codes]) = ([call.inputs[0], call.inputs[1]], self.operands);
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
        for (index, out) in call.output.chunks_exact_mut((m * n * self.end.size()).max(1)).enumerate() {
            let place = matrix_index(index, outer, b.shape);
            if held.replace(place) != Some(place) {
                let codes = b.part(place * k * n, k * n).codes(b_codes.0);
                let weights = Weights::column_major(codes, n, k, ZeroPoints::One(b_codes.1));
                call.kernel.pack_into(&weights, packed)?;
            }
            let codes = a.part(matrix_index(index, outer, a.shape) * m * k, m * k).codes(a_codes.0);
            let lhs = Lhs { codes, m, row_stride: k, zero_points: ZeroPoints::One(a_codes.1) };
            call.kernel.gemm(&lhs, packed, self.end.output(out, n), scratch)?;
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
        let place = index % outer[axis];
        index /= outer[axis];
        if let Some(size) = (axis + own.len()).checked_sub(outer.len()).map(|axis| own[axis]) {
            found += if size == 1 { 0 } else { place * stride };
            stride *= size;
        }
    }
    found
}
