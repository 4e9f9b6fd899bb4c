//! Sizes that are computed from others: sums of products of symbols.

use core::fmt;
use std::sync::Arc;

/// The most terms of a polynomial and the most factors of a term; shapes of real models have two or three.
const LARGEST: usize = 16;

/// `sum of coefficient * product of symbols`, in one canonical form, so that equal polynomials compare equal.
///
/// All arithmetic is checked: what overflows `i64`, or has more than 16 terms or factors, gives `None`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Polynomial {
    /// Sorted by their symbols, no two with the same, no coefficient 0.
    terms: Vec<Term>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Term {
    /// Sorted; a square has its symbol twice.
    symbols: Vec<Arc<str>>,
    coefficient: i64,
}

impl Polynomial {
    /// A known number.
    #[must_use]
    pub fn constant(number: i64) -> Self {
        Self::of(vec![Term { symbols: Vec::new(), coefficient: number }])
    }

    /// One symbol.
    #[must_use]
    pub fn symbol(name: &Arc<str>) -> Self {
        Self { terms: vec![Term { symbols: vec![Arc::clone(name)], coefficient: 1 }] }
    }

    /// The polynomial of `(coefficient, symbols)`, in any order; `None` if it is too large.
    #[must_use]
    pub fn from_terms(terms: impl IntoIterator<Item = (i64, Vec<Arc<str>>)>) -> Option<Self> {
        terms.into_iter().try_fold(Self { terms: Vec::new() }, |sum, (coefficient, mut symbols)| {
            symbols.sort();
            let one = (symbols.len() <= LARGEST).then(|| Self::of(vec![Term { symbols, coefficient }]))?;
            sum.add(&one)
        })
    }

    /// Each term's coefficient and symbols.
    pub fn terms(&self) -> impl Iterator<Item = (i64, &[Arc<str>])> {
        self.terms.iter().map(|term| (term.coefficient, term.symbols.as_slice()))
    }

    /// The number, if there are no symbols.
    #[must_use]
    pub fn as_constant(&self) -> Option<i64> {
        match self.terms.as_slice() {
            [] => Some(0),
            [term] if term.symbols.is_empty() => Some(term.coefficient),
            _ => None,
        }
    }

    /// The symbol, if there is nothing else.
    #[must_use]
    pub fn as_symbol(&self) -> Option<&Arc<str>> {
        match self.terms.as_slice() {
            [Term { symbols, coefficient: 1 }] if symbols.len() == 1 => symbols.first(),
            _ => None,
        }
    }

    /// The sum.
    #[must_use]
    pub fn add(&self, other: &Self) -> Option<Self> {
        let mut terms = self.terms.clone();
        for term in &other.terms {
            match terms.binary_search_by(|known| known.symbols.cmp(&term.symbols)) {
                Ok(place) => terms[place].coefficient = terms[place].coefficient.checked_add(term.coefficient)?,
                Err(place) => terms.insert(place, term.clone()),
            }
        }
        (terms.len() <= LARGEST).then(|| Self::of(terms))
    }

    /// The difference.
    #[must_use]
    pub fn sub(&self, other: &Self) -> Option<Self> {
        self.add(&other.mul(&Self::constant(-1))?)
    }

    /// The product.
    #[must_use]
    pub fn mul(&self, other: &Self) -> Option<Self> {
        let pairs = self.terms.iter().flat_map(|a| other.terms.iter().map(move |b| (a, b)));
        let products = pairs.map(|(a, b)| {
            let symbols = a.symbols.iter().chain(&b.symbols).cloned().collect();
            Some((a.coefficient.checked_mul(b.coefficient)?, symbols))
        });
        Self::from_terms(products.collect::<Option<Vec<_>>>()?)
    }

