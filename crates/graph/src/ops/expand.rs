//! Repeated elements.

use fourfold_schemes::QuantParams;

use super::binary::broadcast;
use super::{Facts, NodeRows, Op, OpKind, Operator, OutputParams, types};
use crate::{Dim, Error, Limits, Problem, Value, ValueType};

pub(super) const EXPAND: Facts = Facts::new(OpKind::Expand, OutputParams::Shared);

/// Attributes of [`Op::Expand`].
#[derive(Clone, Debug, PartialEq)]
pub struct Expand {
    /// The new sizes.
    pub dims: Vec<Dim>,
}

impl Operator for Expand {
    fn kind(&self) -> OpKind {
        OpKind::Expand
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        let (dims, x) = (&self.dims, operands[0].ty.dims());
        match broadcast(dims, x)? {
            all if all == *dims => Ok(all),
            _ => {
                let is_open = x.iter().chain(dims).any(|dim| dim.fixed().is_none());
                Err(Problem::sizes(is_open, format!("{x:?} is not repeated to {dims:?}")))
            }
        }
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        types::moved(self.kind(), operands, dims, params)
    }

    fn keeps_rows(&self, rows: &NodeRows<'_>) -> bool {
        rows.stay_in_broadcast()
    }

    fn with_sizes(&self, with_sizes: &dyn Fn(&Dim) -> Result<Dim, Error>) -> Option<Result<Op, Error>> {
        let dims: Result<_, _> = self.dims.iter().map(with_sizes).collect();
        Some(dims.map(|dims| Op::Expand(Expand { dims })))
    }
}
