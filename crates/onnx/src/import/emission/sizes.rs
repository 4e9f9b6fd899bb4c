//! Integers that follow from the shapes of values, with symbols for what is not known before the model runs.

use core::fmt;

use fourfold_graph::{Dim, Polynomial};
use fourfold_tensor::{DType, Tensor};

use crate::Error;
use crate::import::constants::tensor::integers;
use crate::import::emission::binding::Binding;
use crate::import::emission::node::Entry;

/// Longer lists are not shapes.
const LONGEST: usize = 1024;

/// Integers, known but for the sizes that the inputs bring.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sizes {
    pub(crate) elements: Vec<Polynomial>,
    /// Whether it is one number without axes.
    pub(crate) is_scalar: bool,
    /// The type of the numbers, `i64` or `i32`.
    pub(crate) dtype: DType,
}

impl fmt::Display for Sizes {
    /// `[batch, 4*length]`, or `batch` without axes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let elements = self.elements.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        if self.is_scalar { f.write_str(&elements) } else { write!(f, "[{elements}]") }
    }
}

impl Sizes {
    /// A list of them, of the same type.
    pub(crate) fn list(&self, elements: Vec<Polynomial>) -> Self {
        Self { elements, is_scalar: false, dtype: self.dtype }
    }

    /// The numbers, if all are known.
    pub(crate) fn known(&self) -> Option<Vec<i64>> {
        self.elements.iter().map(Polynomial::as_constant).collect()
    }

    /// The sizes as dimensions, `None` if one is negative.
    pub(crate) fn dims(&self) -> Option<Vec<Dim>> {
        self.elements.iter().cloned().map(Dim::computed).collect()
    }

    /// `f` of the elements of both, of which one may be a single number.
    pub(crate) fn zip(&self, other: &Self, f: impl Fn(&Polynomial, &Polynomial) -> Option<Polynomial>) -> Option<Self> {
        let count = if self.elements.len() == 1 { other.elements.len() } else { self.elements.len() };
        let at = |sizes: &Self, index: usize| match sizes.elements.as_slice() {
            [one] => Some(one.clone()),
            all => all.get(index).filter(|_| all.len() == count).cloned(),
        };
        let elements = (0..count).map(|index| f(&at(self, index)?, &at(other, index)?)).collect::<Option<_>>()?;
        Some(Self { elements, is_scalar: self.is_scalar && other.is_scalar, dtype: self.dtype })
    }
}

impl Entry<'_, '_> {
    /// Whether an input holds sizes that are not all known.
    pub(crate) fn is_symbolic(&self, index: usize) -> bool {
        let name = self.input(index).unwrap_or_default();
        matches!(self.importer.emission.binding(name), Some(Binding::Sizes(_)))
    }

    /// The integers of an input, `None` if it is left out or holds anything else.
    pub(crate) fn sizes(&mut self, index: usize) -> Option<Sizes> {
        let name = self.input(index)?;
        if let Some(Binding::Sizes(sizes)) = self.importer.emission.binding(name) {
            return Some(sizes.clone());
        }
        let tensor = self.importer.constants.stored(name)?;
        if tensor.shape().len() > 1 || tensor.len() > LONGEST {
            return None;
        }
        let numbers = match tensor.dtype() {
            DType::I64 => tensor.as_slice::<i64>().ok()?.to_vec(),
            DType::I32 => integers(tensor)?.into_iter().map(i64::from).collect(),
            _ => return None,
        };
        let elements = numbers.into_iter().map(Polynomial::constant).collect();
        Some(Sizes { elements, is_scalar: tensor.shape().is_empty(), dtype: tensor.dtype() })
    }

    /// The integers of an input that must be there and hold such.
    pub(crate) fn expect_sizes(&mut self, index: usize) -> Result<Sizes, Error> {
        let Some(name) = self.input(index) else { return Err(self.invalid(format!("lacks input {index}"))) };
        match self.sizes(index) {
            Some(sizes) => Ok(sizes),
            None if !self.importer.emission.is_bound(name) => Err(self.unknown(name)),
            None => {
                Err(self
                    .unsupported(format!("an input `{name}` that does not follow from shapes, as operand {index},")))
            }
        }
    }

    /// Integers of an input that may be left out, which must be known.
    pub(crate) fn known_integers(&mut self, index: usize) -> Result<Option<Vec<i64>>, Error> {
        if self.input(index).is_none() {
            return Ok(None);
        }
        let sizes = self.expect_sizes(index)?;
        let name = self.input(index).unwrap_or_default();
        let unknown = || self.unsupported(format!("an input `{name}` whose numbers depend on the inputs' shapes"));
        sizes.known().map(Some).ok_or_else(unknown)
    }

    /// Binds the result: a constant if all is known.
    pub(crate) fn bind_sizes(&mut self, sizes: Sizes) -> Result<(), Error> {
        let Some(numbers) = sizes.known() else { return self.importer.bind(self.output(), Binding::Sizes(sizes)) };
        let shape: &[usize] = if sizes.is_scalar { &[] } else { &[numbers.len()] };
        #[expect(clippy::cast_possible_truncation, reason = "integers of 32 bits wrap")]
        let words = || numbers.iter().map(|&number| number as i32).collect();
        let tensor = match sizes.dtype {
            DType::I32 => Tensor::from_vec(shape, words()),
            _ => Tensor::from_slice(shape, &numbers),
        };
        self.bind_constant(tensor.map_err(fourfold_graph::Error::from)?)
    }
}
