//! The type of a node's result, and every check of a node against its operands.

mod elements;
mod layers;
mod movement;
mod selection;
mod spatial;
mod types;

pub(crate) use movement::{complete, resolve};
pub use types::MAX_CONCAT;

use fourfold_schemes::{Granularity, QuantParams};

use crate::{Dim, Limits, Op, Problem, Value, ValueType};

/// The type of `op`'s result.
pub(crate) fn infer(
    op: &Op,
    inputs: &[&Value],
    params: Option<QuantParams>,
    limits: &Limits,
) -> Result<ValueType, Problem> {
    types::check_arity(op, inputs.len())?;
    let bounds = op.activation().bounds();
    if bounds.0.is_nan() || bounds.1.is_nan() || bounds.0 > bounds.1 {
        let reason = "the lower bound must not exceed the upper".to_owned();
        return Err(Problem::Attribute { name: "activation", value: format!("{} to {}", bounds.0, bounds.1), reason });
    }
    let dims = dims(op, inputs, limits)?;
    types::infer(op, inputs, dims, params)
}

/// The shape of what an operator that only moves elements makes of a value of shape `x`, `None` for others and if it
/// does not fit.
pub(crate) fn moved(op: &Op, x: &[Dim]) -> Option<Vec<Dim>> {
    match op {
        Op::Reshape { dims } => movement::reshape(dims, x).ok(),
        Op::Flatten { axis } => movement::flatten(*axis, x).ok(),
        Op::Transpose { axes } => movement::transpose(axes, x).ok(),
        Op::Identity => Some(x.to_vec()),
        _ => None,
    }
}

/// Checks that parameters have a scale for each channel of a value of that shape.
fn fits(params: &QuantParams, x: &[Dim]) -> Result<(), Problem> {
    let Granularity::PerChannel { axis, scales, .. } = params.granularity() else { return Ok(()) };
    match x.get(*axis) {
        Some(dim) if *dim == Dim::Fixed(scales.len()) => Ok(()),
        Some(dim) => {
            let reason = format!("{} scales for axis {axis} of {x:?}", scales.len());
            Err(Problem::sizes(dim.fixed().is_none(), reason))
        }
        None => Err(movement::axis_problem(*axis, x)),
    }
}

fn dims(op: &Op, inputs: &[&Value], limits: &Limits) -> Result<Vec<Dim>, Problem> {
    if let Some(dims) = selection::dims(op, inputs) {
        return dims;
    }
    let x = inputs[0].ty.dims();
    match op {
        Op::Conv(conv) => spatial::conv(conv, inputs, limits),
        Op::MaxPool(window) => spatial::pool(window, x, limits),
        Op::AveragePool(pool) => spatial::pool(&pool.window, x, limits),
        Op::GlobalAveragePool => spatial::global(x),
        Op::Linear(_) => layers::linear(inputs),
        Op::MatMul => movement::matmul(x, inputs[1].ty.dims()),
        Op::BatchNorm { epsilon } => layers::batch_norm(*epsilon, inputs),
        Op::Add { .. } => movement::broadcast(x, inputs[1].ty.dims()),
        Op::Flatten { axis } => movement::flatten(*axis, x),
        Op::Reshape { dims } => movement::reshape(dims, x),
        Op::Transpose { axes } => movement::transpose(axes, x),
        Op::Softmax { axis } | Op::LogSoftmax { axis } if *axis >= x.len() => Err(movement::axis_problem(*axis, x)),
        Op::ConvTranspose(conv) => spatial::conv_transpose(conv, inputs, limits),
        Op::GroupNorm { groups, epsilon } => layers::group_norm(*groups, *epsilon, inputs),
        Op::Recurrent(recurrent) => layers::recurrent(recurrent, inputs),
        Op::Clip { min, max } if min.is_nan() || max.is_nan() || min > max => {
            let reason = "the lower bound must not exceed the upper".to_owned();
            Err(Problem::Attribute { name: "bounds", value: format!("{min}..{max}"), reason })
        }
        Op::LayerNorm { axis, epsilon } => layers::layer_norm(*axis, *epsilon, inputs),
        Op::Unary(function) => {
            if let Some(bad) = function.parameters().into_iter().flatten().find(|parameter| !parameter.is_finite()) {
                let reason = "must be finite".to_owned();
                return Err(Problem::Attribute { name: "parameters", value: bad.to_string(), reason });
            }
            Ok(x.to_vec())
        }
        Op::Binary(_) => movement::broadcast(x, inputs[1].ty.dims()),
        Op::Reduce { axes, keep, .. } => movement::reduce(axes, *keep, x),
        Op::Softmax { .. } | Op::LogSoftmax { .. } | Op::Relu | Op::Clip { .. } | Op::Identity => Ok(x.to_vec()),
        Op::FakeQuantize(params) => {
            fits(params, x)?;
            Ok(x.to_vec())
        }
        Op::Quantize | Op::Dequantize | Op::QuantStub | Op::DeQuantStub => Ok(x.to_vec()),
        _ => Err(Problem::shape("the operator has no rule for its shape")),
    }
}
