//! Sizes that are computed from others: sums of products of symbols and of whole quotients.

use core::fmt;
use std::sync::Arc;

/// The most terms of a polynomial and the most factors of a term; shapes of real models have two or three.
const LARGEST: usize = 16;

/// `sum of coefficient * product of factors`, in one canonical form, so that equal polynomials compare equal.
///
/// All arithmetic is checked: what overflows `i64`, or has more than 16 terms or factors, gives `None`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Polynomial {
    /// Sorted by their factors, no two with the same, no coefficient 0.
    terms: Vec<Term>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Term {
    /// Sorted; a square has its factor twice.
    factors: Vec<Factor>,
    coefficient: i64,
}

/// What a term of a [`Polynomial`] multiplies; never negative.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Factor {
    /// A size that an input brings.
    Symbol(Arc<str>),
    /// A quotient without its remainder.
    Quotient(Arc<Quotient>),
}

/// `floor(dividend / divisor)`, which [`Polynomial::floor_div`] makes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quotient {
    /// Of symbols alone, with coefficients from 0 to less than the divisor.
    dividend: Polynomial,
    divisor: i64,
}

impl Quotient {
    /// What is divided.
    #[must_use]
    pub fn dividend(&self) -> &Polynomial {
        &self.dividend
    }

    /// What it is divided by, at least 2.
    #[must_use]
    pub fn divisor(&self) -> i64 {
        self.divisor
    }
}

impl Polynomial {
    /// A known number.
    #[must_use]
    pub fn constant(number: i64) -> Self {
        Self::of(vec![Term { factors: Vec::new(), coefficient: number }])
    }

    /// One symbol.
    #[must_use]
    pub fn symbol(name: &Arc<str>) -> Self {
        Self::factor(Factor::Symbol(Arc::clone(name)))
    }

    fn factor(factor: Factor) -> Self {
        Self { terms: vec![Term { factors: vec![factor], coefficient: 1 }] }
    }

    /// The polynomial of `(coefficient, symbols)`, in any order; `None` if it is too large.
    #[must_use]
    pub fn from_terms(terms: impl IntoIterator<Item = (i64, Vec<Arc<str>>)>) -> Option<Self> {
        let factors = |symbols: Vec<Arc<str>>| symbols.into_iter().map(Factor::Symbol).collect();
        Self::sum_of(terms.into_iter().map(|(coefficient, symbols)| (coefficient, factors(symbols))))
    }

    fn sum_of(terms: impl IntoIterator<Item = (i64, Vec<Factor>)>) -> Option<Self> {
        terms.into_iter().try_fold(Self { terms: Vec::new() }, |sum, (coefficient, mut factors)| {
            factors.sort();
            let one = (factors.len() <= LARGEST).then(|| Self::of(vec![Term { factors, coefficient }]))?;
            sum.add(&one)
        })
    }

    /// Each term's coefficient and factors.
    pub fn terms(&self) -> impl Iterator<Item = (i64, &[Factor])> {
        self.terms.iter().map(|term| (term.coefficient, term.factors.as_slice()))
    }

    /// The names of the symbols, those in quotients too; a name may be there several times.
    #[must_use]
    pub fn symbols(&self) -> Vec<&str> {
        let factors = self.terms.iter().flat_map(|term| &term.factors);
        let names = factors.flat_map(|factor| match factor {
            Factor::Symbol(name) => vec![&**name],
            Factor::Quotient(quotient) => quotient.dividend.symbols(),
        });
        names.collect()
    }

    /// The number, if there are no symbols.
    #[must_use]
    pub fn as_constant(&self) -> Option<i64> {
        match self.terms.as_slice() {
            [] => Some(0),
            [term] if term.factors.is_empty() => Some(term.coefficient),
            _ => None,
        }
    }

    /// The symbol, if there is nothing else.
    #[must_use]
    pub fn as_symbol(&self) -> Option<&Arc<str>> {
        match self.terms.as_slice() {
            [Term { factors, coefficient: 1 }] => match factors.as_slice() {
                [Factor::Symbol(name)] => Some(name),
                _ => None,
            },
            _ => None,
        }
    }

