//! What can go wrong in the workflow.

use fourfold_graph::{ErrorKind, OpKind};
use fourfold_tensor::DType;

/// An error of this crate.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// Conversion without calibration.
    #[error("nothing was calibrated: give `observe` at least one batch of representative inputs before `convert`")]
    NotCalibrated,
    /// Conversion with some of the samples.
    #[error("the calibration has only {shards} of the samples; calibrate and merge the others, or allow it as it is")]
    Partial {
        /// What it has.
        shards: fourfold_observers::Shards,
    },
    /// All inputs of a batch are empty.
    #[error("the batch has no samples: give at least one in each batch")]
    NoSamples,
    /// The monitor of a calibration stopped it.
    #[error("calibration was stopped in the middle of a batch; what the batches before gave is kept")]
    Cancelled,
    /// The graph is quantized already.
    #[error("the model is quantized already; quantize the float model instead")]
    AlreadyQuantized,
    /// A value could not be observed.
    #[error("calibration of value `{value}`: {source}")]
    Observe {
        /// The value's name.
        value: String,
        /// Why.
        source: fourfold_observers::Error,
    },
    /// A saved calibration does not fit.
    #[error("saved calibration: {source}")]
    Saved {
        /// Why.
        source: fourfold_observers::Error,
    },
    /// A weight could not be quantized.
    #[error("weight of node `{node}`: {source}")]
    Weight {
        /// The node's name.
        node: String,
        /// Why.
        source: fourfold_observers::Error,
    },
    /// A configuration is not one that the workflow can follow.
    #[error("the configuration's {part} {reason}")]
    Config {
        /// Which part of it.
        part: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// A regular expression is not valid.
    #[error("the regular expression `{pattern}` is not valid: {reason}")]
    Pattern {
        /// The expression.
        pattern: String,
        /// What is wrong.
        reason: String,
    },
    /// A quantized layer does not belong to the float graph.
    #[error(
        "node `{node}` of the quantized model {reason}; give the float graph that it was made of, as it was given to \
         `prepare`"
    )]
    Mismatch {
        /// The node's name.
        node: String,
        /// What does not fit.
        reason: &'static str,
    },
    /// Dynamic quantization was asked for where there is none.
    #[error("{kind} cannot be quantized dynamically to {dtype}; Linear, Conv, Lstm, Gru and Rnn to i8 can")]
    NotDynamic {
        /// The operator.
        kind: OpKind,
        /// The type asked for.
        dtype: DType,
    },
    /// The graph could not be rebuilt.
    #[error(transparent)]
    Graph(#[from] fourfold_graph::Error),
    /// The float graph could not be run.
    #[error(transparent)]
    Runtime(#[from] fourfold_runtime::Error),
    /// A tensor could not be quantized.
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
            Error::NotCalibrated | Error::Config { .. } | Error::Pattern { .. } | Error::NotDynamic { .. } => {
                ErrorKind::Usage
            }
            Error::NoSamples | Error::Mismatch { .. } => ErrorKind::Invalid,
            Error::AlreadyQuantized => ErrorKind::Unsupported,
            Error::Partial { .. } => ErrorKind::Incomplete,
            Error::Cancelled => ErrorKind::Interrupted,
            Error::Observe { source, .. } | Error::Saved { source } | Error::Weight { source, .. } => source.kind(),
            Error::Graph(error) => error.kind(),
            Error::Runtime(error) => error.kind(),
            Error::Scheme(error) => error.kind(),
            Error::Tensor(error) => error.kind(),
        }
    }
}
