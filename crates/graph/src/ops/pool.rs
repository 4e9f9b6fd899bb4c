//! Poolings over spatial axes.

use super::{Facts, NodeRows, OpKind, Operator, OutputParams, Window};
use crate::{Dim, Limits, Problem, Value};

pub(super) const MAX_POOL: Facts = Facts::new(OpKind::MaxPool, OutputParams::Shared);
pub(super) const AVERAGE_POOL: Facts = Facts::new(OpKind::AveragePool, OutputParams::Own);
pub(super) const GLOBAL_AVERAGE_POOL: Facts = Facts::new(OpKind::GlobalAveragePool, OutputParams::Own);

/// Attributes of [`Op::AveragePool`](crate::Op::AveragePool).
#[derive(Clone, Debug, PartialEq)]
pub struct AveragePool {
    /// Where it looks.
    pub window: Window,
    /// Whether padding counts as zeros in the mean; otherwise only the elements of the operand count.
    pub count_include_pad: bool,
}

/// The maximum of each window.
impl Operator for Window {
    fn kind(&self) -> OpKind {
        OpKind::MaxPool
    }

    fn dims(&self, operands: &[&Value], limits: &Limits) -> Result<Vec<Dim>, Problem> {
        pooled(self, operands[0].ty.dims(), limits)
    }

    fn keeps_rows(&self, _: &NodeRows<'_>) -> bool {
        true
    }
}

impl Operator for AveragePool {
    fn kind(&self) -> OpKind {
        OpKind::AveragePool
    }

    fn dims(&self, operands: &[&Value], limits: &Limits) -> Result<Vec<Dim>, Problem> {
        pooled(&self.window, operands[0].ty.dims(), limits)
    }

    fn keeps_rows(&self, _: &NodeRows<'_>) -> bool {
        true
    }
}

pub(super) struct GlobalAveragePool;

impl Operator for GlobalAveragePool {
    fn kind(&self) -> OpKind {
        OpKind::GlobalAveragePool
    }

    /// `[n, c, s...] -> [n, c, 1...]`.
    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        let x = operands[0].ty.dims();
        let [batch, channels, spatial @ ..] = x else {
            return Err(Problem::shape(format!("the input {x:?} is not [batch, channels, spatial...]")));
        };
        if !(1..=3).contains(&spatial.len()) {
            return Err(Problem::shape(format!("the input {x:?} is not [batch, channels, spatial...]")));
        }
        if spatial.iter().any(|dim| dim.fixed() == Some(0)) {
            return Err(Problem::shape(format!("the spatial axes of {x:?} must not be empty")));
        }
        Ok([batch.clone(), channels.clone()].into_iter().chain(spatial.iter().map(|_| Dim::Fixed(1))).collect())
    }

    fn keeps_rows(&self, _: &NodeRows<'_>) -> bool {
        true
    }
}

/// `[n, c, s...] -> [n, c, ...]`; no window lies in the padding entirely.
fn pooled(window: &Window, x: &[Dim], limits: &Limits) -> Result<Vec<Dim>, Problem> {
    let [batch, channels, ..] = x else {
        return Err(Problem::shape(format!("the input {x:?} is not [batch, channels, spatial...]")));
    };
    let spatial = window.sizes(x, limits)?;
    for axis in 0..window.rank() {
        let extent = window.extent(axis);
        if window.pad_begin[axis] >= extent || window.pad_end[axis] >= extent {
            let value = format!("{} and {}", window.pad_begin[axis], window.pad_end[axis]);
            let reason = format!("a window of {extent} would lie in the padding entirely");
            return Err(Problem::Attribute { name: "padding", value, reason });
        }
    }
    Ok([batch.clone(), channels.clone()].into_iter().chain(spatial).collect())
}
