//! Functions of two floats.

use fourfold_graph::{Activation, Binary};
use fourfold_math::{self as math, wide};
use fourfold_tensor::Shape;

use crate::Error;
use crate::ops::strided::Strided;
use crate::ops::{Action, Budget, Call, Operand, Scratch};

/// The sum.
#[derive(Debug)]
pub(crate) struct FloatAdd {
    bounds: (f32, f32),
}

impl FloatAdd {
    pub(crate) fn new(activation: Activation) -> Self {
        Self { bounds: activation.bounds() }
    }
}

impl Action for FloatAdd {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let Scratch { floats, budget, .. } = call.scratch;
        let [a, b] = broadcast(call.inputs, call.output_shape, floats, budget)?;
        let (min, max) = self.bounds;
        let out = bytemuck::cast_slice_mut::<u8, f32>(call.output);
        wide(
            #[inline(always)]
            || out.iter_mut().zip(a).zip(b).for_each(|((out, a), b)| *out = (a + b).clamp(min, max)),
        );
        Ok(())
    }
}

/// A function of two floats.
#[derive(Debug)]
pub(crate) struct FloatBinary(fn(f32, f32) -> f32);

impl FloatBinary {
    pub(crate) fn new(function: Binary) -> Self {
        Self(match function {
            Binary::Sub => |a, b| a - b,
            Binary::Mul => |a, b| a * b,
            Binary::Div => |a, b| a / b,
            Binary::Min => |a, b| if a < b || a.is_nan() { a } else { b },
            Binary::Max => |a, b| if a > b || a.is_nan() { a } else { b },
            Binary::Pow => math::pow,
            Binary::Fmod => |a, b| a % b,
            Binary::Mod => |a, b| {
                let left = a % b;
                if left != 0.0 && (left < 0.0) != (b < 0.0) { left + b } else { left }
            },
        })
    }
}

impl Action for FloatBinary {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let Scratch { floats, budget, .. } = call.scratch;
        let [a, b] = broadcast(call.inputs, call.output_shape, floats, budget)?;
        let out = bytemuck::cast_slice_mut::<u8, f32>(call.output);
        out.iter_mut().zip(a).zip(b).for_each(|((out, a), b)| *out = self.0(*a, *b));
        Ok(())
    }
}

/// The elements of two operands, each repeated to the shape of the result.
fn broadcast<'a>(
    operands: &[Operand<'a>],
    shape: Shape,
    [scratch_a, scratch_b]: &'a mut [Vec<f32>; 2],
    budget: &mut Budget,
) -> Result<[&'a [f32]; 2], Error> {
    let [a, b] = [(operands[0], scratch_a), (operands[1], scratch_b)].map(|(operand, scratch)| {
        if operand.shape == shape {
            return Ok(operand.elements::<f32>());
        }
        let expanded = budget.reserve(scratch, shape.element_count())?;
        Strided::broadcast(operand.shape, shape).copy(operand.elements(), shape, expanded);
        Ok::<_, Error>(&*expanded)
    });
    Ok([a?, b?])
}
