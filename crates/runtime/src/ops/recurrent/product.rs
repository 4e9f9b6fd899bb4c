//! The products of a recurrent layer with its weights.

use core::ops::Range;

use fourfold_kernels::{FloatMatrix, Kernel, PackedFloatMatrix};
use fourfold_schemes::{DynamicScheme, QuantParams};
use fourfold_tensor::Tensor;
use fourfold_tensor::memory::{collected, copied};

use crate::Error;
use crate::ops::linear::{DynamicLinear, pack_float};
use crate::ops::{Action, Scratch};

/// A weight as the graph has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weight<'g> {
    /// `[d * gates * hidden, ..]`.
    pub(super) tensor: &'g Tensor,
    /// The parameters of a quantized weight, and how the other side is quantized; `None` for floats.
    pub(super) quantized: Option<(&'g QuantParams, DynamicScheme)>,
    /// `[d * gates * hidden]`.
    pub(super) bias: &'g [f32],
}

/// What products are computed with.
pub(super) struct Tools<'a> {
    pub(super) kernel: Kernel,
    pub(super) scratch: &'a mut Scratch,
}

/// `x * weight^T + bias` for some rows of a weight.
#[derive(Debug)]
pub(super) enum Product {
    /// Of floats.
    Float { packed: PackedFloatMatrix, bias: Vec<f32> },
    /// Of a quantized weight.
    Dynamic(DynamicLinear),
    /// Of inputs without features, which leaves the bias.
    Empty { bias: Vec<f32> },
}

impl Product {
    pub(super) fn new(kernel: Kernel, weight: Weight<'_>, rows: Range<usize>) -> Result<Self, Error> {
        let bias = copied(&weight.bias[rows.clone()])?;
        if weight.tensor.is_empty() {
            return Ok(Self::Empty { bias });
        }
        let tensor = weight.tensor.rows(rows.clone())?;
        let Some((params, scheme)) = weight.quantized else {
            return Ok(Self::Float { packed: pack_float(&tensor)?, bias });
        };
        let scales: Vec<f32> = match params.scales() {
            [one] => vec![one.get()],
            each => collected(each[rows].iter().map(|scale| scale.get()))?,
        };
        Ok(Self::Dynamic(DynamicLinear::symmetric(kernel, scheme, &tensor, scales, Some(bias))?))
    }

    /// Bytes of the weight, which is a copy of that of the graph.
    pub(super) fn packed_bytes(&self) -> usize {
        match self {
            Product::Float { packed, .. } => packed.bytes(),
            Product::Dynamic(product) => product.packed_bytes(),
            Product::Empty { .. } => 0,
        }
    }

    /// `x: [m, k]`, `out: [m, n]` with `row_stride` elements between its rows.
    pub(super) fn multiply(
        &self,
        x: &[f32],
        m: usize,
        out: &mut [f32],
        row_stride: usize,
        tools: &mut Tools<'_>,
    ) -> Result<(), Error> {
        let Tools { kernel, scratch } = tools;
        match self {
            Product::Dynamic(product) => product.multiply(*kernel, x, m, out, row_stride, scratch),
            Product::Empty { bias } => {
                fill_rows(out, row_stride, m, bias);
                Ok(())
            }
            Product::Float { packed, bias } => {
                fill_rows(out, row_stride, m, bias);
                let lhs = FloatMatrix::row_major(x, packed.k());
                Ok(kernel.multiply_add_packed(m, lhs, packed, out, row_stride)?)
            }
        }
    }
}

/// The same numbers at the start of `m` rows.
fn fill_rows(out: &mut [f32], row_stride: usize, m: usize, row: &[f32]) {
    out.chunks_mut(row_stride).take(m).for_each(|out| out[..row.len()].copy_from_slice(row));
}
