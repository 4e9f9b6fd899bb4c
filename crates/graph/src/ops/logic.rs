//! Comparisons, functions of bools, and the choice by one.

use fourfold_schemes::QuantParams;
use fourfold_tensor::DType;

use super::binary::broadcast;
use super::{Facts, NodeRows, OpKind, Operator, OutputParams, types};
use crate::{Dim, Limits, Problem, Value, ValueType};

pub(super) const WHERE: Facts = Facts::new(OpKind::Where, OutputParams::Float).operands(3, 3);
pub(super) const EQUAL: Facts = Facts::new(OpKind::Equal, OutputParams::Float).operands(2, 2);
pub(super) const LESS: Facts = Facts::new(OpKind::Less, OutputParams::Float).operands(2, 2);
pub(super) const LESS_OR_EQUAL: Facts = Facts::new(OpKind::LessOrEqual, OutputParams::Float).operands(2, 2);
pub(super) const GREATER: Facts = Facts::new(OpKind::Greater, OutputParams::Float).operands(2, 2);
pub(super) const GREATER_OR_EQUAL: Facts = Facts::new(OpKind::GreaterOrEqual, OutputParams::Float).operands(2, 2);
pub(super) const AND: Facts = Facts::new(OpKind::And, OutputParams::Float).operands(2, 2);
pub(super) const OR: Facts = Facts::new(OpKind::Or, OutputParams::Float).operands(2, 2);
pub(super) const XOR: Facts = Facts::new(OpKind::Xor, OutputParams::Float).operands(2, 2);
pub(super) const NOT: Facts = Facts::new(OpKind::Not, OutputParams::Float);

/// A comparison, of [`Op::Compare`](crate::Op::Compare); false where an operand is NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `a == b`.
    Equal,
    /// `a < b`.
    Less,
    /// `a <= b`.
    LessOrEqual,
    /// `a > b`.
    Greater,
    /// `a >= b`.
    GreaterOrEqual,
}

/// A function of two bools, of [`Op::Logic`](crate::Op::Logic).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logic {
    /// Both.
    And,
    /// At least one.
    Or,
    /// Exactly one.
    Xor,
}

impl Operator for Comparison {
    fn kind(&self) -> OpKind {
        match self {
            Comparison::Equal => OpKind::Equal,
            Comparison::Less => OpKind::Less,
            Comparison::LessOrEqual => OpKind::LessOrEqual,
            Comparison::Greater => OpKind::Greater,
            Comparison::GreaterOrEqual => OpKind::GreaterOrEqual,
        }
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        broadcast(operands[0].ty.dims(), operands[1].ty.dims())
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        let are_bools = *self == Comparison::Equal && operands[0].ty.dtype() == DType::Bool;
        if !are_bools {
            types::number(operands, 0)?;
        }
        types::expect_same(operands)?;
        types::plain(DType::Bool, &dims, params)
    }

    fn keeps_rows(&self, rows: &NodeRows<'_>) -> bool {
        rows.stay_in_broadcast()
    }
}

impl Operator for Logic {
    fn kind(&self) -> OpKind {
        match self {
            Logic::And => OpKind::And,
            Logic::Or => OpKind::Or,
            Logic::Xor => OpKind::Xor,
        }
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        broadcast(operands[0].ty.dims(), operands[1].ty.dims())
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        (0..2).try_for_each(|operand| types::expect(operands, operand, DType::Bool))?;
        types::plain(DType::Bool, &dims, params)
    }

    fn keeps_rows(&self, rows: &NodeRows<'_>) -> bool {
        rows.stay_in_broadcast()
    }
}

pub(super) struct Where;

impl Operator for Where {
    fn kind(&self) -> OpKind {
        OpKind::Where
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        let [condition, a, b] = [0, 1, 2].map(|operand: usize| operands[operand].ty.dims());
        broadcast(condition, &broadcast(a, b)?)
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        types::expect(operands, 0, DType::Bool)?;
        let dtype = operands[1].ty.dtype();
        (1..3).try_for_each(|operand| types::expect(operands, operand, dtype))?;
        types::plain(dtype, &dims, params)
    }

    fn keeps_rows(&self, rows: &NodeRows<'_>) -> bool {
        rows.stay_in_broadcast()
    }
}

pub(super) struct Not;

impl Operator for Not {
    fn kind(&self) -> OpKind {
        OpKind::Not
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        Ok(operands[0].ty.dims().to_vec())
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        types::expect(operands, 0, DType::Bool)?;
        types::plain(DType::Bool, &dims, params)
    }

    fn keeps_rows(&self, _: &NodeRows<'_>) -> bool {
        true
    }
}
