//! Softmax and its logarithm.

use super::reshape::axis_problem;
use super::{Facts, NodeRows, OpKind, Operator, OutputParams};
use crate::{Dim, Limits, Problem, Value};

pub(super) const SOFTMAX: Facts = Facts::new(OpKind::Softmax, OutputParams::Float);
pub(super) const LOG_SOFTMAX: Facts = Facts::new(OpKind::LogSoftmax, OutputParams::Float);

/// Attributes of [`Op::Softmax`](crate::Op::Softmax).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Softmax {
    /// The axis summed over.
    pub axis: usize,
}

/// Attributes of [`Op::LogSoftmax`](crate::Op::LogSoftmax).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogSoftmax {
    /// The axis summed over.
    pub axis: usize,
}

impl Operator for Softmax {
    fn kind(&self) -> OpKind {
        OpKind::Softmax
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        same_with_axis(self.axis, operands[0].ty.dims())
    }

    fn keeps_rows(&self, _: &NodeRows<'_>) -> bool {
        self.axis > 0
    }
}

impl Operator for LogSoftmax {
    fn kind(&self) -> OpKind {
        OpKind::LogSoftmax
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        same_with_axis(self.axis, operands[0].ty.dims())
    }

    fn keeps_rows(&self, _: &NodeRows<'_>) -> bool {
        self.axis > 0
    }
}

/// The shape of the operand, which has the axis.
fn same_with_axis(axis: usize, x: &[Dim]) -> Result<Vec<Dim>, Problem> {
    if axis < x.len() { Ok(x.to_vec()) } else { Err(axis_problem(axis, x)) }
}
