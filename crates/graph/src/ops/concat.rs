//! Operands side by side.

use fourfold_schemes::QuantParams;

use super::reshape::axis_problem;
use super::slice::with_axis;
use super::{Facts, NodeRows, OpKind, Operator, OutputParams, types};
use crate::{Dim, Limits, Polynomial, Problem, Value, ValueType};

/// The max number of operands of [`Op::Concat`](crate::Op::Concat); more are joined in groups.
pub const MAX_CONCAT: usize = 64;

pub(super) const CONCAT: Facts = Facts::new(OpKind::Concat, OutputParams::Own).operands(1, MAX_CONCAT);

/// Attributes of [`Op::Concat`](crate::Op::Concat).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Concat {
    /// The axis along which the operands lie.
    pub axis: usize,
}

impl Operator for Concat {
    fn kind(&self) -> OpKind {
        OpKind::Concat
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        let axis = self.axis;
        let x = operands[0].ty.dims();
        let mut total = Polynomial::constant(0);
        for operand in operands {
            let dims = operand.ty.dims();
            let same = dims.len() == x.len() && (0..x.len()).all(|other| other == axis || dims[other] == x[other]);
            let size = dims.get(axis).ok_or_else(|| axis_problem(axis, dims))?;
            if !same {
                let differs = |other: usize| other != axis && dims[other].differs(&x[other]);
                let is_open = dims.len() == x.len() && !(0..x.len()).any(differs);
                let reason = format!("the shapes {x:?} and {dims:?} differ on another axis than {axis}");
                return Err(Problem::sizes(is_open, reason));
            }
            total = size.polynomial().and_then(|size| total.add(&size)).ok_or_else(|| too_large(x))?;
        }
        with_axis(axis, x, |_| Dim::computed(total).ok_or_else(|| too_large(x)))
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        if types::is_plain(&operands[0].ty) {
            return types::plain(types::expect_same(operands)?, &dims, params);
        }
        types::by_output_params(self.kind(), operands, dims, params)
    }

    fn keeps_rows(&self, rows: &NodeRows<'_>) -> bool {
        self.axis > 0 && rows.all()
    }
}

pub(super) fn too_large(x: &[Dim]) -> Problem {
    Problem::shape(format!("the size that follows from {x:?} is too large"))
}
