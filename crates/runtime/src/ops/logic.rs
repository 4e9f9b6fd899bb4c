//! Comparisons and functions of bools, row-major.

use fourfold_graph::{Comparison, Node};
use fourfold_tensor::{DType, Element};

use super::element::by_size;
use super::strided::{Strided, zip};
use super::{Action, Call, Lower, Scratch};
use crate::Error;
use crate::lower::Lowering;
use crate::plan::Layout;

impl Lower for Comparison {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let dtype = lowering.dtype(node);
        lowering.add(node, Layout::RowMajor, 2, Compare { comparison: *self, dtype });
        Ok(())
    }
}

impl Lower for fourfold_graph::Logic {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        lowering.add(node, Layout::RowMajor, 2, Logic(*self));
        Ok(())
    }
}

/// The operator [`Op::Not`](fourfold_graph::Op::Not), which is its own action.
#[derive(Debug)]
pub(crate) struct Not;

impl Lower for Not {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        lowering.add(node, Layout::RowMajor, 1, Not);
        Ok(())
    }
}

/// The operator [`Op::Where`](fourfold_graph::Op::Where).
pub(crate) struct Where;

impl Lower for Where {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let size = lowering.ty(node.output()).dtype().size();
        lowering.add(node, Layout::RowMajor, 3, Choose { size });
        Ok(())
    }
}

/// Whether a comparison holds.
#[derive(Debug)]
struct Compare {
    comparison: Comparison,
    dtype: DType,
}

impl Compare {
    fn compare<T: Element + PartialOrd>(&self, call: Call<'_>) -> Result<(), Error> {
        let [a, b] = [call.inputs[0], call.inputs[1]].map(|operand| operand.shaped());
        let f: fn(T, T) -> bool = match self.comparison {
            Comparison::Equal => |a, b| a == b,
            Comparison::Less => |a, b| a < b,
            Comparison::LessOrEqual => |a, b| a <= b,
            Comparison::Greater => |a, b| a > b,
            Comparison::GreaterOrEqual => |a, b| a >= b,
        };
        zip(a, b, call.output_shape, call.output, |a, b| u8::from(f(a, b)));
        Ok(())
    }
}

impl Action for Compare {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        match self.dtype {
            DType::I8 => self.compare::<i8>(call),
            DType::U8 => self.compare::<u8>(call),
            DType::I32 => self.compare::<i32>(call),
            DType::I64 => self.compare::<i64>(call),
            DType::Bool => {
                let [a, b] = [call.inputs[0], call.inputs[1]].map(|operand| operand.shaped::<u8>());
                zip(a, b, call.output_shape, call.output, |a, b| u8::from((a != 0) == (b != 0)));
                Ok(())
            }
            _ => self.compare::<f32>(call),
        }
    }
}

/// A function of two bools.
#[derive(Debug)]
struct Logic(fourfold_graph::Logic);

impl Action for Logic {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let [a, b] = [call.inputs[0], call.inputs[1]].map(|operand| operand.shaped::<u8>());
        let f: fn(u8, u8) -> u8 = match self.0 {
            fourfold_graph::Logic::And => |a, b| a & b,
            fourfold_graph::Logic::Or => |a, b| a | b,
            fourfold_graph::Logic::Xor => |a, b| a ^ b,
        };
        zip(a, b, call.output_shape, call.output, |a, b| f(u8::from(a != 0), u8::from(b != 0)));
        Ok(())
    }
}

impl Action for Not {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        call.output.iter_mut().zip(call.inputs[0].bytes).for_each(|(out, x)| *out = u8::from(*x == 0));
        Ok(())
    }
}

/// `a` where the condition is not 0, else `b`.
#[derive(Debug)]
struct Choose {
    /// Bytes of an element.
    size: usize,
}

impl Choose {
    fn choose<T: Element>(&self, call: Call<'_>) -> Result<(), Error> {
        let ([condition, a, b], shape) = ([0, 1, 2].map(|index: usize| call.inputs[index]), call.output_shape);
        let out = bytemuck::cast_slice_mut::<u8, T>(call.output);
        Strided::broadcast(b.shape, shape).copy(b.elements::<T>(), shape, out);
        let Scratch { bytes, budget, .. } = call.scratch;
        let chosen = budget.reserve(bytes, shape.element_count())?;
        Strided::broadcast(condition.shape, shape).copy(condition.bytes, shape, chosen);
        let mut conditions = chosen.iter();
        Strided::broadcast(a.shape, shape).for_each(a.elements::<T>(), shape, out, |out, a| {
            if conditions.next().is_some_and(|&condition| condition != 0) {
                *out = a;
            }
        });
        Ok(())
    }
}

impl Action for Choose {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        by_size!(self.size, self.choose(call))
    }
}
