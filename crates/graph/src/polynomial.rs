//! [`Polynomial`], the arithmetic of symbolic sizes: sums and products of symbols, and quotients rounded down.

use core::fmt;
use std::sync::Arc;

/// The max number of terms of a polynomial, and of factors of a term. Shapes in models have two or three.
const MAX_LENGTH: usize = 16;

/// A polynomial in the symbols of shapes: `sum of coefficient * product of factors`.
///
/// It is kept in a canonical form, so that equal polynomials compare equal.
///
/// All arithmetic is checked: a result that overflows `i64`, or has more than 16 terms or a term of more than 16
/// factors, is `None`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Polynomial {
    /// Sorted by factors; no two terms have the same factors, and no coefficient is 0.
    terms: Vec<Term>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Term {
    /// Sorted; the factor of a square is there twice.
    factors: Vec<Factor>,
    coefficient: i64,
}

/// A factor in a term of a [`Polynomial`]; never negative.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Factor {
    /// A symbol of a shape.
    Symbol(Arc<str>),
    /// A quotient, rounded down.
    Quotient(Arc<Quotient>),
}

/// `floor(dividend / divisor)`, as [`Polynomial::floor_div`] makes it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quotient {
    /// Without quotients; its coefficients are in `0..divisor`.
    dividend: Polynomial,
    divisor: i64,
}

impl Quotient {
    /// The dividend, a polynomial without quotients.
    #[must_use]
    pub fn dividend(&self) -> &Polynomial {
        &self.dividend
    }

    /// The divisor, at least 2.
    #[must_use]
    pub fn divisor(&self) -> i64 {
        self.divisor
    }
}

impl Polynomial {
    /// A number.
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

    /// The sum of terms `(coefficient, symbols)`, in any order; `None` if it is too large.
    #[must_use]
    pub fn from_terms(terms: impl IntoIterator<Item = (i64, Vec<Arc<str>>)>) -> Option<Self> {
        let factors = |symbols: Vec<Arc<str>>| symbols.into_iter().map(Factor::Symbol).collect();
        Self::sum_of(terms.into_iter().map(|(coefficient, symbols)| (coefficient, factors(symbols))))
    }

    fn sum_of(terms: impl IntoIterator<Item = (i64, Vec<Factor>)>) -> Option<Self> {
        terms.into_iter().try_fold(Self { terms: Vec::new() }, |sum, (coefficient, mut factors)| {
            factors.sort();
            let one = (factors.len() <= MAX_LENGTH).then(|| Self::of(vec![Term { factors, coefficient }]))?;
            sum.add(&one)
        })
    }

    /// Each term's coefficient and factors.
    pub fn terms(&self) -> impl Iterator<Item = (i64, &[Factor])> {
        self.terms.iter().map(|term| (term.coefficient, term.factors.as_slice()))
    }

    /// The names of the symbols, also of those in quotients; a name may come several times.
    #[must_use]
    pub fn symbols(&self) -> Vec<&str> {
        let factors = self.terms.iter().flat_map(|term| &term.factors);
        let names = factors.flat_map(|factor| match factor {
            Factor::Symbol(name) => vec![&**name],
            Factor::Quotient(quotient) => quotient.dividend.symbols(),
        });
        names.collect()
    }

    /// The number, if the polynomial has no symbols.
    #[must_use]
    pub fn as_constant(&self) -> Option<i64> {
        match self.terms.as_slice() {
            [] => Some(0),
            [term] if term.factors.is_empty() => Some(term.coefficient),
            _ => None,
        }
    }

    /// The symbol, if the polynomial is a single one.
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
                Ok(index) => terms[index].coefficient = terms[index].coefficient.checked_add(term.coefficient)?,
                Err(index) => terms.insert(index, term.clone()),
            }
        }
        (terms.len() <= MAX_LENGTH).then(|| Self::of(terms))
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

    /// The quotient by itself or by a divisor of one term, `None` if the division is not exact.
    #[must_use]
    pub fn div(&self, divisor: &Self) -> Option<Self> {
        if self == divisor && !self.terms.is_empty() {
            return Some(Self::constant(1));
        }
        let [by] = divisor.terms.as_slice() else { return None };
        let quotients = self.terms.iter().map(|term| {
            let mut factors = term.factors.clone();
            for factor in &by.factors {
                let index = factors.iter().position(|known| known == factor)?;
                factors.remove(index);
            }
            let exact = term.coefficient.checked_rem(by.coefficient)? == 0;
            exact.then(|| (term.coefficient / by.coefficient, factors))
        });
        Self::sum_of(quotients.collect::<Option<Vec<_>>>()?)
    }

    /// The quotient rounded down, `floor(self / divisor)`, by a positive number.
    ///
    /// ```text
    /// floor((d*a + b) / d) = a + floor(b / d)        floor((floor(a / c) + b) / d) = floor((a + c*b) / (c*d))
    /// ```
    ///
    /// `None` for a divisor below 1, for other quotients of quotients, and if the result is too large.
    #[must_use]
    pub fn floor_div(&self, divisor: i64) -> Option<Self> {
        if divisor < 1 {
            return None;
        }
        let with_coefficients = |f: fn(i64, i64) -> i64| {
            let terms = self.terms.iter();
            Self::of(terms.map(|term| Term { coefficient: f(term.coefficient, divisor), ..term.clone() }).collect())
        };
        let (whole, mut rest) = (with_coefficients(i64::div_euclid), with_coefficients(i64::rem_euclid));
        if rest.as_constant().is_some() {
            return Some(whole);
        }
        // The number, which has no factors, is the first term.
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

    /// Replaces the symbols whose sizes are given; `None` if the result is too large.
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

    /// Whether two polynomials are known to differ, whatever positive sizes the symbols have.
    #[must_use]
    pub fn differs(&self, other: &Self) -> bool {
        let Some(difference) = self.sub(other) else { return false };
        let has_sign = |sign: i64| difference.terms.iter().all(|term| term.coefficient.signum() == sign);
        // A quotient may be 0, so at least one term must be without any.
        let is_positive = |term: &Term| term.factors.iter().all(|factor| matches!(factor, Factor::Symbol(_)));
        difference.terms.iter().any(is_positive) && (has_sign(1) || has_sign(-1))
    }

    /// The number for given sizes of the symbols; `None` if a size is not given or the result overflows.
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
    /// Writes `4*batch + 1`: the last term in the order of the factors first, a number last.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.terms.is_empty() {
            return f.write_str("0");
        }
        for (index, term) in self.terms.iter().rev().enumerate() {
            let magnitude = term.coefficient.unsigned_abs();
            match (index, term.coefficient < 0) {
                (0, false) => {}
                (0, true) => f.write_str("-")?,
                (_, false) => f.write_str(" + ")?,
                (_, true) => f.write_str(" - ")?,
            }
            let factors = term.factors.iter().map(ToString::to_string).collect::<Vec<_>>().join("*");
            match (magnitude, factors.is_empty()) {
                (_, true) => write!(f, "{magnitude}")?,
                (1, false) => f.write_str(&factors)?,
                (_, false) => write!(f, "{magnitude}*{factors}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Factor {
    /// Writes `batch`, or `floor((height + 1)/2)`.
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
mod tests;
