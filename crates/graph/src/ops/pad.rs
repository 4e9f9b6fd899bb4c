//! Elements added before and after each axis.

use fourfold_schemes::QuantParams;

use super::concat::too_large;
use super::{Facts, NodeRows, OpKind, Operator, OutputParams, types};
use crate::{Dim, Limits, Polynomial, Problem, Value, ValueType};

pub(super) const PAD: Facts = Facts::new(OpKind::Pad, OutputParams::Shared);

/// What [`Op::Pad`](crate::Op::Pad) adds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PadMode {
    /// This number; integers and quantized values have it rounded to their type.
    Constant(f32),
    /// The nearest element.
    Edge,
    /// The elements mirrored, without the one at the border.
    Reflect,
    /// The elements of the opposite side of the axis.
    Wrap,
}

/// Attributes of [`Op::Pad`](crate::Op::Pad).
#[derive(Clone, Debug, PartialEq)]
pub struct Pad {
    /// Elements added before each axis.
    pub begin: Vec<usize>,
    /// Elements added after each axis.
    pub end: Vec<usize>,
    /// What is added.
    pub mode: PadMode,
}

impl Operator for Pad {
    fn kind(&self) -> OpKind {
        OpKind::Pad
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        let x = operands[0].ty.dims();
        if self.begin.len() != x.len() || self.end.len() != x.len() {
            return Err(Problem::shape(format!("{} and {} paddings for {x:?}", self.begin.len(), self.end.len())));
        }
        let axes = x.iter().zip(self.begin.iter().zip(&self.end)).map(|(dim, (&begin, &end))| {
            let max = match (self.mode, dim.fixed()) {
                (PadMode::Constant(_), _) => usize::MAX,
                (PadMode::Edge, Some(size)) => {
                    if size > 0 {
                        usize::MAX
                    } else {
                        0
                    }
                }
                (PadMode::Reflect, Some(size)) => size.saturating_sub(1),
                (PadMode::Wrap, Some(size)) => size,
                (_, None) => 0,
            };
            if begin > max || end > max {
                let reason = format!("a padding of {begin} and {end} cannot be made from {dim} elements");
                return Err(Problem::sizes(dim.fixed().is_none(), reason));
            }
            let added = begin.checked_add(end).and_then(|added| i64::try_from(added).ok()).map(Polynomial::constant);
            let size = added.and_then(|added| dim.polynomial()?.add(&added)).and_then(Dim::computed);
            size.ok_or_else(|| too_large(x))
        });
        axes.collect()
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        types::moved(self.kind(), operands, dims, params)
    }

    fn keeps_rows(&self, _: &NodeRows<'_>) -> bool {
        self.begin.first() == Some(&0) && self.end.first() == Some(&0)
    }
}
