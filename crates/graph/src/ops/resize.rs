//! Resampling to other sizes.

use super::{Facts, NodeRows, OpKind, Operator, OutputParams};
use crate::{Dim, Limits, Polynomial, Problem, Value};

pub(super) const RESIZE: Facts = Facts::new(OpKind::Resize, OutputParams::Shared);

/// How [`Op::Resize`](crate::Op::Resize) makes an element from its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpolation {
    /// The nearest element, chosen by that rounding of the position.
    Nearest(Rounding),
    /// The elements on both sides on every axis, weighted by distance.
    Linear,
}

/// How the position of the nearest element is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// To nearest, ties down.
    PreferFloor,
    /// To nearest, ties up.
    PreferCeil,
    /// Down.
    Floor,
    /// Up.
    Ceil,
}

/// The position `p` in the operand that position `i` of the result of [`Op::Resize`](crate::Op::Resize) has; `s` is the
/// size of the result over that of the operand, or the scale given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coordinates {
    /// `p = (i + 0.5) / s - 0.5`.
    HalfPixel,
    /// As `HalfPixel`, and 0 if the result has size 1.
    PytorchHalfPixel,
    /// `p = i * (size - 1) / (new_size - 1)`.
    AlignCorners,
    /// `p = i / s`.
    Asymmetric,
}

/// Attributes of [`Op::Resize`](crate::Op::Resize).
#[derive(Clone, Debug, PartialEq)]
pub struct Resize {
    /// The factor of each axis; axes with factor 1 keep their size, others become `floor(size * factor)` unless `sizes`
    /// says more.
    pub scales: Vec<f32>,
    /// The new size of each axis, `None` where the factor gives it.
    pub sizes: Vec<Option<usize>>,
    /// How elements are made.
    pub interpolation: Interpolation,
    /// Where they are.
    pub coordinates: Coordinates,
}

impl Operator for Resize {
    fn kind(&self) -> OpKind {
        OpKind::Resize
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        let x = operands[0].ty.dims();
        if self.scales.len() != x.len() || self.sizes.len() != x.len() {
            return Err(Problem::shape(format!(
                "{} factors and {} sizes for {x:?}",
                self.scales.len(),
                self.sizes.len()
            )));
        }
        let axes = x.iter().zip(self.scales.iter().zip(&self.sizes)).map(|(dim, (&scale, size))| {
            if !(scale.is_finite() && scale > 0.0) {
                let reason = "must be finite and positive".to_owned();
                return Err(Problem::Attribute { name: "scales", value: scale.to_string(), reason });
            }
            match (size, dim.fixed()) {
                (None, _) if scale == 1.0 => Ok(dim.clone()),
                (Some(1..), Some(0)) => Err(Problem::shape(format!("{x:?} has no elements to be resized"))),
                (Some(size), Some(_)) => Ok(Dim::Fixed(*size)),
                #[expect(
                    clippy::cast_precision_loss,
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "saturates; checked after"
                )]
                (None, Some(old)) => Ok(Dim::Fixed((old as f32 * scale).floor() as usize)),
                (None, None) => multiple(dim, scale)
                    .ok_or_else(|| Problem::Open { reason: format!("axis {dim} of {x:?} times {scale} has no form") }),
                (Some(_), None) => {
                    let reason =
                        format!("axis {dim} of {x:?} is resized to a size that is known, from one that is not");
                    Err(Problem::Open { reason })
                }
            }
        });
        axes.collect()
    }

    /// Rows are resampled with their neighbours.
    fn keeps_rows(&self, _: &NodeRows<'_>) -> bool {
        false
    }
}

/// A size times a whole number.
fn multiple(dim: &Dim, scale: f32) -> Option<Dim> {
    #[expect(clippy::cast_possible_truncation, reason = "a whole number of less than 2^24")]
    let whole = (scale.fract() == 0.0 && scale < 16_777_216.0).then_some(scale as i64)?;
    Dim::computed(dim.polynomial()?.mul(&Polynomial::constant(whole))?)
}
