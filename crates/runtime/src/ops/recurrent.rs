//! Recurrent layers: `x: [steps, batch, in]` gives the hidden state of every step, `[steps, d, batch, hidden]`.
//!
//! ```text
//! a = x W^T + b_w      for all steps and directions at once
//! b = h R^T + b_r      for each step, h the hidden state of the step before
//! ```
//!
//! What a cell makes of both is written in [`cell`]. On codes, `x` is quantized once for all steps and `h` in every
//! step, by rows or as a whole as the scheme says, and both sums become real numbers before they meet: `f32(acc) * (s_a
//! * s_w) + bias`.

mod cell;

use core::ops::Range;

use fourfold_graph::{Cell, Direction, Recurrent as Attributes};
use fourfold_kernels::{FloatMatrix, Kernel, PackedFloatMatrix};
use fourfold_math::wide;
use fourfold_schemes::{DynamicScheme, QuantParams};
use fourfold_tensor::Tensor;
use fourfold_tensor::memory::{collected, copied};

use super::dynamic::DynamicLinear;
use super::linear::pack_float;
use super::{Action, Call, Scratch};
use crate::Error;

/// Buffers of recurrent layers, kept between runs.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    /// `a`, `[steps, batch, d * gates * hidden]`.
    input: Vec<f32>,
    /// `b` of one step, `[batch, gates * hidden]`.
    gates: Vec<f32>,
    /// `[batch, hidden]`.
    hidden: Vec<f32>,
    /// `[batch, hidden]`: the cell state, or the hidden state times the reset gate.
    cell: Vec<f32>,
}

/// A weight as the graph has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weight<'g> {
    /// `[d * gates * hidden, ..]`.
    pub(crate) tensor: &'g Tensor,
    /// What codes mean, and how the other side is quantized; `None` for real numbers.
    pub(crate) codes: Option<(&'g QuantParams, DynamicScheme)>,
    /// `[d * gates * hidden]`.
    pub(crate) bias: &'g [f32],
}

/// A recurrent layer.
#[derive(Debug)]
pub(crate) struct Recurrent {
    attributes: Attributes,
    hidden: usize,
    /// All directions.
    input: Product,
    /// For each direction: the products with the hidden state, and where their results begin among the gates.
    recurrent: Vec<Vec<(usize, Product)>>,
}

impl Recurrent {
    pub(crate) fn new(
        kernel: Kernel,
        attributes: &Attributes,
        input: Weight<'_>,
        recurrent: Weight<'_>,
    ) -> Result<Self, Error> {
        let (gates, hidden) = (attributes.cell.gates(), recurrent.tensor.shape()[1]);
        // The last gate of a GRU may read another hidden state than the others.
        let cuts = if attributes.cell == Cell::GruResetBefore { vec![0, 2, 3] } else { vec![0, gates] };
        let product = |way: usize, part: &[usize]| {
            let [first, end] = [part[0], part[1]].map(|gate| (way * gates + gate) * hidden);
            Ok((part[0] * hidden, Product::new(kernel, recurrent, first..end)?))
        };
        let ways = 0..attributes.direction.count();
        let recurrent = ways.map(|way| cuts.windows(2).map(|part| product(way, part)).collect());
        Ok(Self {
            attributes: attributes.clone(),
            hidden,
            recurrent: recurrent.collect::<Result<_, Error>>()?,
            input: Product::new(kernel, input, 0..input.bias.len())?,
        })
    }

    /// One step of one direction: from the hidden state before it to that after it.
    ///
    /// `input` holds rows of `stride` elements, of which those of this direction are the first.
    fn step(
        &self,
        products: &[(usize, Product)],
        (input, stride): (&[f32], usize),
        (gates, hidden, cell): (&mut [f32], &mut [f32], &mut [f32]),
        tools: &mut Tools<'_>,
    ) -> Result<(), Error> {
        let (width, size) = (self.attributes.cell.gates() * self.hidden, self.hidden);
        let inputs = || input.chunks(stride).map(|row| &row[..width]);
        let rows = hidden.len() / size;
        for (place, (first, product)) in products.iter().enumerate() {
            let x = if place == 0 { &*hidden } else { &*cell };
            product.multiply((x, rows), &mut gates[*first..], width, tools)?;
            if place == 0 && products.len() == 2 {
                let states = hidden.chunks_exact(size).zip(cell.chunks_exact_mut(size));
                wide(
                    #[inline(always)]
                    || {
                        for ((input, gates), (h, reset)) in inputs().zip(gates.chunks_exact_mut(width)).zip(states) {
                            cell::reset(input, gates, h, reset);
                        }
                    },
                );
            }
        }
        let states = hidden.chunks_exact_mut(size).zip(cell.chunks_exact_mut(size));
        wide(
            #[inline(always)]
            || {
                for ((input, gates), (h, c)) in inputs().zip(gates.chunks_exact_mut(width)).zip(states) {
                    match self.attributes.cell {
                        Cell::Lstm => cell::lstm(input, gates, h, c),
                        Cell::Gru => cell::gru(input, gates, h),
                        Cell::GruResetBefore => cell::gru_reset_before(input, gates, h),
                        Cell::Tanh => cell::tanh(input, gates, h),
                        Cell::Relu => cell::relu(input, gates, h),
                    }
                }
            },
        );
        Ok(())
    }

