//! Softmax and its logarithm over one axis, row-major, with the same bits on every CPU.

use fourfold_graph::{LogSoftmax, Node};

use super::{Action, Call, Lower, Scratch};
use crate::Error;
use crate::lower::Lowering;
use crate::plan::Layout;

impl Lower for fourfold_graph::Softmax {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let action = Softmax { axis: self.axis, rows: fourfold_math::softmax };
        lowering.add(node, Layout::RowMajor, 1, action);
        Ok(())
    }
}

impl Lower for LogSoftmax {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let action = Softmax { axis: self.axis, rows: fourfold_math::log_softmax };
        lowering.add(node, Layout::RowMajor, 1, action);
        Ok(())
    }
}

/// What is computed of rows of a width.
type Rows = fn(&[f32], usize, &mut [f32]) -> Result<(), fourfold_math::Error>;

/// `exp(x - max) / sum(exp(x - max))`, or its logarithm.
#[derive(Debug)]
struct Softmax {
    axis: usize,
    rows: Rows,
}

impl Action for Softmax {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let shape = call.output_shape;
        let (length, inner) = (shape[self.axis], shape[self.axis + 1..].iter().product::<usize>());
        let x = call.inputs[0].elements::<f32>();
        let out = bytemuck::cast_slice_mut::<u8, f32>(call.output);
        if inner == 1 {
            return Ok((self.rows)(x, length, out)?);
        }
        let Scratch { floats: [line, soft], budget, .. } = call.scratch;
        let (line, soft) = (budget.reserve(line, length)?, budget.reserve(soft, length)?);
        let block = (length * inner).max(1);
        for (x, out) in x.chunks_exact(block).zip(out.chunks_exact_mut(block)) {
            for first in 0..inner {
                line.iter_mut().zip(x[first..].iter().step_by(inner)).for_each(|(line, x)| *line = *x);
                (self.rows)(line, length, soft)?;
                out[first..].iter_mut().step_by(inner).zip(&*soft).for_each(|(out, soft)| *out = *soft);
            }
        }
        Ok(())
    }
}
