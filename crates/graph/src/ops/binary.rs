//! Functions of two operands, element by element, with broadcasting.

use fourfold_schemes::QuantParams;

use super::{Activation, Facts, NodeRows, Op, OpKind, Operator, OutputParams, types};
use crate::{Dim, Limits, Problem, Value, ValueType};

pub(super) const ADD: Facts = Facts::new(OpKind::Add, OutputParams::Own).operands(2, 2);
pub(super) const SUB: Facts = Facts::new(OpKind::Sub, OutputParams::Own).operands(2, 2);
pub(super) const MUL: Facts = Facts::new(OpKind::Mul, OutputParams::Own).operands(2, 2);
pub(super) const DIV: Facts = Facts::new(OpKind::Div, OutputParams::Float).operands(2, 2);
pub(super) const MIN: Facts = Facts::new(OpKind::Min, OutputParams::Float).operands(2, 2);
pub(super) const MAX: Facts = Facts::new(OpKind::Max, OutputParams::Float).operands(2, 2);
pub(super) const POW: Facts = Facts::new(OpKind::Pow, OutputParams::Float).operands(2, 2);
pub(super) const MOD: Facts = Facts::new(OpKind::Mod, OutputParams::Float).operands(2, 2);
pub(super) const FMOD: Facts = Facts::new(OpKind::Fmod, OutputParams::Float).operands(2, 2);

/// Attributes of [`Op::Add`].
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Add {
    /// The clamp of the result.
    pub activation: Activation,
}

/// A function of two numbers, of [`Op::Binary`](crate::Op::Binary).
///
/// Integers wrap at the width of their type. An integer divided by zero is an error when the model runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// `a - b`.
    Sub,
    /// `a * b`.
    Mul,
    /// `a / b`; integers are rounded to zero.
    Div,
    /// The smaller one, NaN if either is.
    Min,
    /// The larger one, NaN if either is.
    Max,
    /// `a` to the power `b`; the fraction of an integer to a negative power is left out, and 0 to one is an error when
    /// the model runs.
    Pow,
    /// What is left of `a / b`, with the sign of `b`.
    Mod,
    /// What is left of `a / b`, with the sign of `a`.
    Fmod,
}

impl Operator for Add {
    fn kind(&self) -> OpKind {
        OpKind::Add
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        broadcast(operands[0].ty.dims(), operands[1].ty.dims())
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        if types::is_integer(&operands[0].ty) && self.activation != Activation::None {
            types::expect_same(operands)?;
            return Err(Problem::shape("sums of integers have no clamp"));
        }
        of_numbers(self.kind(), operands, dims, params)
    }

    fn keeps_rows(&self, rows: &NodeRows<'_>) -> bool {
        rows.stay_in_broadcast()
    }

    fn activation(&self) -> Activation {
        self.activation
    }

    fn with_activation(&self, activation: Activation) -> Option<Op> {
        Some(Op::Add(Add { activation }))
    }
}

impl Operator for Binary {
    fn kind(&self) -> OpKind {
        match self {
            Binary::Sub => OpKind::Sub,
            Binary::Mul => OpKind::Mul,
            Binary::Div => OpKind::Div,
            Binary::Min => OpKind::Min,
            Binary::Max => OpKind::Max,
            Binary::Pow => OpKind::Pow,
            Binary::Mod => OpKind::Mod,
            Binary::Fmod => OpKind::Fmod,
        }
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        broadcast(operands[0].ty.dims(), operands[1].ty.dims())
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        of_numbers(self.kind(), operands, dims, params)
    }

    fn keeps_rows(&self, rows: &NodeRows<'_>) -> bool {
        rows.stay_in_broadcast()
    }
}

/// The type of a result of two operands of integers, or of what `kind` takes besides.
fn of_numbers(
    kind: OpKind,
    operands: &[&Value],
    dims: Vec<Dim>,
    params: Option<QuantParams>,
) -> Result<ValueType, Problem> {
    if types::is_integer(&operands[0].ty) {
        return types::plain(types::expect_same(operands)?, &dims, params);
    }
    types::by_output_params(kind, operands, dims, params)
}

/// The shape of an element-by-element result: trailing axes are equal, or one of them is 1.
pub(super) fn broadcast(a: &[Dim], b: &[Dim]) -> Result<Vec<Dim>, Problem> {
    let (long, short) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    let offset = long.len() - short.len();
    let joined = long.iter().enumerate().map(|(axis, dim)| match axis.checked_sub(offset).map(|axis| &short[axis]) {
        None | Some(Dim::Fixed(1)) => Ok(dim.clone()),
        Some(other) if other == dim || *dim == Dim::Fixed(1) => Ok(other.clone()),
        // A size that is not known may be 1.
        Some(other) => Err(Problem::sizes(
            dim.fixed().is_none() || other.fixed().is_none(),
            format!("the shapes {a:?} and {b:?} do not broadcast"),
        )),
    });
    joined.collect()
}
