//! Dimensions to records and back.

use std::sync::Arc;

use fourfold_graph::{Dim, Factor, Op, Polynomial};

use super::{check_rank, size_of};
use crate::Error;
use crate::container::record;

pub(super) fn dim_record(dim: &Dim) -> record::Dim {
    match dim {
        Dim::Fixed(size) => record::Dim::Fixed(*size as u64),
        Dim::Symbol(name) => record::Dim::Symbol(name.to_string()),
        Dim::Computed(size) => match terms_record(size) {
            terms if terms.iter().all(|term| term.quotients.is_empty()) => record::Dim::Computed(plain(terms)),
            terms => record::Dim::Divided(terms),
        },
    }
}

fn plain(terms: Vec<record::DividedTerm>) -> Vec<record::Term> {
    terms.into_iter().map(|term| term.term).collect()
}

fn terms_record(size: &Polynomial) -> Vec<record::DividedTerm> {
    let term = |(coefficient, factors): (i64, &[Factor])| {
        let (mut symbols, mut quotients) = (Vec::new(), Vec::new());
        for factor in factors {
            match factor {
                Factor::Symbol(name) => symbols.push(name.to_string()),
                Factor::Quotient(quotient) => {
                    // A dividend has no quotients.
                    let dividend = plain(terms_record(quotient.dividend()));
                    quotients.push(record::Quotient { dividend, divisor: quotient.divisor() });
                }
            }
        }
        record::DividedTerm { term: record::Term { coefficient, symbols }, quotients }
    };
    size.terms().map(term).collect()
}

/// The sum of terms of symbols.
fn sum<'a>(terms: impl IntoIterator<Item = &'a record::Term>) -> Option<Polynomial> {
    let symbols = |term: &record::Term| term.symbols.iter().map(|symbol| Arc::from(symbol.as_str())).collect();
    Polynomial::from_terms(terms.into_iter().map(|term| (term.coefficient, symbols(term))))
}

fn divided_sum(terms: &[record::DividedTerm]) -> Option<Polynomial> {
    terms.iter().try_fold(Polynomial::constant(0), |all, term| {
        let mut quotients = term.quotients.iter();
        let product = quotients.try_fold(sum([&term.term])?, |product, quotient| {
            product.mul(&sum(&quotient.dividend)?.floor_div(quotient.divisor)?)
        });
        all.add(&product?)
    })
}

pub(super) fn dims(dims: &[record::Dim], part: &str) -> Result<Vec<Dim>, Error> {
    check_rank(dims.len(), part)?;
    dims.iter().map(|read| dim(read, part)).collect()
}

pub(super) fn dim(dim: &record::Dim, part: &str) -> Result<Dim, Error> {
    match dim {
        record::Dim::Fixed(size) => size_of(*size, part).map(Dim::Fixed),
        record::Dim::Symbol(name) => Ok(Dim::symbol(name)),
        record::Dim::Computed(terms) => computed(sum(terms), part),
        record::Dim::Divided(terms) => computed(divided_sum(terms), part),
    }
}

fn computed(size: Option<Polynomial>, part: &str) -> Result<Dim, Error> {
    let computed = size.and_then(Dim::computed);
    computed.ok_or_else(|| Error::corrupt(part, "a computed size is negative or too large"))
}

/// Up to one size that is not known is written as -1, as in version 1.0.
pub(super) fn reshape_record(dims: &[Dim]) -> record::Op {
    let size = |dim: &Dim| dim.fixed().map_or(Some(-1), |size| i64::try_from(size).ok().filter(|&size| size > 0));
    let sizes: Option<Vec<i64>> = dims.iter().map(size).collect();
    match sizes.filter(|sizes| sizes.iter().filter(|&&size| size < 0).count() < 2) {
        Some(dims) => record::Op::Reshape { dims },
        None => record::Op::ReshapeTo { dims: dims.iter().map(dim_record).collect() },
    }
}

/// The sizes of version 1.0: 0 copies that of the operand, -1 (once) is what is left.
pub(super) fn reshape(dims: &[i64], x: &[Dim], part: &str) -> Result<Op, Error> {
    fourfold_graph::Reshape::resolve(dims, x)
        .map(Op::Reshape)
        .map_err(|problem| Error::corrupt(part, problem.to_string()))
}