    /// The sum.
    #[must_use]
    pub fn add(&self, other: &Self) -> Option<Self> {
        let mut terms = self.terms.clone();
        for term in &other.terms {
            match terms.binary_search_by(|known| known.factors.cmp(&term.factors)) {
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
            let factors = a.factors.iter().chain(&b.factors).cloned().collect();
            Some((a.coefficient.checked_mul(b.coefficient)?, factors))
        });
        Self::sum_of(products.collect::<Option<Vec<_>>>()?)
    }

    /// The quotient by a divisor of one term, if nothing remains.
    #[must_use]
    pub fn div(&self, divisor: &Self) -> Option<Self> {
        if self == divisor && !self.terms.is_empty() {
            return Some(Self::constant(1));
        }
        let [by] = divisor.terms.as_slice() else { return None };
        let quotients = self.terms.iter().map(|term| {
            let mut factors = term.factors.clone();
            for factor in &by.factors {
                let place = factors.iter().position(|known| known == factor)?;
                factors.remove(place);
            }
            let exact = term.coefficient.checked_rem(by.coefficient)? == 0;
            exact.then(|| (term.coefficient / by.coefficient, factors))
        });
        Self::sum_of(quotients.collect::<Option<Vec<_>>>()?)
    }

    /// The quotient by a positive number without its remainder, `floor(self / divisor)`.
    ///
    /// ```text
    /// floor((d*a + b) / d) = a + floor(b / d)        floor((floor(a / c) + b) / d) = floor((a + c*b) / (c*d))
    /// ```
    ///
    /// `None` for other quotients of quotients, and what is too large.
    #[must_use]
    pub fn floor_div(&self, divisor: i64) -> Option<Self> {
        if divisor < 1 {
            return None;
        }
        let part = |f: fn(i64, i64) -> i64| {
            let terms = self.terms.iter();
            Self::of(terms.map(|term| Term { coefficient: f(term.coefficient, divisor), ..term.clone() }).collect())
        };
        let (whole, mut rest) = (part(i64::div_euclid), part(i64::rem_euclid));
        if rest.as_constant().is_some() {
            return Some(whole);
        }
        // The number is the first term, as it has no factors.
        let number = rest.terms.first().filter(|term| term.factors.is_empty()).map_or(0, |term| term.coefficient);
        let others = &rest.terms[usize::from(number != 0)..];
        if let [Term { factors, coefficient: 1 }] = others
            && let [Factor::Quotient(inner)] = factors.as_slice()
        {
            let dividend = inner.dividend.add(&Self::constant(number.checked_mul(inner.divisor)?))?;
            return whole.add(&dividend.floor_div(inner.divisor.checked_mul(divisor)?)?);
        }
        let is_quotient = |factor: &Factor| matches!(factor, Factor::Quotient(_));
        if others.iter().flat_map(|term| &term.factors).any(is_quotient) {
            return None;
        }
        let common = others.iter().fold(divisor, |common, term| greatest_common_divisor(common, term.coefficient));
        if common == divisor {
            return Some(whole);
        }
        rest.terms.iter_mut().for_each(|term| term.coefficient = term.coefficient.div_euclid(common));
        let quotient = Quotient { dividend: Self::of(rest.terms), divisor: divisor / common };
        whole.add(&Self::factor(Factor::Quotient(Arc::new(quotient))))
    }

    /// The polynomial with the symbols replaced whose sizes are given; `None` if it gets too large.
    #[must_use]
    pub fn with_sizes(&self, size: &dyn Fn(&str) -> Option<usize>) -> Option<Self> {
        let value = |factor: &Factor| match factor {
            Factor::Symbol(name) => match size(name) {
                Some(size) => i64::try_from(size).ok().map(Self::constant),
                None => Some(Self::symbol(name)),
            },
            Factor::Quotient(quotient) => quotient.dividend.with_sizes(size)?.floor_div(quotient.divisor),
        };
        self.terms.iter().try_fold(Self::constant(0), |sum, term| {
            let start = Self::constant(term.coefficient);
            sum.add(&term.factors.iter().try_fold(start, |product, factor| product.mul(&value(factor)?))?)
        })
    }

