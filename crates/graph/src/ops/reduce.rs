//! One number for all elements along some axes.

use fourfold_schemes::QuantParams;

use super::{Facts, NodeRows, OpKind, Operator, OutputParams, types};
use crate::{Dim, Limits, Problem, Value, ValueType};

pub(super) const REDUCE_MEAN: Facts = Facts::new(OpKind::ReduceMean, OutputParams::Float);
pub(super) const REDUCE_SUM: Facts = Facts::new(OpKind::ReduceSum, OutputParams::Float);
pub(super) const REDUCE_MAX: Facts = Facts::new(OpKind::ReduceMax, OutputParams::Float);
pub(super) const REDUCE_MIN: Facts = Facts::new(OpKind::ReduceMin, OutputParams::Float);
pub(super) const REDUCE_L2: Facts = Facts::new(OpKind::ReduceL2, OutputParams::Float);

/// Attributes of [`Op::Reduce`](crate::Op::Reduce).
#[derive(Clone, Debug, PartialEq)]
pub struct Reduce {
    /// What is made of the elements.
    pub reduction: Reduction,
    /// The axes, ascending.
    pub axes: Vec<usize>,
    /// Whether the axes stay, with size 1.
    pub keep: bool,
}

/// What [`Op::Reduce`](crate::Op::Reduce) makes of many numbers. Sums are added in 16 strided lanes and then as a tree;
/// integers wrap at the width of their type, but for the sum of a mean, which is rounded to zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// The sum divided by the count.
    Mean,
    /// The sum.
    Sum,
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// The square root of the sum of squares.
    L2,
}

impl Operator for Reduce {
    fn kind(&self) -> OpKind {
        match self.reduction {
            Reduction::Mean => OpKind::ReduceMean,
            Reduction::Sum => OpKind::ReduceSum,
            Reduction::Max => OpKind::ReduceMax,
            Reduction::Min => OpKind::ReduceMin,
            Reduction::L2 => OpKind::ReduceL2,
        }
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        reduced(&self.axes, self.keep, operands[0].ty.dims())
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        let x = &operands[0].ty;
        if types::is_integer(x) && self.reduction != Reduction::L2 {
            return types::plain(x.dtype(), &dims, params);
        }
        types::by_output_params(self.kind(), operands, dims, params)
    }

    fn keeps_rows(&self, _: &NodeRows<'_>) -> bool {
        !self.axes.contains(&0)
    }
}

/// The shape without the axes, or with size 1 there.
pub(super) fn reduced(axes: &[usize], keep: bool, x: &[Dim]) -> Result<Vec<Dim>, Problem> {
    let is_ascending = axes.windows(2).all(|pair| pair[0] < pair[1]);
    if !is_ascending || axes.last().is_some_and(|&last| last >= x.len()) {
        let reason = format!("expected axes of {x:?}, ascending");
        return Err(Problem::Attribute { name: "axes", value: format!("{axes:?}"), reason });
    }
    let dims = x.iter().enumerate().filter_map(|(axis, dim)| match axes.contains(&axis) {
        false => Some(dim.clone()),
        true => keep.then_some(Dim::Fixed(1)),
    });
    Ok(dims.collect())
}
