//! The rules of an operator, and the checks that all operators share.

use fourfold_schemes::QuantParams;

use super::{Activation, Op, OpKind, types};
use crate::{Dim, Error, Limits, Problem, Value, ValueType};

/// What is true of an operator with its attributes.
///
/// The caller has checked the number of operands, and before [`Operator::ty`] that the operands are constants that must
/// be.
pub(crate) trait Operator {
    /// The operator without its attributes.
    fn kind(&self) -> OpKind;

    /// The shape of the result; checks attributes and the shapes of the operands.
    fn dims(&self, operands: &[&Value], limits: &Limits) -> Result<Vec<Dim>, Problem>;

    /// Whether every row of the result follows from that row of the operands, for a node whose result has rows.
    fn keeps_rows(&self, rows: &NodeRows<'_>) -> bool;

    /// The type of a result of shape `dims`; checks the element types of the operands and the result's parameters.
    ///
    /// By default `f32` operands give `f32`, and quantized ones what [`OutputParams`](super::OutputParams) says.
    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        types::by_output_params(self.kind(), operands, dims, params)
    }

    /// The multiply-accumulates, see [`Statistics`](crate::Statistics).
    fn macs(&self, _operands: &[&ValueType], _result: &ValueType) -> u64 {
        0
    }

    /// The clamp fused into the operator.
    fn activation(&self) -> Activation {
        Activation::None
    }

    /// The same operator with another clamp, `None` if it cannot hold one.
    fn with_activation(&self, _activation: Activation) -> Option<Op> {
        None
    }

    /// The operator with the sizes among its attributes replaced, `None` if no attribute is a symbolic size.
    fn with_sizes(&self, _with_sizes: &dyn Fn(&Dim) -> Result<Dim, Error>) -> Option<Result<Op, Error>> {
        None
    }
}

/// Where a value has its rows: on the axis whose size is the symbol of the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// It has none: the value is the same for all rows.
    None,
    /// On the first axis, and on no other.
    First,
    /// On another axis, or on several.
    Elsewhere,
}

/// The rows of a node's operands. At least one operand has rows, and all have them on their first axis.
#[derive(Debug)]
pub(crate) struct NodeRows<'r> {
    /// Whether each operand has rows.
    pub(crate) operands: &'r [bool],
    /// The number of axes of each operand.
    pub(crate) ranks: &'r [usize],
    /// The number of axes of the result.
    pub(crate) rank: usize,
}

impl NodeRows<'_> {
    /// Whether no operand but the first has rows.
    pub(crate) fn only_first(&self) -> bool {
        !self.operands[1..].contains(&true)
    }

    /// Whether all operands have rows.
    pub(crate) fn all(&self) -> bool {
        !self.operands.contains(&false)
    }

    /// Whether broadcasting leaves the rows of every operand on the first axis.
    pub(crate) fn stay_in_broadcast(&self) -> bool {
        self.operands.iter().zip(self.ranks).all(|(&has_rows, &rank)| !has_rows || rank == self.rank)
    }
}

impl Op {
    /// The clamp fused into the operator.
    #[must_use]
    pub fn activation(&self) -> Activation {
        self.operator().activation()
    }

    /// The same operator with another clamp, `None` if it cannot hold one.
    #[must_use]
    pub fn with_activation(&self, activation: Activation) -> Option<Op> {
        self.operator().with_activation(activation)
    }
}

/// The type of `op`'s result, after all checks of the operator against its operands.
pub(crate) fn infer(
    op: &Op,
    operands: &[&Value],
    params: Option<QuantParams>,
    limits: &Limits,
) -> Result<ValueType, Problem> {
    let operator = op.operator();
    let facts = operator.kind().facts();
    let (actual, expected) = (operands.len(), &facts.operands);
    if !expected.contains(&actual) {
        return Err(Problem::Arity { min: *expected.start(), max: *expected.end(), actual });
    }
    operator.activation().check()?;
    let dims = operator.dims(operands, limits)?;
    types::expect_constants(operands, &facts.constants)?;
    if !facts.takes_all_floats {
        types::expect_f32_among_floats(operands)?;
    }
    operator.ty(operands, dims, params)
}
