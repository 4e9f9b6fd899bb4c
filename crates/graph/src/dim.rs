//! Dimensions: known sizes and named symbols.

use core::fmt;
use std::sync::Arc;

/// The size of one axis.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Dim {
    /// A size known when the graph is built.
    Fixed(usize),
    /// A size that a graph input brings at run time; equal names are equal sizes.
    Symbol(Arc<str>),
}

impl Dim {
    /// A symbolic dimension.
    #[must_use]
    pub fn symbol(name: &str) -> Self {
        Dim::Symbol(name.into())
    }

    /// The size, if it is known.
    #[must_use]
    pub fn fixed(&self) -> Option<usize> {
        match self {
            Dim::Fixed(size) => Some(*size),
            Dim::Symbol(_) => None,
        }
    }
}

impl From<usize> for Dim {
    fn from(size: usize) -> Self {
        Dim::Fixed(size)
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dim::Fixed(size) => write!(f, "{size}"),
            Dim::Symbol(name) => f.write_str(name),
        }
    }
}

impl fmt::Debug for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
