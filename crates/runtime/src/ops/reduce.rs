//! One number for all elements along some axes, row-major, in sums of one fixed order.

use fourfold_graph::{Node, Reduction};
use fourfold_math as math;
use fourfold_tensor::{DType, View};

use super::element::{Integer, by_integer};
use super::{Action, Call, Lower, Scratch};
use crate::Error;
use crate::lower::Lowering;
use crate::plan::Layout;

impl Lower for fourfold_graph::Reduce {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let x = lowering.ty(node.inputs()[0]);
        let lines = Lines::new(&self.axes, x.rank());
        if lowering.is_integer(node) {
            let action = IntegerReduce { reduction: self.reduction, lines, dtype: x.dtype() };
            lowering.add(node, Layout::RowMajor, 1, action);
        } else {
            lowering.add(node, Layout::RowMajor, 1, FloatReduce::new(self.reduction, lines));
        }
        Ok(())
    }
}

/// The axes of an operand in an order in which the elements of one result are neighbours.
#[derive(Debug)]
struct Lines {
    /// The axes that stay, then those that are reduced.
    axes: Vec<usize>,
    /// The number of axes that stay.
    kept: usize,
}

impl Lines {
    /// Of an operand with `rank` axes.
    fn new(reduced: &[usize], rank: usize) -> Self {
        let kept: Vec<usize> = (0..rank).filter(|axis| !reduced.contains(axis)).collect();
        Self { axes: [&kept[..], reduced].concat(), kept: kept.len() }
    }

    /// The number of elements of one result.
    fn length(&self, shape: &[usize]) -> usize {
        self.axes[self.kept..].iter().map(|&axis| shape[axis]).product()
    }
}

/// A reduction of floats.
#[derive(Debug)]
struct FloatReduce {
    lines: Lines,
    line: fn(&[f32]) -> f32,
}

impl FloatReduce {
    fn new(reduction: Reduction, lines: Lines) -> Self {
        let line: fn(&[f32]) -> f32 = match reduction {
            Reduction::Mean => math::mean,
            Reduction::Sum => math::sum,
            Reduction::Max => math::max,
            Reduction::Min => math::min,
            Reduction::L2 => math::l2,
        };
        Self { lines, line }
    }
}

impl Action for FloatReduce {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let x = call.inputs[0];
        let Scratch { floats: [lines, _], budget, .. } = call.scratch;
        let lines = budget.reserve(lines, x.shape.element_count())?;
        View::new(x.elements::<f32>(), &x.shape)?.permute(&self.lines.axes)?.copy_to(lines)?;
        let length = self.lines.length(&x.shape);
        let out = bytemuck::cast_slice_mut::<u8, f32>(call.output);
        if length == 0 {
            out.fill((self.line)(&[]));
        }
        for (line, out) in lines.chunks_exact(length.max(1)).zip(out) {
            *out = (self.line)(line);
        }
        Ok(())
    }
}

/// A reduction of integers. Of none, the sum is 0, the maximum the smallest number of the type, and the minimum the
/// largest.
#[derive(Debug)]
struct IntegerReduce {
    reduction: Reduction,
    lines: Lines,
    dtype: DType,
}

impl IntegerReduce {
    fn apply<T: Integer>(&self, call: Call<'_>) -> Result<(), Error> {
        let x = call.inputs[0];
        let lines = View::new(x.elements::<T>(), &x.shape)?.permute(&self.lines.axes)?.to_tensor()?;
        let lines = lines.as_slice::<T>()?;
        let length = self.lines.length(&x.shape);
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
            // A graph has no norm of integers.
            Reduction::Sum | Reduction::L2 => T::narrow(wide.fold(0, i64::wrapping_add)),
        }
    }
}

impl Action for IntegerReduce {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        by_integer!(self.dtype, self.apply(call))
    }
}
