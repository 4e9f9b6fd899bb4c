//! What can go wrong while values are observed.

use fourfold_error::ErrorKind;

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
    /// A range was asked of an observer that never has one.
    #[error("observer `{observer}` has no range: {reason}")]
    NoRange {
        /// The observer.
        observer: &'static str,
        /// Why, and what to do.
        reason: &'static str,
    },
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
    /// What an observer saw cannot be added to what another one saw.
    #[error("states of observer `{observer}` do not merge: {reason}")]
    Merge {
        /// The observer.
        observer: &'static str,
        /// Why, and what to do.
        reason: &'static str,
    },
    /// A state is not one that the observer can have.
    #[error("a state `{found}` does not fit observer `{observer}`: {reason}")]
    State {
        /// The observer.
        observer: &'static str,
        /// The kind of the state.
        found: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// States of several observers are not of one model and configuration.
    #[error("the states do not belong together: {reason}")]
    Apart {
        /// Why, and what to do.
        reason: String,
    },
    /// The same batches would be counted twice.
    #[error("{count} of {batches} batches were taken in already; merge every part once")]
    Twice {
        /// The number of batches that are there already.
        count: usize,
        /// The number of batches that would be added.
        batches: usize,
    },
    /// What is wrong with the state of one of several observers.
    #[error("value `{value}`: {source}")]
    Value {
        /// The name of the value that is watched.
        value: String,
        /// What is wrong.
        source: Box<Error>,
    },
    /// A setting of an observer is outside its bounds.
    #[error("observer `{observer}` cannot work with {setting} {value}: {bounds}")]
    Setting {
        /// The observer.
        observer: &'static str,
        /// The setting.
        setting: &'static str,
        /// Its value.
        value: f64,
        /// The values that it may have.
        bounds: &'static str,
    },
    /// A range does not make parameters.
    #[error(transparent)]
    Scheme(#[from] fourfold_schemes::Error),
    /// The tensor is not `f32`, or there is no memory.
    #[error(transparent)]
    Tensor(#[from] fourfold_tensor::Error),
}

impl Error {
    /// What kind of error it is, which says whose fault it is and what helps.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::NotFinite { .. }
            | Error::Nothing
            | Error::NoRange { .. }
            | Error::Channels { .. }
            | Error::Merge { .. }
            | Error::State { .. }
            | Error::Apart { .. }
            | Error::Twice { .. }
            | Error::Setting { .. } => ErrorKind::Invalid,
            Error::Value { source, .. } => source.kind(),
            Error::Scheme(error) => error.kind(),
            Error::Tensor(error) => error.kind(),
        }
    }
}
