//! What can go wrong while modules become a graph.

use fourfold_graph::ErrorKind;

use crate::Mismatch;

/// An error of this crate.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// Tensors of the state dict are missing, unexpected or of another shape; all of them are listed.
    #[error("the state dict does not fit the modules\n{0}")]
    StateDict(Mismatch),
    /// The arguments of a module do not fit each other or its operand.
    #[error("module `{module}`: {reason}")]
    Module {
        /// The module's path.
        module: String,
        /// What does not fit.
        reason: String,
    },
    /// The graph could not be built.
    #[error(transparent)]
    Graph(#[from] fourfold_graph::Error),
    /// A tensor could not be made or read.
    #[error(transparent)]
    Tensor(#[from] fourfold_tensor::Error),
}

impl Error {
    /// What kind of error it is, which says whose fault it is and what helps.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::StateDict(_) | Error::Module { .. } => ErrorKind::Invalid,
            Error::Graph(error) => error.kind(),
            Error::Tensor(error) => error.kind(),
        }
    }
}