    fn compute(&self, call: Call<'_>, buffers: &mut Buffers) -> Result<(), Error> {
        let (x, size) = (call.inputs[0], self.hidden);
        let (steps, batch) = (x.shape[0], x.shape[1]);
        let (ways, width) = (self.recurrent.len(), self.attributes.cell.gates() * size);
        let mut tools = Tools { kernel: call.kernel, scratch: call.scratch };
        let all = ways * width;
        let input = tools.scratch.budget.reserve(&mut buffers.input, steps * batch * all)?;
        self.input.multiply((x.elements(), steps * batch), input, all, &mut tools)?;
        let gates = tools.scratch.budget.reserve(&mut buffers.gates, batch * width)?;
        let hidden = tools.scratch.budget.reserve(&mut buffers.hidden, batch * size)?;
        let cell = tools.scratch.budget.reserve(&mut buffers.cell, batch * size)?;
        let out = bytemuck::cast_slice_mut::<u8, f32>(call.output);
        let result = if self.attributes.with_cell_state { 2 * size } else { size };
        for (way, products) in self.recurrent.iter().enumerate() {
            for (state, initial) in [(&mut *hidden, call.inputs.get(1)), (&mut *cell, call.inputs.get(2))] {
                match initial {
                    Some(initial) => state.copy_from_slice(&initial.elements()[way * batch * size..][..batch * size]),
                    None => state.fill(0.0),
                }
            }
            let is_backward = way == 1 || self.attributes.direction == Direction::Reverse;
            for step in 0..steps {
                let step = if is_backward { steps - 1 - step } else { step };
                let input = &input[step * batch * all + way * width..];
                self.step(products, (input, all), (gates, hidden, cell), &mut tools)?;
                let rows = out[(step * ways + way) * batch * result..].chunks_exact_mut(result);
                let states = hidden.chunks_exact(size).zip(cell.chunks_exact(size));
                for (row, (h, c)) in rows.zip(states) {
                    row[..size].copy_from_slice(h);
                    if let Some(row) = row.get_mut(size..).filter(|row| !row.is_empty()) {
                        row.copy_from_slice(c);
                    }
                }
            }
        }
        Ok(())
    }
}

impl Action for Recurrent {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        if call.output.is_empty() {
            return Ok(());
        }
        let mut buffers = core::mem::take(&mut call.scratch.recurrent);
        let scratch = &mut *call.scratch;
        let done = self.compute(Call { scratch, ..call }, &mut buffers);
        call.scratch.recurrent = buffers;
        done
    }

    fn packed_bytes(&self) -> usize {
        let recurrent = self.recurrent.iter().flatten().map(|(_, product)| product);
        recurrent.chain([&self.input]).map(Product::packed_bytes).sum()
    }
}

/// What products are computed with.
struct Tools<'a> {
    kernel: Kernel,
    scratch: &'a mut Scratch,
}

/// `x * weight^T + bias` for some rows of a weight.
#[derive(Debug)]
enum Product {
    /// Of real numbers.
    Real { packed: PackedFloatMatrix, bias: Vec<f32> },
    /// Of codes.
    Codes(DynamicLinear),
    /// Of inputs without features, which leaves the bias.
    Nothing { bias: Vec<f32> },
}

impl Product {
    fn new(kernel: Kernel, weight: Weight<'_>, rows: Range<usize>) -> Result<Self, Error> {
        let bias = copied(&weight.bias[rows.clone()])?;
        if weight.tensor.is_empty() {
            return Ok(Self::Nothing { bias });
        }
        let tensor = weight.tensor.rows(rows.clone())?;
        let Some((params, scheme)) = weight.codes else { return Ok(Self::Real { packed: pack_float(&tensor)?, bias }) };
        let scales: Vec<f32> = match params.scales() {
            [one] => vec![one.get()],
            each => collected(each[rows].iter().map(|scale| scale.get()))?,
        };
        Ok(Self::Codes(DynamicLinear::of_parts(kernel, scheme, &tensor, scales, Some(bias))?))
    }

    /// Bytes of the weight, which is a copy of that of the graph.
    fn packed_bytes(&self) -> usize {
        match self {
            Product::Real { packed, .. } => packed.bytes(),
            Product::Codes(product) => product.packed_bytes(),
            Product::Nothing { .. } => 0,
        }
    }

    /// `x: [m, k]`, `out: [m, n]` with `row_stride` elements between its rows.
    fn multiply(
        &self,
        (x, m): (&[f32], usize),
        out: &mut [f32],
        row_stride: usize,
        tools: &mut Tools<'_>,
    ) -> Result<(), Error> {
        let Tools { kernel, scratch } = tools;
        match self {
            Product::Codes(product) => product.multiply(*kernel, (x, m), out, row_stride, scratch),
            Product::Nothing { bias } => {
                fill_rows(out, row_stride, m, bias);
                Ok(())
            }
            Product::Real { packed, bias } => {
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