    /// The quotient by a divisor of one term, if nothing remains.
    #[must_use]
    pub fn div(&self, divisor: &Self) -> Option<Self> {
        if self == divisor && !self.terms.is_empty() {
            return Some(Self::constant(1));
        }
        let [by] = divisor.terms.as_slice() else { return None };
        let quotients = self.terms.iter().map(|term| {
            let mut symbols = term.symbols.clone();
            for symbol in &by.symbols {
                let place = symbols.iter().position(|known| known == symbol)?;
                symbols.remove(place);
            }
            let exact = term.coefficient.checked_rem(by.coefficient)? == 0;
            exact.then(|| (term.coefficient / by.coefficient, symbols))
        });
        Self::from_terms(quotients.collect::<Option<Vec<_>>>()?)
    }

    /// The number for given sizes of the symbols, `None` if one is not given or the number overflows.
    pub fn evaluate(&self, size: impl Fn(&str) -> Option<usize>) -> Option<i64> {
        self.terms.iter().try_fold(0_i64, |sum, term| {
            let product = term
                .symbols
                .iter()
                .try_fold(term.coefficient, |product, symbol| product.checked_mul(i64::try_from(size(symbol)?).ok()?));
            sum.checked_add(product?)
        })
    }

    fn of(mut terms: Vec<Term>) -> Self {
        terms.retain(|term| term.coefficient != 0);
        Self { terms }
    }
}

impl fmt::Display for Polynomial {
    /// `4*batch + 1`: the terms with the most symbols first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.terms.is_empty() {
            return f.write_str("0");
        }
        for (index, term) in self.terms.iter().rev().enumerate() {
            let size = term.coefficient.unsigned_abs();
            match (index, term.coefficient < 0) {
                (0, false) => {}
                (0, true) => f.write_str("-")?,
                (_, false) => f.write_str(" + ")?,
                (_, true) => f.write_str(" - ")?,
            }
            let symbols = term.symbols.join("*");
            match (size, symbols.is_empty()) {
                (_, true) => write!(f, "{size}")?,
                (1, false) => f.write_str(&symbols)?,
                (_, false) => write!(f, "{size}*{symbols}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Polynomial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn polynomial() -> impl Strategy<Value = Polynomial> {
        let symbols = proptest::collection::vec("[abc]", 0..3);
        proptest::collection::vec((-5_i64..6, symbols), 0..4).prop_filter_map("small", |terms| {
            Polynomial::from_terms(
                terms
                    .into_iter()
                    .map(|(n, symbols)| (n, symbols.iter().map(|symbol| symbol.as_str().into()).collect())),
            )
        })
    }

    /// Sizes of the symbols a, b and c.
    fn value(polynomial: &Polynomial, sizes: [usize; 3]) -> Option<i64> {
        polynomial.evaluate(|symbol| Some(sizes[usize::from(symbol.as_bytes()[0] - b'a')]))
    }

    proptest! {
        #[test]
        fn arithmetic_is_that_of_the_values(x in polynomial(), y in polynomial(), sizes: [u8; 3]) {
            let sizes = sizes.map(usize::from);
            let (a, b) = (value(&x, sizes).unwrap(), value(&y, sizes).unwrap());
            prop_assert_eq!(value(&x.add(&y).unwrap(), sizes), Some(a + b));
            prop_assert_eq!(value(&x.sub(&y).unwrap(), sizes), Some(a - b));
            let product = x.mul(&y).unwrap();
            prop_assert_eq!(value(&product, sizes), Some(a * b));
            prop_assert_eq!(x.add(&y), y.add(&x));
            if let Some(quotient) = product.div(&y) {
                prop_assert_eq!(quotient.mul(&y), Some(product));
            }
        }
    }

    #[test]
    fn text_and_parts() {
        let [batch, seq] = ["batch", "seq"].map(|name| Polynomial::symbol(&name.into()));
        let four = Polynomial::constant(4);
        let sum = four.mul(&batch).and_then(|product| product.sub(&seq)).unwrap();
        assert_eq!(sum.to_string(), "-seq + 4*batch");
        assert_eq!(sum.sub(&sum).unwrap().as_constant(), Some(0));
        assert_eq!(four.mul(&batch).unwrap().div(&four).unwrap().as_symbol().unwrap().as_ref(), "batch");
        assert_eq!(batch.div(&four), None);
        let large = Polynomial::constant(i64::MAX);
        assert_eq!(large.add(&large), None);
    }
}
