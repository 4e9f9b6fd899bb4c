//! Functions of two integers, row-major.
//!
//! They are computed in 64 bits, of which the type keeps the lowest, so that it wraps at its own width.

use core::cell::Cell;

use fourfold_graph::Binary;
use fourfold_tensor::DType;

use crate::Error;
use crate::ops::element::{Integer, by_integer};
use crate::ops::strided::zip;
use crate::ops::{Action, Call};

/// A function of two integers.
#[derive(Debug)]
pub(crate) struct IntegerBinary {
    /// Nothing where it divides by zero.
    function: fn(i64, i64) -> Option<i64>,
    dtype: DType,
}

impl IntegerBinary {
    /// The sum.
    pub(crate) fn add(dtype: DType) -> Self {
        Self { function: |a, b| Some(a.wrapping_add(b)), dtype }
    }

    pub(crate) fn new(function: Binary, dtype: DType) -> Self {
        let function: fn(i64, i64) -> Option<i64> = match function {
            Binary::Sub => |a, b| Some(a.wrapping_sub(b)),
            Binary::Mul => |a, b| Some(a.wrapping_mul(b)),
            Binary::Min => |a, b| Some(a.min(b)),
            Binary::Max => |a, b| Some(a.max(b)),
            Binary::Div => |a, b| (b != 0).then(|| a.wrapping_div(b)),
            Binary::Fmod => |a, b| (b != 0).then(|| a.wrapping_rem(b)),
            Binary::Mod => |a, b| {
                let left = (b != 0).then(|| a.wrapping_rem(b))?;
                Some(if left != 0 && (left < 0) != (b < 0) { left + b } else { left })
            },
            Binary::Pow => power,
        };
        Self { function, dtype }
    }

    fn apply<T: Integer>(&self, call: Call<'_>) -> Result<(), Error> {
        let [a, b] = [call.inputs[0], call.inputs[1]].map(|operand| operand.shaped());
        let is_defined = Cell::new(true);
        zip(a, b, call.output_shape, bytemuck::cast_slice_mut(call.output), |a: T, b: T| {
            let result = (self.function)(a.into(), b.into());
            is_defined.set(is_defined.get() && result.is_some());
            T::narrow(result.unwrap_or(0))
        });
        if is_defined.get() { Ok(()) } else { Err(Error::DivisionByZero) }
    }
}

impl Action for IntegerBinary {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        by_integer!(self.dtype, self.apply(call))
    }
}

/// `base` to the power `exponent`; a negative power gives the integer part.
fn power(base: i64, exponent: i64) -> Option<i64> {
    if exponent < 0 {
        return match base {
            0 => None,
            1 => Some(1),
            -1 => Some(if exponent % 2 == 0 { 1 } else { -1 }),
            _ => Some(0),
        };
    }
    let (mut factor, mut left, mut product) = (base, exponent, 1_i64);
    while left > 0 {
        if left % 2 == 1 {
            product = product.wrapping_mul(factor);
        }
        factor = factor.wrapping_mul(factor);
        left /= 2;
    }
    Some(product)
}
