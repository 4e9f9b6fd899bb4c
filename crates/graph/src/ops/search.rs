//! The largest or smallest elements along one axis.

use fourfold_schemes::QuantParams;
use fourfold_tensor::DType;

use super::reduce::reduced;
use super::slice::with_axis;
use super::{Facts, NodeRows, OpKind, Operator, OutputParams, types};
use crate::{Dim, Limits, Problem, Value, ValueType};

pub(super) const ARG_MAX: Facts = Facts::new(OpKind::ArgMax, OutputParams::Float);
pub(super) const ARG_MIN: Facts = Facts::new(OpKind::ArgMin, OutputParams::Float);
pub(super) const TOP_K: Facts = Facts::new(OpKind::TopK, OutputParams::Float);

/// Which of the two results of `torch.topk` an [`Op::TopK`](crate::Op::TopK) gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopKResult {
    /// The elements, in order.
    Values,
    /// Their indices along the axis, as `i64`.
    Indices,
}

/// Attributes of [`Op::TopK`](crate::Op::TopK).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopK {
    /// The axis searched.
    pub axis: usize,
    /// The number of elements found.
    pub count: usize,
    /// Whether the largest are found, or the smallest.
    pub largest: bool,
    /// Which of the two results the operator gives.
    pub result: TopKResult,
}

/// Attributes of [`Op::ArgExtreme`](crate::Op::ArgExtreme).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgExtreme {
    /// The axis searched.
    pub axis: usize,
    /// Whether the axis stays, with size 1.
    pub keep: bool,
    /// Whether the index of the largest element is found, or of the smallest.
    pub largest: bool,
    /// Whether the last of several equal elements is taken, or the first.
    pub last: bool,
}

impl Operator for ArgExtreme {
    fn kind(&self) -> OpKind {
        if self.largest { OpKind::ArgMax } else { OpKind::ArgMin }
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        reduced(&[self.axis], self.keep, operands[0].ty.dims())
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        types::number(operands, 0)?;
        types::plain(DType::I64, &dims, params)
    }

    fn keeps_rows(&self, _: &NodeRows<'_>) -> bool {
        self.axis > 0
    }
}

impl Operator for TopK {
    fn kind(&self) -> OpKind {
        OpKind::TopK
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        with_axis(self.axis, operands[0].ty.dims(), |size| match size.fixed() {
            Some(size) if self.count > size => {
                Err(Problem::shape(format!("the {} largest of {size} elements", self.count)))
            }
            _ => Ok(Dim::Fixed(self.count)),
        })
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        let dtype = types::number(operands, 0)?;
        types::plain(if self.result == TopKResult::Indices { DType::I64 } else { dtype }, &dims, params)
    }

    fn keeps_rows(&self, _: &NodeRows<'_>) -> bool {
        self.axis > 0
    }
}
