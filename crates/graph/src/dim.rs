//! Dimensions: known sizes, named symbols, and what is computed from them.

use core::fmt;
use std::sync::Arc;

use crate::Polynomial;

/// The size of one axis.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Dim {
    /// A size known when the graph is built.
    Fixed(usize),
    /// A size that a graph input brings at run time; equal names are equal sizes.
    Symbol(Arc<str>),
    /// A size that follows from symbols; neither a known size nor a single symbol.
    Computed(Arc<Polynomial>),
}

impl Dim {
    /// A symbolic dimension.
    #[must_use]
    pub fn symbol(name: &str) -> Self {
        Dim::Symbol(name.into())
    }

    /// The dimension that a polynomial is, `None` for a negative number.
    #[must_use]
    pub fn computed(size: Polynomial) -> Option<Self> {
        match (size.as_constant(), size.as_symbol()) {
            (Some(number), _) => usize::try_from(number).ok().map(Dim::Fixed),
            (None, Some(symbol)) => Some(Dim::Symbol(Arc::clone(symbol))),
            (None, None) => Some(Dim::Computed(Arc::new(size))),
        }
    }

    /// The size as a polynomial, `None` if it does not fit `i64`.
    #[must_use]
    pub fn polynomial(&self) -> Option<Polynomial> {
        match self {
            Dim::Fixed(size) => i64::try_from(*size).ok().map(Polynomial::constant),
            Dim::Symbol(name) => Some(Polynomial::symbol(name)),
            Dim::Computed(size) => Some((**size).clone()),
        }
    }

    /// The size, if it is known.
    #[must_use]
    pub fn fixed(&self) -> Option<usize> {
        match self {
            Dim::Fixed(size) => Some(*size),
            Dim::Symbol(_) | Dim::Computed(_) => None,
        }
    }

    /// Whether two sizes are different for all sizes of the symbols but 0.
    #[must_use]
    pub fn differs(&self, other: &Dim) -> bool {
        match (self.polynomial(), other.polynomial()) {
            (Some(a), Some(b)) => a.differs(&b),
            _ => self != other,
        }
    }

    /// The size for given sizes of the symbols, `None` if one is not given or the size is negative or too large.
    pub fn evaluate(&self, size: impl Fn(&str) -> Option<usize>) -> Option<usize> {
        match self {
            Dim::Fixed(size) => Some(*size),
            Dim::Symbol(name) => size(name),
            Dim::Computed(polynomial) => usize::try_from(polynomial.evaluate(size)?).ok(),
        }
    }

    /// The size with the symbols replaced whose sizes are given; `None` if it gets negative or too large.
    pub fn with_sizes(&self, size: &dyn Fn(&str) -> Option<usize>) -> Option<Self> {
        match self {
            Dim::Fixed(_) => Some(self.clone()),
            Dim::Symbol(name) => Some(size(name).map_or_else(|| self.clone(), Dim::Fixed)),
            Dim::Computed(polynomial) => Self::computed(polynomial.with_sizes(size)?),
        }
    }

    /// The names of the symbols that the size depends on.
    pub fn symbols(&self) -> Vec<&str> {
        match self {
            Dim::Fixed(_) => Vec::new(),
            Dim::Symbol(name) => vec![name],
            Dim::Computed(size) => size.symbols(),
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
            Dim::Computed(size) => fmt::Display::fmt(size, f),
        }
    }
}

impl fmt::Debug for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
