//! Functions of one element.

use fourfold_graph::{Node, Unary};
use fourfold_math as math;
use fourfold_tensor::DType;

use super::element::{Integer, by_integer};
use super::table::Table;
use super::{Action, Call, Lower};
use crate::Error;
use crate::lower::Lowering;

impl Lower for Unary {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let layout = lowering.layout(node.inputs()[0]);
        if lowering.is_quantized(node) {
            let table = Table::of_function(*self, lowering.params(node, 0)?, lowering.result_params(node)?)?;
            lowering.add(node, layout, 1, table);
        } else if lowering.is_integer(node) {
            let function = integer_function(*self).ok_or_else(|| lowering.unsupported(node))?;
            let action = IntegerUnary { function, dtype: lowering.dtype(node) };
            lowering.add(node, layout, 1, action);
        } else {
            lowering.add(node, layout, 1, FloatUnary::new(*self));
        }
        Ok(())
    }
}

/// A function of every float.
#[derive(Debug)]
pub(crate) struct FloatUnary(math::Unary);

impl FloatUnary {
    pub(crate) fn new(function: Unary) -> Self {
        Self(match function {
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
        })
    }

    /// `out[i] = f(x[i])`.
    pub(crate) fn apply(&self, x: &[f32], out: &mut [f32]) -> Result<(), Error> {
        Ok(self.0.map(x, out)?)
    }
}

impl Action for FloatUnary {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        self.apply(call.inputs[0].elements(), bytemuck::cast_slice_mut(call.output))
    }
}

/// A function of every integer, computed in 64 bits, of which the type keeps the lowest.
#[derive(Debug)]
struct IntegerUnary {
    function: fn(i64) -> i64,
    dtype: DType,
}

/// The function of integers, `None` if it takes floats only.
fn integer_function(function: Unary) -> Option<fn(i64) -> i64> {
    match function {
        Unary::Neg => Some(i64::wrapping_neg),
        Unary::Abs => Some(i64::wrapping_abs),
        Unary::Exp
        | Unary::Log
        | Unary::Sqrt
        | Unary::Reciprocal
        | Unary::Tanh
        | Unary::Erf
        | Unary::Sigmoid
        | Unary::Silu
        | Unary::Gelu
        | Unary::GeluTanh
        | Unary::HardSigmoid { .. }
        | Unary::HardSwish
        | Unary::LeakyRelu { .. }
        | Unary::Elu { .. } => None,
    }
}

impl IntegerUnary {
    fn apply<T: Integer>(&self, call: Call<'_>) -> Result<(), Error> {
        let out = bytemuck::cast_slice_mut::<u8, T>(call.output);
        let x = call.inputs[0].elements::<T>();
        out.iter_mut().zip(x).for_each(|(out, &x)| *out = T::narrow((self.function)(x.into())));
        Ok(())
    }
}

impl Action for IntegerUnary {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        by_integer!(self.dtype, self.apply(call))
    }
}
