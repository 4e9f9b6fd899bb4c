//! Operators that only move elements, or not even those.

use fourfold_schemes::QuantParams;

use super::{Facts, NodeRows, OpKind, Operator, OutputParams, types};
use crate::{Dim, Limits, Problem, Value, ValueType};

pub(super) const TRANSPOSE: Facts = Facts::new(OpKind::Transpose, OutputParams::Shared);
pub(super) const IDENTITY: Facts = Facts::new(OpKind::Identity, OutputParams::Shared).all_floats();

/// Attributes of [`Op::Transpose`](crate::Op::Transpose).
#[derive(Clone, Debug, PartialEq)]
pub struct Transpose {
    /// The permutation: axis `i` of the result is axis `axes[i]` of the operand.
    pub axes: Vec<usize>,
}

impl Transpose {
    /// The shape of the result for an operand of shape `x`.
    pub(crate) fn shape(&self, x: &[Dim]) -> Result<Vec<Dim>, Problem> {
        let axes = &self.axes;
        let mut sorted = axes.clone();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..x.len()) {
            let reason = format!("expected each axis of {x:?} once");
            return Err(Problem::Attribute { name: "axes", value: format!("{axes:?}"), reason });
        }
        Ok(axes.iter().map(|&axis| x[axis].clone()).collect())
    }
}

impl Operator for Transpose {
    fn kind(&self) -> OpKind {
        OpKind::Transpose
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        self.shape(operands[0].ty.dims())
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        types::moved(self.kind(), operands, dims, params)
    }

    fn keeps_rows(&self, _: &NodeRows<'_>) -> bool {
        self.axes.first() == Some(&0)
    }
}

pub(super) struct Identity;

impl Operator for Identity {
    fn kind(&self) -> OpKind {
        OpKind::Identity
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        Ok(operands[0].ty.dims().to_vec())
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        types::moved(self.kind(), operands, dims, params)
    }

    fn keeps_rows(&self, _: &NodeRows<'_>) -> bool {
        true
    }
}
