//! Comparisons, truth values, integers and changes of type, row-major.

use fourfold_graph::{Binary, CastTo, Comparison, Logic};
use fourfold_tensor::{DType, Element};

use super::select::by_size;
use super::strided::{Strided, zip};
use super::{Action, Call, reserve};
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
        if self.dtype == DType::F32 { self.compare::<f32>(call) } else { self.compare::<i64>(call) }
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
        let chosen = reserve(&mut call.scratch.codes, shape.element_count());
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

/// A function of two integers; sums, differences and products wrap.
#[derive(Debug)]
pub(crate) struct Integers(fn(i64, i64) -> i64);

impl Integers {
    /// The sum.
    pub(crate) const SUM: Self = Self(i64::wrapping_add);

    /// The function, `None` if there is no code for it.
    pub(crate) fn new(function: Binary) -> Option<Self> {
        Some(Self(match function {
            Binary::Sub => i64::wrapping_sub,
            Binary::Mul => i64::wrapping_mul,
            Binary::Min => i64::min,
            Binary::Max => i64::max,
            _ => return None,
        }))
    }
}

impl Action for Integers {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let [a, b] = [call.inputs[0], call.inputs[1]].map(|operand| (operand.elements::<i64>(), operand.shape));
        zip(a, b, call.output_shape, bytemuck::cast_slice_mut(call.output), self.0);
        Ok(())
    }
}

/// Elements of another type.
#[derive(Debug)]
pub(crate) struct Cast {
    pub(crate) from: DType,
    pub(crate) to: CastTo,
}

impl Cast {
    #[expect(clippy::cast_possible_truncation, reason = "real numbers saturate, integers wrap")]
    fn cast<T: Element>(&self, call: Call<'_>, real: fn(T) -> f32, integer: fn(T) -> i64) {
        let x = call.inputs[0].elements::<T>();
        match self.to {
            CastTo::F32 => {
                let out = bytemuck::cast_slice_mut::<u8, f32>(call.output);
                out.iter_mut().zip(x).for_each(|(out, x)| *out = real(*x));
            }
            CastTo::I64 => {
                let out = bytemuck::cast_slice_mut::<u8, i64>(call.output);
                out.iter_mut().zip(x).for_each(|(out, x)| *out = integer(*x));
            }
            CastTo::I32 => {
                let out = bytemuck::cast_slice_mut::<u8, i32>(call.output);
                out.iter_mut().zip(x).for_each(|(out, x)| {
                    *out = if self.from == DType::F32 { real(*x) as i32 } else { integer(*x) as i32 };
                });
            }
            CastTo::Truth => call.output.iter_mut().zip(x).for_each(|(out, x)| *out = u8::from(real(*x) != 0.0)),
        }
    }
}

impl Action for Cast {
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "as `Op::Cast` says")]
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        match self.from {
            DType::F32 => self.cast::<f32>(call, |x| x, |x| x as i64),
            DType::I64 => self.cast::<i64>(call, |x| x as f32, |x| x),
            DType::I32 => self.cast::<i32>(call, |x| x as f32, i64::from),
            DType::I8 => self.cast::<i8>(call, f32::from, i64::from),
            DType::U8 => self.cast::<u8>(call, f32::from, i64::from),
        }
        Ok(())
    }
}
