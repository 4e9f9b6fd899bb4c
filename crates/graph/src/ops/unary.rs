//! Functions of every element.

use fourfold_schemes::QuantParams;

use super::{Facts, NodeRows, OpKind, Operator, OutputParams, types};
use crate::{Dim, Limits, Problem, Value, ValueType};

pub(super) const EXP: Facts = Facts::new(OpKind::Exp, OutputParams::Float);
pub(super) const LOG: Facts = Facts::new(OpKind::Log, OutputParams::Float);
pub(super) const SQRT: Facts = Facts::new(OpKind::Sqrt, OutputParams::Float);
pub(super) const RECIPROCAL: Facts = Facts::new(OpKind::Reciprocal, OutputParams::Float);
pub(super) const NEG: Facts = Facts::new(OpKind::Neg, OutputParams::Own);
pub(super) const ABS: Facts = Facts::new(OpKind::Abs, OutputParams::Own);
pub(super) const TANH: Facts = Facts::new(OpKind::Tanh, OutputParams::Own);
pub(super) const ERF: Facts = Facts::new(OpKind::Erf, OutputParams::Own);
pub(super) const SIGMOID: Facts = Facts::new(OpKind::Sigmoid, OutputParams::Own);
pub(super) const SILU: Facts = Facts::new(OpKind::Silu, OutputParams::Own);
pub(super) const GELU: Facts = Facts::new(OpKind::Gelu, OutputParams::Own);
pub(super) const GELU_TANH: Facts = Facts::new(OpKind::GeluTanh, OutputParams::Own);
pub(super) const HARD_SIGMOID: Facts = Facts::new(OpKind::HardSigmoid, OutputParams::Own);
pub(super) const HARD_SWISH: Facts = Facts::new(OpKind::HardSwish, OutputParams::Own);
pub(super) const LEAKY_RELU: Facts = Facts::new(OpKind::LeakyRelu, OutputParams::Own);
pub(super) const ELU: Facts = Facts::new(OpKind::Elu, OutputParams::Own);

/// A function of one number, of [`Op::Unary`](crate::Op::Unary).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unary {
    /// `e^x`.
    Exp,
    /// The natural logarithm.
    Log,
    /// The square root.
    Sqrt,
    /// `1 / x`.
    Reciprocal,
    /// `-x`.
    Neg,
    /// `|x|`.
    Abs,
    /// The hyperbolic tangent.
    Tanh,
    /// `2 / sqrt(pi) * integral of e^(-t^2) from 0 to x`.
    Erf,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// `x * sigmoid(x)`, also called swish.
    Silu,
    /// `x / 2 * (1 + erf(x / sqrt(2)))`.
    Gelu,
    /// `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))`.
    GeluTanh,
    /// `min(max(alpha * x + beta, 0), 1)`.
    HardSigmoid {
        /// The slope.
        alpha: f32,
        /// The value at 0.
        beta: f32,
    },
    /// `x * min(max(x / 6 + 1 / 2, 0), 1)`.
    HardSwish,
    /// `x` where it is positive, else `slope * x`.
    LeakyRelu {
        /// The factor of negative numbers.
        slope: f32,
    },
    /// `x` where it is positive, else `alpha * (e^x - 1)`.
    Elu {
        /// The factor of negative results.
        alpha: f32,
    },
}

impl Unary {
    /// The parameters of the function.
    #[must_use]
    pub fn parameters(self) -> [Option<f32>; 2] {
        match self {
            Unary::HardSigmoid { alpha, beta } => [Some(alpha), Some(beta)],
            Unary::LeakyRelu { slope: one } | Unary::Elu { alpha: one } => [Some(one), None],
            Unary::Exp | Unary::Log | Unary::Sqrt | Unary::Reciprocal | Unary::Neg | Unary::Abs => [None; 2],
            Unary::Tanh | Unary::Erf | Unary::Sigmoid | Unary::Silu => [None; 2],
            Unary::Gelu | Unary::GeluTanh | Unary::HardSwish => [None; 2],
        }
    }
}

impl Operator for Unary {
    fn kind(&self) -> OpKind {
        match self {
            Unary::Exp => OpKind::Exp,
            Unary::Log => OpKind::Log,
            Unary::Sqrt => OpKind::Sqrt,
            Unary::Reciprocal => OpKind::Reciprocal,
            Unary::Neg => OpKind::Neg,
            Unary::Abs => OpKind::Abs,
            Unary::Tanh => OpKind::Tanh,
            Unary::Erf => OpKind::Erf,
            Unary::Sigmoid => OpKind::Sigmoid,
            Unary::Silu => OpKind::Silu,
            Unary::Gelu => OpKind::Gelu,
            Unary::GeluTanh => OpKind::GeluTanh,
            Unary::HardSigmoid { .. } => OpKind::HardSigmoid,
            Unary::HardSwish => OpKind::HardSwish,
            Unary::LeakyRelu { .. } => OpKind::LeakyRelu,
            Unary::Elu { .. } => OpKind::Elu,
        }
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        if let Some(bad) = self.parameters().into_iter().flatten().find(|parameter| !parameter.is_finite()) {
            let reason = "must be finite".to_owned();
            return Err(Problem::Attribute { name: "parameters", value: bad.to_string(), reason });
        }
        Ok(operands[0].ty.dims().to_vec())
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        let x = &operands[0].ty;
        if matches!(self, Unary::Neg | Unary::Abs) && types::is_integer(x) {
            return types::plain(x.dtype(), &dims, params);
        }
        types::by_output_params(self.kind(), operands, dims, params)
    }

    fn keeps_rows(&self, _: &NodeRows<'_>) -> bool {
        true
    }
}
