//! `[.., m, k] * [.., k, n]`, row-major, the outer axes broadcast.

use fourfold_kernels::FloatMatrix;
use fourfold_tensor::Shape;

use super::{Action, Call};
use crate::Error;
use crate::float_gemm::Multiplier;

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
        let scratch = &mut call.scratch.kernel;
        let mut multiplier = Multiplier { products: call.products, kernel: call.kernel, scratch };
        for (index, out) in out.chunks_exact_mut((m * n).max(1)).enumerate() {
            let outer = &call.output_shape[..call.output_shape.len() - 2];
            let a = &a.elements::<f32>()[matrix_index(index, outer, a.shape) * m * k..][..m * k];
            let b = &b.elements::<f32>()[matrix_index(index, outer, b.shape) * k * n..][..k * n];
            multiplier.multiply_add((m, n, k), FloatMatrix::row_major(a, k), FloatMatrix::row_major(b, n), out, n)?;
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
