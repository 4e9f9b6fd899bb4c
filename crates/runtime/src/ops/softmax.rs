//! Softmax over one axis, row-major, with the same bits on every CPU.

use super::{Action, Call, reserve};
use crate::Error;
use crate::exp::exp_of_negative;

/// Partial sums of a reduction.
const LANES: usize = 16;

/// `exp(x - max) / sum(exp(x - max))`.
#[derive(Debug)]
pub(crate) struct Softmax {
    axis: usize,
}

impl Softmax {
    pub(crate) fn new(axis: usize) -> Self {
        Self { axis }
    }
}

impl Action for Softmax {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let shape = call.output_shape;
        let (length, inner) = (shape[self.axis], shape[self.axis + 1..].iter().product::<usize>());
        let x = call.inputs[0].elements::<f32>();
        let out = bytemuck::cast_slice_mut::<u8, f32>(call.output);
        let line = reserve(&mut call.scratch.reals[0], length);
        let block = (length * inner).max(1);
        for (x, out) in x.chunks_exact(block).zip(out.chunks_exact_mut(block)) {
            for first in 0..inner {
                line.iter_mut().zip(x[first..].iter().step_by(inner)).for_each(|(line, x)| *line = *x);
                normalize(line);
                out[first..].iter_mut().step_by(inner).zip(&*line).for_each(|(out, line)| *out = *line);
            }
        }
        Ok(())
    }
}

fn normalize(line: &mut [f32]) {
    let max = line.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    line.iter_mut().for_each(|x| *x = exp_of_negative(*x - max));
    let total = sum(line);
    line.iter_mut().for_each(|x| *x /= total);
}

/// The sum in one fixed order: 16 strided lanes, added as a tree.
fn sum(values: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    for chunk in values.chunks(LANES) {
        lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane += value);
    }
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
    }
    lanes[0]
}
