//! [`Dim`], the size of an axis: a number, a symbol, or computed from symbols.

use core::fmt;
use std::sync::Arc;

use crate::Polynomial;

/// The size of one axis.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Dim {
    /// A number.
    Fixed(usize),
    /// A named size that becomes known when the graph runs, from the shape of an input. Equal names are equal sizes.
    Symbol(Arc<str>),
    /// A size computed from symbols. A polynomial that is a number or a single symbol is never stored here, see
    /// [`Dim::computed`].
    Computed(Arc<Polynomial>),
}

impl Dim {
    /// The symbol of that name.
    #[must_use]
    pub fn symbol(name: &str) -> Self {
        Dim::Symbol(name.into())
    }

    /// The dimension with the size of a polynomial, in its simplest form; `None` for a negative number.
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

    /// The size, if it is a number.
    #[must_use]
    pub fn fixed(&self) -> Option<usize> {
        match self {
            Dim::Fixed(size) => Some(*size),
            Dim::Symbol(_) | Dim::Computed(_) => None,
        }
    }

    /// Whether two sizes are known to differ, whatever positive sizes the symbols have.
    #[must_use]
    pub fn differs(&self, other: &Dim) -> bool {
        match (self.polynomial(), other.polynomial()) {
            (Some(a), Some(b)) => a.differs(&b),
            _ => self != other,
        }
    }

    /// The size for given sizes of the symbols; `None` if a size is not given, or if the result is negative or too
    /// large.
    pub fn evaluate(&self, size: impl Fn(&str) -> Option<usize>) -> Option<usize> {
        match self {
            Dim::Fixed(size) => Some(*size),
            Dim::Symbol(name) => size(name),
            Dim::Computed(polynomial) => usize::try_from(polynomial.evaluate(size)?).ok(),
        }
    }

    /// Replaces the symbols whose sizes are given; `None` if the result is negative or too large.
    pub fn with_sizes(&self, size: &dyn Fn(&str) -> Option<usize>) -> Option<Self> {
        match self {
            Dim::Fixed(_) => Some(self.clone()),
            Dim::Symbol(name) => Some(size(name).map_or_else(|| self.clone(), Dim::Fixed)),
            Dim::Computed(polynomial) => Self::computed(polynomial.with_sizes(size)?),
        }
    }

    /// The names of the symbols that the size depends on; a name may come several times.
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
