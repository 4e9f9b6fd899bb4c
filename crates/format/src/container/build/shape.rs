//! Dimensions to records and back.

use std::sync::Arc;

use fourfold_graph::{Dim, Op, Polynomial};

use super::{check_rank, size_of};
use crate::Error;
use crate::container::record;

pub(super) fn dim_record(dim: &Dim) -> record::Dim {
    match dim {
        Dim::Fixed(size) => record::Dim::Fixed(*size as u64),
        Dim::Symbol(name) => record::Dim::Symbol(name.to_string()),
        Dim::Computed(size) => record::Dim::Computed(size.terms().map(term).collect()),
    }
}

fn term((coefficient, symbols): (i64, &[Arc<str>])) -> record::Term {
    record::Term { coefficient, symbols: symbols.iter().map(ToString::to_string).collect() }
}

pub(super) fn dims(dims: &[record::Dim], part: &str) -> Result<Vec<Dim>, Error> {
    check_rank(dims.len(), part)?;
    dims.iter().map(|read| dim(read, part)).collect()
}

pub(super) fn dim(dim: &record::Dim, part: &str) -> Result<Dim, Error> {
    match dim {
        record::Dim::Fixed(size) => size_of(*size, part).map(Dim::Fixed),
        record::Dim::Symbol(name) => Ok(Dim::symbol(name)),
        record::Dim::Computed(terms) => {
            let terms = terms
                .iter()
                .map(|term| (term.coefficient, term.symbols.iter().map(|symbol| Arc::from(symbol.as_str())).collect()));
            let computed = Polynomial::from_terms(terms).and_then(Dim::computed);
            computed.ok_or_else(|| Error::corrupt(part, "a computed size is negative or too large"))
        }
    }
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
    Op::reshape(dims, x).map_err(|problem| Error::corrupt(part, problem.to_string()))
}