    /// Whether two polynomials are different numbers for all sizes of the symbols but 0.
    #[must_use]
    pub fn differs(&self, other: &Self) -> bool {
        let Some(difference) = self.sub(other) else { return false };
        let has_sign = |sign: i64| difference.terms.iter().all(|term| term.coefficient.signum() == sign);
        // A quotient may be 0, so that one term without any must be there.
        let is_positive = |term: &Term| term.factors.iter().all(|factor| matches!(factor, Factor::Symbol(_)));
        difference.terms.iter().any(is_positive) && (has_sign(1) || has_sign(-1))
    }

    /// The number for given sizes of the symbols, `None` if one is not given or the number overflows.
    pub fn evaluate(&self, size: impl Fn(&str) -> Option<usize>) -> Option<i64> {
        self.evaluate_with(&size)
    }

    fn evaluate_with(&self, size: &dyn Fn(&str) -> Option<usize>) -> Option<i64> {
        let value = |factor: &Factor| match factor {
            Factor::Symbol(name) => i64::try_from(size(name)?).ok(),
            Factor::Quotient(quotient) => Some(quotient.dividend.evaluate_with(size)?.div_euclid(quotient.divisor)),
        };
        self.terms.iter().try_fold(0_i64, |sum, term| {
            let mut factors = term.factors.iter();
            let product = factors.try_fold(term.coefficient, |product, factor| product.checked_mul(value(factor)?));
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
            let factors = term.factors.iter().map(ToString::to_string).collect::<Vec<_>>().join("*");
            match (size, factors.is_empty()) {
                (_, true) => write!(f, "{size}")?,
                (1, false) => f.write_str(&factors)?,
                (_, false) => write!(f, "{size}*{factors}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Factor {
    /// `batch`, or `floor((height + 1)/2)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Factor::Symbol(name) => f.write_str(name),
            Factor::Quotient(quotient) if quotient.dividend.terms.len() == 1 => {
                write!(f, "floor({}/{})", quotient.dividend, quotient.divisor)
            }
            Factor::Quotient(quotient) => write!(f, "floor(({})/{})", quotient.dividend, quotient.divisor),
        }
    }
}

impl fmt::Debug for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Quotient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "floor(({})/{})", self.dividend, self.divisor)
    }
}

fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
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

        #[test]
        fn quotients_are_those_of_the_values(
            x in polynomial(), y in polynomial(), divisors in (1_i64..7, 1_i64..7), more in -5_i64..6, sizes: [u8; 3],
        ) {
            let sizes = sizes.map(usize::from);
            let (first, second) = divisors;
            let quotient = x.floor_div(first).unwrap();
            let expected = value(&x, sizes).unwrap().div_euclid(first);
            prop_assert_eq!(value(&quotient, sizes), Some(expected));
            // The form is one, whatever multiples were added before.
            let multiple = y.mul(&Polynomial::constant(first)).unwrap();
            prop_assert_eq!(x.add(&multiple).unwrap().floor_div(first), quotient.add(&y));
            let again = quotient.add(&Polynomial::constant(more)).unwrap().floor_div(second);
            if let Some(again) = again {
                prop_assert_eq!(value(&again, sizes), Some((expected + more).div_euclid(second)));
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
        let half = batch.sub(&Polynomial::constant(1)).and_then(|less| less.floor_div(2)).unwrap();
        assert_eq!(half.to_string(), "floor((batch + 1)/2) - 1");
        assert_eq!(half.floor_div(2).unwrap().to_string(), "floor((batch + 3)/4) - 1");
        assert_eq!(half.symbols(), ["batch"]);
        assert_eq!(half.mul(&half).and_then(|square| square.floor_div(3)), None);
        assert_eq!(batch.floor_div(0), None);
        let large = Polynomial::constant(i64::MAX);
        assert_eq!(large.add(&large), None);
    }
}
