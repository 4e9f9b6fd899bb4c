//! Recurrent layers: `x: [time, batch, in]` gives the hidden state of every time step,
//! `[time, d, batch, hidden]`.
//!
//! ```text
//! a = x W^T + b_w      for all time steps and directions at once
//! b = h R^T + b_r      for each time step, h the hidden state of the one before
//! ```
//!
//! What a cell computes of both is written in [`cell`]. With quantized weights, `x` is quantized once for all time
//! steps and `h` in each, by rows or as a whole as the scheme says, and both sums become floats before they meet:
//! `f32(acc) * (s_a * s_w) + bias`.

mod cell;
mod product;

use core::ops::Range;
use std::sync::Arc;

use fourfold_graph::{Cell, Direction, Node};
use fourfold_kernels::Kernel;
use fourfold_math::wide;

use self::product::{Product, Tools, Weight};
use super::{Action, Call, Lower};
use crate::Error;
use crate::lower::Lowering;
use crate::plan::Layout;

impl Lower for fourfold_graph::Recurrent {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let bias = lowering.constant(node, 3)?.as_slice::<f32>()?;
        let (input_bias, recurrent_bias) = bias.split_at(bias.len() / 2);
        let weight = |operand, bias| {
            let quantized = self.dynamic.map(|scheme| Ok::<_, Error>((lowering.params(node, operand)?, scheme)));
            Ok::<_, Error>(Weight {
                tensor: lowering.constant(node, operand)?,
                quantized: quantized.transpose()?,
                bias,
            })
        };
        let (input, recurrent) = (weight(1, input_bias)?, weight(2, recurrent_bias)?);
        let action = Recurrent::new(lowering.kernel, self, input, recurrent)?;
        // The input and the initial states.
        let variables = lowering.variables(node, Layout::RowMajor);
        lowering.finish(node, Layout::RowMajor, Arc::new(action), variables);
        Ok(())
    }

    fn packed_operands(&self) -> Range<usize> {
        1..4
    }
}

/// Buffers of recurrent layers, kept between runs.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    /// `a`, `[time, batch, d * gates * hidden]`.
    input: Vec<f32>,
    /// `b` of one time step, `[batch, gates * hidden]`.
    gates: Vec<f32>,
    /// `[batch, hidden]`.
    hidden: Vec<f32>,
    /// `[batch, hidden]`: the cell state, or the hidden state times the reset gate.
    cell: Vec<f32>,
}

/// Rows with `stride` elements between their first elements.
#[derive(Clone, Copy, Debug)]
struct Rows<'a> {
    elements: &'a [f32],
    stride: usize,
}

/// What one time step reads and writes, as in [`Buffers`].
#[derive(Debug)]
struct State<'a> {
    gates: &'a mut [f32],
    hidden: &'a mut [f32],
    cell: &'a mut [f32],
}

/// A recurrent layer.
#[derive(Debug)]
struct Recurrent {
    attributes: fourfold_graph::Recurrent,
    hidden: usize,
    /// All directions.
    input: Product,
    /// The products with the hidden state, for each direction.
    recurrent: Vec<Vec<GateProduct>>,
}

/// The product with the hidden state for gates that follow each other.
#[derive(Debug)]
struct GateProduct {
    /// The column of the first result among those of all gates.
    column: usize,
    product: Product,
}

impl Recurrent {
    fn new(
        kernel: Kernel,
        attributes: &fourfold_graph::Recurrent,
        input: Weight<'_>,
        recurrent: Weight<'_>,
    ) -> Result<Self, Error> {
        let (gates, hidden) = (attributes.cell.gates(), recurrent.tensor.shape()[1]);
        // The last gate of a GRU may read another hidden state than the others.
        let cuts = if attributes.cell == Cell::GruResetBefore { vec![0, 2, 3] } else { vec![0, gates] };
        let product = |direction: usize, range: &[usize]| {
            let [first, end] = [range[0], range[1]].map(|gate| (direction * gates + gate) * hidden);
            let product = Product::new(kernel, recurrent, first..end)?;
            Ok(GateProduct { column: range[0] * hidden, product })
        };
        let directions = 0..attributes.direction.count();
        let recurrent = directions.map(|direction| cuts.windows(2).map(|range| product(direction, range)).collect());
        Ok(Self {
            attributes: attributes.clone(),
            hidden,
            recurrent: recurrent.collect::<Result<_, Error>>()?,
            input: Product::new(kernel, input, 0..input.bias.len())?,
        })
    }

    /// One time step of one direction: from the hidden state before it to that after it.
    ///
    /// The elements of this direction are the first of every row of `input`.
    fn advance(
        &self,
        products: &[GateProduct],
        input: Rows<'_>,
        State { gates, hidden, cell }: State<'_>,
        tools: &mut Tools<'_>,
    ) -> Result<(), Error> {
        let (width, size) = (self.attributes.cell.gates() * self.hidden, self.hidden);
        let inputs = || input.elements.chunks(input.stride).map(|row| &row[..width]);
        let rows = hidden.len() / size;
        for (index, GateProduct { column, product }) in products.iter().enumerate() {
            let x = if index == 0 { &*hidden } else { &*cell };
            product.multiply(x, rows, &mut gates[*column..], width, tools)?;
            if index == 0 && products.len() == 2 {
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
        let (times, batch) = (x.shape[0], x.shape[1]);
        let (directions, width) = (self.recurrent.len(), self.attributes.cell.gates() * size);
        let mut tools = Tools { kernel: call.kernel, scratch: call.scratch };
        let all = directions * width;
        let input = tools.scratch.budget.reserve(&mut buffers.input, times * batch * all)?;
        self.input.multiply(x.elements(), times * batch, input, all, &mut tools)?;
        let gates = tools.scratch.budget.reserve(&mut buffers.gates, batch * width)?;
        let hidden = tools.scratch.budget.reserve(&mut buffers.hidden, batch * size)?;
        let cell = tools.scratch.budget.reserve(&mut buffers.cell, batch * size)?;
        let out = bytemuck::cast_slice_mut::<u8, f32>(call.output);
        let result = if self.attributes.with_cell_state { 2 * size } else { size };
        for (direction, products) in self.recurrent.iter().enumerate() {
            for (state, initial) in [(&mut *hidden, call.inputs.get(1)), (&mut *cell, call.inputs.get(2))] {
                match initial {
                    Some(initial) => {
                        state.copy_from_slice(&initial.elements()[direction * batch * size..][..batch * size])
                    }
                    None => state.fill(0.0),
                }
            }
            let is_backward = direction == 1 || self.attributes.direction == Direction::Reverse;
            for index in 0..times {
                let time = if is_backward { times - 1 - index } else { index };
                let input = Rows { elements: &input[time * batch * all + direction * width..], stride: all };
                self.advance(products, input, State { gates, hidden, cell }, &mut tools)?;
                let rows = out[(time * directions + direction) * batch * result..].chunks_exact_mut(result);
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
        let recurrent = self.recurrent.iter().flatten().map(|gates| &gates.product);
        recurrent.chain([&self.input]).map(Product::packed_bytes).sum()
    }
}
