//! Dimensions to records and back.

use std::sync::Arc;

use fourfold_graph::{Dim, Factor, Polynomial};

use super::{check_rank, size_of};
use crate::container::record;

pub(in crate::container) fn dim_record(dim: &Dim) -> record::Dim {
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

pub(in crate::container) fn dims(dims: &[record::Dim]) -> Result<Vec<Dim>, String> {
    check_rank(dims.len())?;
    dims.iter().map(dim).collect()
}

pub(in crate::container) fn dim(dim: &record::Dim) -> Result<Dim, String> {
    match dim {
        record::Dim::Fixed(size) => size_of(*size).map(Dim::Fixed),
        record::Dim::Symbol(name) => Ok(Dim::symbol(name)),
        record::Dim::Computed(terms) => computed(sum(terms)),
        record::Dim::Divided(terms) => computed(divided_sum(terms)),
    }
}

fn computed(size: Option<Polynomial>) -> Result<Dim, String> {
    let computed = size.and_then(Dim::computed);
    computed.ok_or_else(|| "a computed size is negative or too large".to_owned())
}
