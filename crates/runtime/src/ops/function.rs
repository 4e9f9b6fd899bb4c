//! Functions of one and two real numbers.

use fourfold_graph::{Binary, Unary};
use fourfold_math as math;

use super::movement::expand;
use super::{Action, Call, reserve};
use crate::Error;

/// A function of every element.
#[derive(Debug)]
pub(crate) enum Map {
    /// One of approximations.
    Approximate(math::Unary),
    /// One of operations that are rounded correctly.
    Exact(fn(f32) -> f32),
    /// `x`, or `slope * x` where it is negative.
    Leaky(f32),
    /// `x`, or `alpha * (e^x - 1)` where it is negative.
    Elu(f32),
}

impl Map {
    /// The function, `None` if there is no code for it.
    pub(crate) fn new(function: Unary) -> Option<Self> {
        Some(match function {
            Unary::Exp => Self::Approximate(math::Unary::Exp),
            Unary::Log => Self::Approximate(math::Unary::Ln),
            Unary::Tanh => Self::Approximate(math::Unary::Tanh),
            Unary::Erf => Self::Approximate(math::Unary::Erf),
            Unary::Sigmoid => Self::Approximate(math::Unary::Sigmoid),
            Unary::Silu => Self::Approximate(math::Unary::Silu),
            Unary::Gelu => Self::Approximate(math::Unary::Gelu),
            Unary::GeluTanh => Self::Approximate(math::Unary::GeluTanh),
            Unary::HardSigmoid { alpha, beta } => Self::Approximate(math::Unary::HardSigmoid { alpha, beta }),
            Unary::HardSwish => Self::Approximate(math::Unary::HardSwish),
            Unary::Sqrt => Self::Exact(f32::sqrt),
            Unary::Reciprocal => Self::Exact(f32::recip),
            Unary::Neg => Self::Exact(|x| -x),
            Unary::Abs => Self::Exact(f32::abs),
            Unary::LeakyRelu { slope } => Self::Leaky(slope),
            Unary::Elu { alpha } => Self::Elu(alpha),
            _ => return None,
        })
    }
}

impl Action for Map {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let (x, out) = (call.inputs[0].elements::<f32>(), bytemuck::cast_slice_mut::<u8, f32>(call.output));
        let each = |out: &mut [f32], f: &dyn Fn(f32) -> f32| out.iter_mut().zip(x).for_each(|(out, x)| *out = f(*x));
        match *self {
            Self::Approximate(function) => function.map(x, out)?,
            Self::Exact(function) => each(out, &function),
            Self::Leaky(slope) => each(out, &|x| if x < 0.0 { slope * x } else { x }),
            Self::Elu(alpha) => each(out, &|x| if x < 0.0 { alpha * (math::exp(x) - 1.0) } else { x }),
        }
        Ok(())
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
            _ => return None,
        }))
    }
}

impl Action for Pairs {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let [scratch_a, scratch_b] = &mut call.scratch.reals;
        let [a, b] = [(call.inputs[0], scratch_a), (call.inputs[1], scratch_b)].map(|(operand, scratch)| {
            if operand.shape == call.output_shape {
                return operand.elements::<f32>();
            }
            let expanded = reserve(scratch, call.output_shape.element_count());
            expand(operand.elements(), operand.shape, call.output_shape, expanded);
            &*expanded
        });
        let out = bytemuck::cast_slice_mut::<u8, f32>(call.output);
        out.iter_mut().zip(a).zip(b).for_each(|((out, a), b)| *out = self.0(*a, *b));
        Ok(())
    }
}
