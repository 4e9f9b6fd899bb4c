//! [`Error`], what can go wrong while a graph is built, and [`Problem`], why a node does not fit its operands.

use fourfold_tensor::DType;

use crate::{ErrorKind, Excerpt, LimitExceeded, OpKind};

/// What a user can do where a size must be known; messages end with it.
pub const FIX_SIZES: &str = "give the inputs fixed sizes, with --dim NAME=SIZE or --shape INPUT=1x3x224x224";

/// An error of this crate.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// An operator does not fit its operands, or its attributes are invalid.
    #[error("node `{}` ({kind}): {problem}", Excerpt(node))]
    Node {
        /// The node's name.
        node: String,
        /// The node's operator.
        kind: OpKind,
        /// What does not fit.
        #[source]
        problem: Box<Problem>,
    },
    /// Two values or two nodes have one name.
    #[error("the name `{}` is used twice", Excerpt(name))]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// A name is empty or holds control characters.
    #[error("the name `{}` is empty or holds control characters", Excerpt(name))]
    Name {
        /// The name.
        name: String,
    },
    /// The quantization parameters of a constant do not fit its tensor.
    #[error("constant `{}`: {source}", Excerpt(name))]
    Constant {
        /// The constant's name.
        name: String,
        /// What does not fit.
        source: fourfold_schemes::Error,
    },
    /// A symbol or an input cannot be fixed as asked; see [`Fixed`](crate::Fixed).
    #[error("`{name}` {reason}")]
    Fixed {
        /// The symbol or input.
        name: String,
        /// What does not fit.
        reason: String,
    },
    /// The graph has no outputs.
    #[error("the graph has no outputs")]
    NoOutputs,
    /// A value id is of another graph.
    #[error("value {index} is not one of this graph's {count}")]
    UnknownValue {
        /// The value's index.
        index: usize,
        /// The number of values of this graph.
        count: usize,
    },
    /// The graph is larger than allowed.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// A tensor has the wrong type or shape, or there is no memory for it.
    #[error(transparent)]
    Tensor(#[from] fourfold_tensor::Error),
}

impl Error {
    /// The kind of error: whose fault it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Fixed { .. } => ErrorKind::Usage,
            Error::DuplicateName { .. } | Error::Name { .. } | Error::NoOutputs | Error::UnknownValue { .. } => {
                ErrorKind::Invalid
            }
            Error::Node { problem, .. } => problem.kind(),
            Error::Constant { source, .. } => source.kind(),
            Error::Limit(error) => error.kind(),
            Error::Tensor(error) => error.kind(),
        }
    }
}

/// Why a node does not fit its operands.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    /// Too few or too many operands.
    #[error("takes {min} to {max} operands, {actual} were given")]
    Arity {
        /// The min number of operands.
        min: usize,
        /// The max number of operands.
        max: usize,
        /// The number given.
        actual: usize,
    },
    /// An operand has an element type that the operator does not take.
    #[error("operand {operand} holds {actual}, expected {expected}")]
    Type {
        /// The operand's index.
        operand: usize,
        /// What the operator takes there.
        expected: &'static str,
        /// What was given.
        actual: DType,
    },
    /// The shapes of the operands do not fit each other or the operator.
    #[error("{}", Excerpt(reason))]
    Shape {
        /// What does not fit, with the shapes.
        reason: String,
    },
    /// Whether the shapes fit depends on symbolic sizes, which are not known before the graph runs.
    #[error("{reason}; {FIX_SIZES}")]
    Open {
        /// What may not fit, with the shapes.
        reason: String,
    },
    /// An attribute is out of its range.
    #[error("{name} {} is invalid: {}", Excerpt(value), Excerpt(reason))]
    Attribute {
        /// The attribute's name.
        name: &'static str,
        /// The attribute's value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The quantization parameters of the result are missing, of the wrong kind, or given where none are taken.
    #[error("{reason}")]
    OutputParams {
        /// What is wrong.
        reason: &'static str,
    },
    /// Sums of quantized products could overflow `i32`.
    #[error("sums of {depth} products can leave the range of i32; at most {limit} are exact")]
    Accumulator {
        /// The number of products in one sum.
        depth: usize,
        /// The max number of products whose sum fits `i32`, whatever the quantized values are.
        limit: usize,
    },
    /// Quantization parameters do not fit the value.
    #[error(transparent)]
    Scheme(#[from] fourfold_schemes::Error),
    /// A size is larger than allowed.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
}

impl Problem {
    /// The kind of error: whose fault it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Problem::Open { .. } => ErrorKind::Unsupported,
            Problem::Arity { .. }
            | Problem::Type { .. }
            | Problem::Shape { .. }
            | Problem::Attribute { .. }
            | Problem::OutputParams { .. }
            | Problem::Accumulator { .. } => ErrorKind::Invalid,
            Problem::Scheme(error) => error.kind(),
            Problem::Limit(error) => error.kind(),
        }
    }

    pub(crate) fn shape(reason: impl Into<String>) -> Self {
        Problem::Shape { reason: reason.into() }
    }

    /// [`Problem::Open`] if symbolic sizes decide whether the shapes fit, else [`Problem::Shape`].
    pub(crate) fn sizes(is_open: bool, reason: String) -> Self {
        if is_open { Problem::Open { reason } } else { Problem::Shape { reason } }
    }
}
