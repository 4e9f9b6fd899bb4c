//! Functions of one and two numbers, and reductions, as operators name them.

use crate::OpKind;

/// A function of one number, of [`Op::Unary`](crate::Op::Unary).
#[non_exhaustive]
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
    /// The operator.
    #[must_use]
    pub fn kind(self) -> OpKind {
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

    /// The numbers that belong to the function.
    #[must_use]
    pub fn parameters(self) -> [Option<f32>; 2] {
        match self {
            Unary::HardSigmoid { alpha, beta } => [Some(alpha), Some(beta)],
            Unary::LeakyRelu { slope: one } | Unary::Elu { alpha: one } => [Some(one), None],
            _ => [None; 2],
        }
    }
}

/// A function of two numbers, of [`Op::Binary`](crate::Op::Binary).
///
/// Integers wrap at the width of their type. An integer divided by zero is an error when the model runs.
#[non_exhaustive]
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

impl Binary {
    /// The operator.
    #[must_use]
    pub fn kind(self) -> OpKind {
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
}

/// What [`Op::Reduce`](crate::Op::Reduce) makes of many numbers. Sums are added in 16 strided lanes and then as a tree;
/// integers wrap at the width of their type, but for the sum of a mean, which is rounded to zero.
#[non_exhaustive]
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

impl Reduction {
    /// The operator.
    #[must_use]
    pub fn kind(self) -> OpKind {
        match self {
            Reduction::Mean => OpKind::ReduceMean,
            Reduction::Sum => OpKind::ReduceSum,
            Reduction::Max => OpKind::ReduceMax,
            Reduction::Min => OpKind::ReduceMin,
            Reduction::L2 => OpKind::ReduceL2,
        }
    }
}

/// A comparison, of [`Op::Compare`](crate::Op::Compare); false where an operand is NaN.
#[non_exhaustive]
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

impl Comparison {
    /// The operator.
    #[must_use]
    pub fn kind(self) -> OpKind {
        match self {
            Comparison::Equal => OpKind::Equal,
            Comparison::Less => OpKind::Less,
            Comparison::LessOrEqual => OpKind::LessOrEqual,
            Comparison::Greater => OpKind::Greater,
            Comparison::GreaterOrEqual => OpKind::GreaterOrEqual,
        }
    }
}

/// A function of two truth values, of [`Op::Logic`](crate::Op::Logic).
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logic {
    /// Both.
    And,
    /// At least one.
    Or,
    /// Exactly one.
    Xor,
}

impl Logic {
    /// The operator.
    #[must_use]
    pub fn kind(self) -> OpKind {
        match self {
            Logic::And => OpKind::And,
            Logic::Or => OpKind::Or,
            Logic::Xor => OpKind::Xor,
        }
    }
}
