//! Clamps: operators of their own, or fused into the operator that computes their operand.

use fourfold_schemes::QuantParams;

use super::{Facts, NodeRows, OpKind, Operator, OutputParams};
use crate::{Dim, Limits, Problem, Value};

pub(super) const RELU: Facts = Facts::new(OpKind::Relu, OutputParams::Shared);
pub(super) const CLIP: Facts = Facts::new(OpKind::Clip, OutputParams::Shared);

/// A clamp of the result, fused into the operator that computes it.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub enum Activation {
    /// No clamp.
    #[default]
    None,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, min), max)`, with `min <= max`.
    Clamp {
        /// The lower bound.
        min: f32,
        /// The upper bound.
        max: f32,
    },
}

impl Activation {
    /// The lower and the upper bound; infinite where there is none.
    #[must_use]
    pub fn bounds(self) -> (f32, f32) {
        match self {
            Activation::None => (f32::NEG_INFINITY, f32::INFINITY),
            Activation::Relu => (0.0, f32::INFINITY),
            Activation::Clamp { min, max } => (min, max),
        }
    }

    /// The smallest and the largest quantized value behind the clamp, for a result quantized per tensor with `params`:
    ///
    /// ```text
    /// clamp(round(bound / scale) + zero_point, quant_min, quant_max)
    /// ```
    ///
    /// `round` is to nearest, ties to even. Quantization, equation (2), is monotone: to clamp quantized values to these
    /// is the same as to clamp floats before they are quantized.
    #[must_use]
    pub fn quantized_bounds(self, params: &QuantParams) -> (i32, i32) {
        let (scale, zero_point) = (params.scales()[0].get(), params.zero_points()[0]);
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "8-bit integers")]
        let quantized = |bound: f32| {
            let q = (bound / scale).round_ties_even() + zero_point as f32;
            q.clamp(params.quant_min() as f32, params.quant_max() as f32) as i32
        };
        let (min, max) = self.bounds();
        (quantized(min), quantized(max))
    }

    /// Checks that the bounds are numbers in order.
    pub(super) fn check(self) -> Result<(), Problem> {
        let (min, max) = self.bounds();
        if min <= max {
            return Ok(());
        }
        let reason = "the lower bound must not exceed the upper".to_owned();
        Err(Problem::Attribute { name: "activation", value: format!("{min} to {max}"), reason })
    }
}

/// Attributes of [`Op::Clip`](crate::Op::Clip).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clip {
    /// The lower bound.
    pub min: f32,
    /// The upper bound.
    pub max: f32,
}

pub(super) struct Relu;

impl Operator for Relu {
    fn kind(&self) -> OpKind {
        OpKind::Relu
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        Ok(operands[0].ty.dims().to_vec())
    }

    fn keeps_rows(&self, _: &NodeRows<'_>) -> bool {
        true
    }
}

impl Operator for Clip {
    fn kind(&self) -> OpKind {
        OpKind::Clip
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        let Clip { min, max } = self;
        if min.is_nan() || max.is_nan() || min > max {
            let reason = "the lower bound must not exceed the upper".to_owned();
            return Err(Problem::Attribute { name: "bounds", value: format!("{min}..{max}"), reason });
        }
        Ok(operands[0].ty.dims().to_vec())
    }

    fn keeps_rows(&self, _: &NodeRows<'_>) -> bool {
        true
    }
}
