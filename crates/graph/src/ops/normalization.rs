//! Normalizations: `(x - mean) / sqrt(variance + epsilon) * scale + bias`.

use super::reshape::axis_problem;
use super::types::expect_vector;
use super::{Facts, NodeRows, OpKind, Operator, OutputParams};
use crate::{Dim, Limits, Problem, Value};

pub(super) const BATCH_NORM: Facts = Facts::new(OpKind::BatchNorm, OutputParams::Float).operands(5, 5).constants(1..5);
pub(super) const LAYER_NORM: Facts = Facts::new(OpKind::LayerNorm, OutputParams::Float).operands(2, 3).constants(1..3);
pub(super) const GROUP_NORM: Facts = Facts::new(OpKind::GroupNorm, OutputParams::Float).operands(3, 3).constants(1..3);

/// Attributes of [`Op::BatchNorm`](crate::Op::BatchNorm).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNorm {
    /// Added to the variance.
    pub epsilon: f32,
}

/// Attributes of [`Op::LayerNorm`](crate::Op::LayerNorm).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerNorm {
    /// The first axis that is normalized over.
    pub axis: usize,
    /// Added to the variance.
    pub epsilon: f32,
}

/// Attributes of [`Op::GroupNorm`](crate::Op::GroupNorm).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupNorm {
    /// The number of groups of channels.
    pub groups: usize,
    /// Added to the variance.
    pub epsilon: f32,
}

impl Operator for BatchNorm {
    fn kind(&self) -> OpKind {
        OpKind::BatchNorm
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        let x = operands[0].ty.dims();
        check_epsilon(self.epsilon)?;
        let [_, channels, ..] = x else {
            return Err(Problem::shape(format!("the input {x:?} has no channel axis")));
        };
        for (index, name) in ["scale", "bias", "mean", "variance"].into_iter().enumerate() {
            expect_vector(name, operands.get(index + 1), channels)?;
        }
        Ok(x.to_vec())
    }

    fn keeps_rows(&self, rows: &NodeRows<'_>) -> bool {
        rows.only_first()
    }
}

impl Operator for LayerNorm {
    fn kind(&self) -> OpKind {
        OpKind::LayerNorm
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        let x = operands[0].ty.dims();
        check_epsilon(self.epsilon)?;
        let normalized = x.get(self.axis..).filter(|axes| !axes.is_empty());
        let normalized = normalized.ok_or_else(|| axis_problem(self.axis, x))?;
        for (operand, name) in operands[1..].iter().zip(["scale", "bias"]) {
            let dims = operand.ty.dims();
            if dims != normalized {
                let is_open = dims.len() == normalized.len() && !dims.iter().zip(normalized).any(|(a, b)| a.differs(b));
                let reason = format!("the {name} has shape {dims:?}, expected {normalized:?}");
                return Err(Problem::sizes(is_open, reason));
            }
        }
        Ok(x.to_vec())
    }

    fn keeps_rows(&self, rows: &NodeRows<'_>) -> bool {
        self.axis > 0 && rows.only_first()
    }
}

impl Operator for GroupNorm {
    fn kind(&self) -> OpKind {
        OpKind::GroupNorm
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        let x = operands[0].ty.dims();
        check_epsilon(self.epsilon)?;
        let Some(channels) = x.get(1).and_then(Dim::fixed) else {
            let reason = format!("the input {x:?} has no channel axis of known size");
            return Err(Problem::sizes(x.len() > 1, reason));
        };
        if self.groups == 0 || !channels.is_multiple_of(self.groups) {
            let reason = format!("must be positive and divide the {channels} channels");
            return Err(Problem::Attribute { name: "groups", value: self.groups.to_string(), reason });
        }
        expect_vector("scale", operands.get(1), &Dim::Fixed(channels))?;
        expect_vector("bias", operands.get(2), &Dim::Fixed(channels))?;
        Ok(x.to_vec())
    }

    fn keeps_rows(&self, rows: &NodeRows<'_>) -> bool {
        rows.only_first()
    }
}

fn check_epsilon(epsilon: f32) -> Result<(), Problem> {
    if epsilon.is_finite() && epsilon >= 0.0 {
        return Ok(());
    }
    let reason = "must be finite and not negative".to_owned();
    Err(Problem::Attribute { name: "epsilon", value: epsilon.to_string(), reason })
}
