//! Functions of one and two real numbers.

use fourfold_graph::{Binary, Unary};
use fourfold_math as math;

use super::elementwise::broadcast;
use super::{Action, Call, Scratch};
use crate::Error;

/// A function of every element.
#[derive(Debug)]
pub(crate) struct Map(math::Unary);

impl Map {
    /// The function, `None` if there is no code for it.
    pub(crate) fn new(function: Unary) -> Option<Self> {
        Some(Self(match function {
            Unary::Exp => math::Unary::Exp,
            Unary::Log => math::Unary::Ln,
            Unary::Sqrt => math::Unary::Sqrt,
            Unary::Reciprocal => math::Unary::Reciprocal,
            Unary::Neg => math::Unary::Neg,
            Unary::Abs => math::Unary::Abs,
            Unary::Tanh => math::Unary::Tanh,
            Unary::Erf => math::Unary::Erf,
            Unary::Sigmoid => math::Unary::Sigmoid,
            Unary::Silu => math::Unary::Silu,
            Unary::Gelu => math::Unary::Gelu,
            Unary::GeluTanh => math::Unary::GeluTanh,
            Unary::HardSigmoid { alpha, beta } => math::Unary::HardSigmoid { alpha, beta },
            Unary::HardSwish => math::Unary::HardSwish,
            Unary::LeakyRelu { slope } => math::Unary::LeakyRelu { slope },
            Unary::Elu { alpha } => math::Unary::Elu { alpha },
        }))
    }
}

impl Map {
    /// `out[i] = f(x[i])`.
    pub(crate) fn apply(&self, x: &[f32], out: &mut [f32]) -> Result<(), Error> {
        Ok(self.0.map(x, out)?)
    }
}

impl Action for Map {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        self.apply(call.inputs[0].elements(), bytemuck::cast_slice_mut(call.output))
    }
}

/// A function of two elements, broadcast.
#[derive(Debug)]
pub(crate) struct Pairs(fn(f32, f32) -> f32);

impl Pairs {
    /// The function, `None` if there is no code for it.
    pub(crate) fn new(function: Binary) -> Option<Self> {
        Some(Self(match function {
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
        }))
    }
}

impl Action for Pairs {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let Scratch { reals, budget, .. } = call.scratch;
        let [a, b] = broadcast(call.inputs, call.output_shape, reals, budget)?;
        let out = bytemuck::cast_slice_mut::<u8, f32>(call.output);
        out.iter_mut().zip(a).zip(b).for_each(|((out, a), b)| *out = self.0(*a, *b));
        Ok(())
    }
}
