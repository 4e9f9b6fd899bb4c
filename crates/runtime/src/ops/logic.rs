//! Comparisons and truth values, row-major.

use fourfold_graph::{Comparison, Logic};
use fourfold_tensor::{DType, Element};

use super::select::by_size;
use super::strided::{Strided, zip};
use super::{Action, Call, Scratch};
use crate::Error;

/// The truth of a comparison.
#[derive(Debug)]
pub(crate) struct Compare {
    pub(crate) comparison: Comparison,
    pub(crate) dtype: DType,
}

impl Compare {
    fn compare<T: Element + PartialOrd>(&self, call: Call<'_>) -> Result<(), Error> {
        let [a, b] = [call.inputs[0], call.inputs[1]].map(|operand| (operand.elements::<T>(), operand.shape));
        let f: fn(T, T) -> bool = match self.comparison {
            Comparison::Equal => |a, b| a == b,
            Comparison::Less => |a, b| a < b,
            Comparison::LessOrEqual => |a, b| a <= b,
            Comparison::Greater => |a, b| a > b,
            _ => |a, b| a >= b,
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
                let [a, b] = [call.inputs[0], call.inputs[1]].map(|operand| (operand.bytes, operand.shape));
                zip(a, b, call.output_shape, call.output, |a, b| u8::from((a != 0) == (b != 0)));
                Ok(())
            }
            _ => self.compare::<f32>(call),
        }
    }
}

/// A function of two truth values.
#[derive(Debug)]
pub(crate) struct Truths(pub(crate) Logic);

impl Action for Truths {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let [a, b] = [call.inputs[0], call.inputs[1]].map(|operand| (operand.bytes, operand.shape));
        let f: fn(u8, u8) -> u8 = match self.0 {
            Logic::And => |a, b| a & b,
            Logic::Or => |a, b| a | b,
            _ => |a, b| a ^ b,
        };
        zip(a, b, call.output_shape, call.output, |a, b| f(u8::from(a != 0), u8::from(b != 0)));
        Ok(())
    }
}

/// The other truth value.
#[derive(Debug)]
pub(crate) struct Not;

impl Action for Not {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        call.output.iter_mut().zip(call.inputs[0].bytes).for_each(|(out, x)| *out = u8::from(*x == 0));
        Ok(())
    }
}

/// `a` where the truth value is not 0, else `b`.
#[derive(Debug)]
pub(crate) struct Where {
    /// Bytes of an element.
    pub(crate) size: usize,
}

impl Where {
    fn choose<T: Element>(&self, call: Call<'_>) -> Result<(), Error> {
        let ([truth, a, b], shape) = ([0, 1, 2].map(|index: usize| call.inputs[index]), call.output_shape);
        let out = bytemuck::cast_slice_mut::<u8, T>(call.output);
        Strided::broadcast(b.shape, shape).copy(b.elements::<T>(), shape, out);
        let Scratch { codes, budget, .. } = call.scratch;
        let chosen = budget.reserve(codes, shape.element_count())?;
        Strided::broadcast(truth.shape, shape).copy(truth.bytes, shape, chosen);
        let mut truths = chosen.iter();
        Strided::broadcast(a.shape, shape).for_each(a.elements::<T>(), shape, out, |out, a| {
            if truths.next().is_some_and(|&truth| truth != 0) {
                *out = a;
            }
        });
        Ok(())
    }
}

impl Action for Where {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        by_size!(self.size, self.choose(call))
    }
}
