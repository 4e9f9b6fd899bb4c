//! What can go wrong while values are observed.

/// An error of this crate.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// Values that are not numbers, or infinite where the observer needs finite ones.
    #[error("{nan} of {elements} values are NaN and {infinite} infinite; the first is element {first}")]
    NotFinite {
        /// The number of NaN.
        nan: usize,
        /// The number of infinities.
        infinite: usize,
        /// The number of values.
        elements: usize,
        /// The index of the first offending value.
        first: usize,
    },
    /// A range was asked for before any value was observed.
    #[error("no value was observed")]
    Nothing,
    /// The observed tensor does not have the channels seen before, or no such axis.
    #[error("a tensor of shape {shape:?} does not have {expected} channels on axis {axis}")]
    Channels {
        /// The tensor's shape.
        shape: Vec<usize>,
        /// The axis of the channels.
        axis: usize,
        /// The number of channels expected; 1 stands for "at least one" before the first tensor.
        expected: usize,
    },
    /// A range does not make parameters.
    #[error(transparent)]
    Scheme(#[from] fourfold_schemes::Error),
    /// The tensor does not hold real numbers.
    #[error(transparent)]
    Tensor(#[from] fourfold_tensor::Error),
}
