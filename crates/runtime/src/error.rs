//! What can go wrong while a graph is compiled or run.

use fourfold_graph::{ErrorKind, Excerpt, LimitExceeded};
use fourfold_tensor::{DType, Shape};

/// An error of this crate.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// The wrong number of inputs was given.
    #[error("the model takes {expected} inputs ({}), {actual} were given", Excerpt(names))]
    InputCount {
        /// The number of graph inputs.
        expected: usize,
        /// Their names, separated by commas.
        names: String,
        /// The number given.
        actual: usize,
    },
    /// An input has another type or shape than the model takes.
    #[error("input `{}` takes {}, a tensor {dtype}{shape} was given", Excerpt(name), Excerpt(expected))]
    Input {
        /// The input's name.
        name: String,
        /// Its type.
        expected: String,
        /// The element type given.
        dtype: DType,
        /// The shape given.
        shape: Shape,
    },
    /// A named dimension would have two sizes at once.
    #[error(
        "dimension `{}` is {first} by one input and {second} by input `{}`; they must agree",
        Excerpt(symbol),
        Excerpt(name)
    )]
    Symbol {
        /// The dimension's name.
        symbol: String,
        /// The size from an earlier axis.
        first: usize,
        /// The size from this input.
        second: usize,
        /// The later input's name.
        name: String,
    },
    /// A value has a named dimension that no input has.
    #[error(
        "the size of dimension `{}` of value `{}` does not follow from the inputs",
        Excerpt(symbol),
        Excerpt(value)
    )]
    Unbound {
        /// The dimension's name.
        symbol: String,
        /// The value's name.
        value: String,
    },
    /// The inputs are so small that a window fits nowhere, or a size would be negative.
    #[error(
        "value `{}` would have no elements: its axis {axis} of size {} is not positive for these inputs; \
         give larger ones",
        Excerpt(value),
        Excerpt(dim)
    )]
    TooSmall {
        /// The value's name.
        value: String,
        /// The axis.
        axis: usize,
        /// Its size, as it follows from the inputs.
        dim: String,
    },
    /// The observer of a run wanted no more of it.
    #[error("the run was stopped before its end; run again for outputs")]
    Stopped,
    /// A node could not be compiled or run.
    #[error("node `{}`: {source}", Excerpt(node))]
    Node {
        /// The node's name.
        node: String,
        /// Why.
        source: Box<Error>,
    },
    /// A number chooses no element.
    #[error("index {index} is outside of {size} elements")]
    Index {
        /// The number.
        index: i64,
        /// The elements to choose from.
        size: usize,
    },
    /// An integer is divided by zero.
    #[error("an integer is divided by zero")]
    DivisionByZero,
    /// Elements of an axis that do not exist for inputs of these sizes.
    #[error("{count} elements from {start} on in steps of {step} do not lie within the {size} of axis {axis}")]
    Range {
        /// The axis.
        axis: usize,
        /// Its size.
        size: usize,
        /// The first element, negative from the end.
        start: i64,
        /// The distance of elements.
        step: i64,
        /// The number of elements.
        count: usize,
    },
    /// An element is sought along an axis that has none.
    #[error(
        "axis {axis} has no elements for inputs of these sizes, so that none is the largest or smallest; \
         give larger inputs"
    )]
    Empty {
        /// The axis.
        axis: usize,
    },
    /// Shapes that do not fit each other for inputs of these sizes.
    #[error("a value of shape {from} does not fit the shape {to}")]
    Broadcast {
        /// The shape of the value.
        from: Shape,
        /// The shape it has to fit.
        to: Shape,
    },
    /// A kernel refused its operands.
    #[error(transparent)]
    Kernel(#[from] fourfold_kernels::Error),
    /// A function refused its operands.
    #[error(transparent)]
    Math(#[from] fourfold_math::Error),
    /// A node's operands have types that the runtime has no code for.
    #[error("node `{}` ({kind}) cannot run on {}", Excerpt(node), Excerpt(types))]
    Unsupported {
        /// The node's name.
        node: String,
        /// The operator.
        kind: fourfold_graph::OpKind,
        /// The operands' types.
        types: String,
    },
    /// The sums of a product of two activations could leave the range of `i32`.
    #[error(
        "sums of {depth} products can leave the range of i32; at most {limit} are exact; leave this product in float"
    )]
    Accumulator {
        /// The number of products in one sum.
        depth: usize,
        /// The largest number that is exact for all quantized values.
        limit: usize,
    },
    /// The activations need more memory than allowed.
    #[error("the activations: {0}")]
    Limit(#[from] LimitExceeded),
    /// An operator of constants takes more time than allowed.
    #[error("{macs} multiply-accumulates are more than the {limit} allowed for constants")]
    Work {
        /// The number of multiply-accumulates.
        macs: u64,
        /// The largest number allowed.
        limit: u64,
    },
    /// An operator does not fit its operands.
    #[error(transparent)]
    Graph(#[from] fourfold_graph::Error),
    /// Threads could not be started.
    #[error("{count} threads could not be started: {reason}")]
    Threads {
        /// The number of threads asked for.
        count: usize,
        /// What the system says.
        reason: String,
    },
    /// Quantization parameters do not fit.
    #[error(transparent)]
    Scheme(#[from] fourfold_schemes::Error),
    /// A tensor could not be made or read.
    #[error(transparent)]
    Tensor(#[from] fourfold_tensor::Error),
}

impl Error {
    /// What kind of error it is, which says whose fault it is and what helps.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::InputCount { .. }
            | Error::Input { .. }
            | Error::Symbol { .. }
            | Error::Unbound { .. }
            | Error::TooSmall { .. }
            | Error::Index { .. }
            | Error::DivisionByZero
            | Error::Range { .. }
            | Error::Empty { .. }
            | Error::Broadcast { .. }
            | Error::Math(_)
            | Error::Accumulator { .. } => ErrorKind::Invalid,
            Error::Unsupported { .. } => ErrorKind::Unsupported,
            Error::Threads { .. } => ErrorKind::Io,
            Error::Stopped => ErrorKind::Interrupted,
            Error::Node { source, .. } => source.kind(),
            Error::Kernel(error) if error.is_limit() => ErrorKind::Limit,
            Error::Kernel(_) => ErrorKind::Invalid,
            Error::Limit(error) => error.kind(),
            Error::Work { .. } => ErrorKind::Limit,
            Error::Graph(error) => error.kind(),
            Error::Scheme(error) => error.kind(),
            Error::Tensor(error) => error.kind(),
        }
    }

    /// The same error, with the node it happened at.
    pub(crate) fn at(self, node: &str) -> Self {
        match self {
            Error::Node { .. } | Error::Unsupported { .. } => self,
            source => Error::Node { node: node.to_owned(), source: Box::new(source) },
        }
    }
}
