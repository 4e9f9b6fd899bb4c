//! Cumulative sums.

use fourfold_schemes::QuantParams;

use super::slice::with_axis;
use super::{Facts, NodeRows, OpKind, Operator, OutputParams, types};
use crate::{Dim, Limits, Problem, Value, ValueType};

pub(super) const CUM_SUM: Facts = Facts::new(OpKind::CumSum, OutputParams::Float);

/// Attributes of [`Op::CumSum`](crate::Op::CumSum).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CumSum {
    /// The axis summed along.
    pub axis: usize,
    /// Whether the sum at an element leaves out that element.
    pub exclusive: bool,
    /// Whether sums run from the last element to the first.
    pub reverse: bool,
}

impl Operator for CumSum {
    fn kind(&self) -> OpKind {
        OpKind::CumSum
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        with_axis(self.axis, operands[0].ty.dims(), |size| Ok(size.clone()))
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        types::plain(types::number(operands, 0)?, &dims, params)
    }

    fn keeps_rows(&self, _: &NodeRows<'_>) -> bool {
        self.axis > 0
    }
}
