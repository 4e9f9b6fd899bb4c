//! Elements of one axis at equal distances.

use fourfold_schemes::QuantParams;

use super::reshape::axis_problem;
use super::{Facts, NodeRows, Op, OpKind, Operator, OutputParams, types};
use crate::{Dim, Error, Limits, Problem, Value, ValueType};

pub(super) const SLICE: Facts = Facts::new(OpKind::Slice, OutputParams::Shared);

/// Attributes of [`Op::Slice`].
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// The axis.
    pub axis: usize,
    /// The first element; negative counts from the end.
    pub start: i64,
    /// The distance between elements; negative goes backwards.
    pub step: i64,
    /// The number of elements.
    pub length: Dim,
}

impl Operator for Slice {
    fn kind(&self) -> OpKind {
        OpKind::Slice
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        let Slice { axis, start, step, ref length } = *self;
        if step == 0 {
            let reason = "must not be 0".to_owned();
            return Err(Problem::Attribute { name: "step", value: "0".to_owned(), reason });
        }
        with_axis(axis, operands[0].ty.dims(), |size| {
            if let (Some(size), Some(length)) = (size.fixed(), length.fixed())
                && !fits(size, start, step, length)
            {
                return Err(Problem::shape(format!("{length} elements from {start} in steps of {step}, of {size}")));
            }
            Ok(length.clone())
        })
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        types::moved(self.kind(), operands, dims, params)
    }

    fn keeps_rows(&self, _: &NodeRows<'_>) -> bool {
        self.axis > 0
    }

    fn with_sizes(&self, with_sizes: &dyn Fn(&Dim) -> Result<Dim, Error>) -> Option<Result<Op, Error>> {
        Some(with_sizes(&self.length).map(|length| Op::Slice(Slice { length, ..self.clone() })))
    }
}

/// Whether `length` elements from `start` on, in steps, lie within `size`.
fn fits(size: usize, start: i64, step: i64, length: usize) -> bool {
    let (Ok(size), Ok(length)) = (i64::try_from(size), i64::try_from(length)) else { return false };
    let first = if start < 0 { size.checked_add(start) } else { Some(start) };
    let last = step.checked_mul(length - 1).zip(first).and_then(|(distance, first)| first.checked_add(distance));
    let is_inside = |index: Option<i64>| index.is_some_and(|index| (0..size).contains(&index));
    length == 0 || is_inside(first) && is_inside(last)
}

/// The shape with another size on one axis.
pub(super) fn with_axis(
    axis: usize,
    x: &[Dim],
    size: impl FnOnce(&Dim) -> Result<Dim, Problem>,
) -> Result<Vec<Dim>, Problem> {
    let mut dims = x.to_vec();
    let dim = dims.get_mut(axis).ok_or_else(|| axis_problem(axis, x))?;
    *dim = size(dim)?;
    Ok(dims)
}
