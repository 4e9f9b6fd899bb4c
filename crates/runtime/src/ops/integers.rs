//! Arithmetic of integers, row-major: computed in 64 bits, of which the type keeps the lowest, so that it wraps at its
//! own width.

use core::cell::Cell;

use fourfold_graph::{Binary, Reduction, Unary};
use fourfold_tensor::{DType, Element, View};

use super::strided::zip;
use super::{Action, Call};
use crate::Error;

/// A type of integers.
pub(crate) trait Integer: Element + Ord + Into<i64> {
    const MIN: Self;
    const MAX: Self;

    /// The lowest bits.
    fn narrow(wide: i64) -> Self;
}

/// `$self.$run::<T>($call)` for the integers `T` of a type.
macro_rules! by_integer {
    ($dtype:expr, $self:ident.$run:ident($call:expr)) => {
        match $dtype {
            DType::I8 => $self.$run::<i8>($call),
            DType::U8 => $self.$run::<u8>($call),
            DType::I32 => $self.$run::<i32>($call),
            _ => $self.$run::<i64>($call),
        }
    };
}
pub(crate) use by_integer;

macro_rules! integer {
    ($($integer:ident),*) => {$(
        impl Integer for $integer {
            const MIN: Self = $integer::MIN;
            const MAX: Self = $integer::MAX;

            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the lowest bits are wanted")]
            fn narrow(wide: i64) -> Self {
                wide as Self
            }
        }
    )*};
}
integer!(i8, u8, i32, i64);

/// A function of two integers.
#[derive(Debug)]
pub(crate) struct Pairs {
    /// Nothing where it divides by zero.
    function: fn(i64, i64) -> Option<i64>,
    dtype: DType,
}

impl Pairs {
    /// The sum.
    pub(crate) fn sum(dtype: DType) -> Self {
        Self { function: |a, b| Some(a.wrapping_add(b)), dtype }
    }

    /// The function, `None` if there is no code for it.
    pub(crate) fn new(function: Binary, dtype: DType) -> Option<Self> {
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
        Some(Self { function, dtype })
    }

    fn apply<T: Integer>(&self, call: Call<'_>) -> Result<(), Error> {
        let [a, b] = [call.inputs[0], call.inputs[1]].map(|operand| (operand.elements::<T>(), operand.shape));
        let is_defined = Cell::new(true);
        zip(a, b, call.output_shape, bytemuck::cast_slice_mut(call.output), |a: T, b: T| {
            let result = (self.function)(a.into(), b.into());
            is_defined.set(is_defined.get() && result.is_some());
            T::narrow(result.unwrap_or(0))
        });
        if is_defined.get() { Ok(()) } else { Err(Error::DivisionByZero) }
    }
}

impl Action for Pairs {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        by_integer!(self.dtype, self.apply(call))
    }
}

/// `base` to the power `exponent`; of a negative power the whole part.
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

/// A function of every integer.
#[derive(Debug)]
pub(crate) struct Map {
    function: fn(i64) -> i64,
    dtype: DType,
}

impl Map {
    /// The function, `None` if there is no code for it.
    pub(crate) fn new(function: Unary, dtype: DType) -> Option<Self> {
        match function {
            Unary::Neg => Some(Self { function: i64::wrapping_neg, dtype }),
            Unary::Abs => Some(Self { function: i64::wrapping_abs, dtype }),
            _ => None,
        }
    }

    fn apply<T: Integer>(&self, call: Call<'_>) -> Result<(), Error> {
        let out = bytemuck::cast_slice_mut::<u8, T>(call.output);
        let x = call.inputs[0].elements::<T>();
        out.iter_mut().zip(x).for_each(|(out, &x)| *out = T::narrow((self.function)(x.into())));
        Ok(())
    }
}

impl Action for Map {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        by_integer!(self.dtype, self.apply(call))
    }
}

/// One integer for all along some axes. Of none, the sum is 0, the largest the smallest number of the type, and the
/// smallest the largest.
#[derive(Debug)]
pub(crate) struct Reduce {
    reduction: Reduction,
    /// The axes that stay, then those that are reduced.
    axes: Vec<usize>,
    /// The number of axes that stay.
    kept: usize,
    dtype: DType,
}

impl Reduce {
    /// The reduction of a value with `rank` axes.
    pub(crate) fn new(reduction: Reduction, reduced: &[usize], rank: usize, dtype: DType) -> Self {
        let kept: Vec<usize> = (0..rank).filter(|axis| !reduced.contains(axis)).collect();
        Self { reduction, axes: [&kept[..], reduced].concat(), kept: kept.len(), dtype }
    }

    fn apply<T: Integer>(&self, call: Call<'_>) -> Result<(), Error> {
        let x = call.inputs[0];
        let lines = View::new(x.elements::<T>(), &x.shape)?.permute(&self.axes)?.to_tensor()?;
        let lines = lines.as_slice::<T>()?;
        let length: usize = self.axes[self.kept..].iter().map(|&axis| x.shape[axis]).product();
        let out = bytemuck::cast_slice_mut::<u8, T>(call.output);
        for (index, out) in out.iter_mut().enumerate() {
            *out = self.line(&lines[index * length..][..length]);
        }
        Ok(())
    }

    fn line<T: Integer>(&self, line: &[T]) -> T {
        let wide = line.iter().map(|&x| x.into());
        match self.reduction {
            Reduction::Max => line.iter().copied().max().unwrap_or(T::MIN),
            Reduction::Min => line.iter().copied().min().unwrap_or(T::MAX),
            Reduction::Mean => {
                let (sum, count) = wide.fold((0_i128, 0_i128), |(sum, count), x| (sum + i128::from(x), count + 1));
                T::narrow(i64::try_from(sum / count.max(1)).unwrap_or(0))
            }
            _ => T::narrow(wide.fold(0, i64::wrapping_add)),
        }
    }
}

impl Action for Reduce {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        by_integer!(self.dtype, self.apply(call))
    }
}
