//! The type of a node's result, and every check of a node against its operands.

mod movement;
mod spatial;
mod types;

use fourfold_schemes::QuantParams;

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
        return Err(Problem::Attribute { name: "activation", value: format!("{bounds:?}"), reason });
    }
    let dims = dims(op, inputs, limits)?;
    types::infer(op, inputs, dims, params)
}

fn dims(op: &Op, inputs: &[&Value], limits: &Limits) -> Result<Vec<Dim>, Problem> {
    let x = inputs[0].ty.dims();
    match op {
        Op::Conv(conv) => spatial::conv(conv, inputs, limits),
        Op::MaxPool(window) => spatial::pool(window, x, limits),
        Op::AveragePool(pool) => spatial::pool(&pool.window, x, limits),
        Op::GlobalAveragePool => spatial::global(x),
        Op::Linear(_) => linear(inputs),
        Op::MatMul => movement::matmul(x, inputs[1].ty.dims()),
        Op::BatchNorm { epsilon } => batch_norm(*epsilon, inputs),
        Op::Add { .. } => movement::broadcast(x, inputs[1].ty.dims()),
        Op::Flatten { axis } => movement::flatten(*axis, x),
        Op::Reshape { dims } => movement::reshape(dims, x),
        Op::Transpose { axes } => movement::transpose(axes, x),
        Op::Softmax { axis } if *axis >= x.len() => Err(movement::axis_problem(*axis, x)),
        Op::Clip { min, max } if min.is_nan() || max.is_nan() || min > max => {
            let reason = "the lower bound must not exceed the upper".to_owned();
            Err(Problem::Attribute { name: "bounds", value: format!("{min}..{max}"), reason })
        }
        Op::LayerNorm { axis, epsilon } => layer_norm(*axis, *epsilon, inputs),
        Op::Unary(function) => {
            if let Some(bad) = function.parameters().into_iter().flatten().find(|parameter| !parameter.is_finite()) {
                let reason = "must be finite".to_owned();
                return Err(Problem::Attribute { name: "parameters", value: bad.to_string(), reason });
            }
            Ok(x.to_vec())
        }
        Op::Binary(_) => movement::broadcast(x, inputs[1].ty.dims()),
        Op::Reduce { axes, keep, .. } => movement::reduce(axes, *keep, x),
        Op::Softmax { .. } | Op::Relu | Op::Clip { .. } | Op::Identity => Ok(x.to_vec()),
        Op::Quantize | Op::Dequantize | Op::QuantStub | Op::DeQuantStub => Ok(x.to_vec()),
    }
}

/// `[.., in] * [out, in]^T + [out] -> [.., out]`.
fn linear(inputs: &[&Value]) -> Result<Vec<Dim>, Problem> {
    let (x, weight) = (inputs[0].ty.dims(), inputs[1].ty.dims());
    let [out, depth] = weight else {
        return Err(Problem::shape(format!("the weight has shape {weight:?}, expected [out, in]")));
    };
    let Some((last, outer)) = x.split_last().filter(|(last, _)| *last == depth) else {
        return Err(Problem::shape(format!("the input {x:?} does not end in the weight's {depth} input features")));
    };
    debug_assert_eq!(last, depth);
    expect_vector("bias", inputs.get(2), out)?;
    Ok(outer.iter().cloned().chain([out.clone()]).collect())
}

fn check_epsilon(epsilon: f32) -> Result<(), Problem> {
    if epsilon.is_finite() && epsilon >= 0.0 {
        return Ok(());
    }
    let reason = "must be finite and not negative".to_owned();
    Err(Problem::Attribute { name: "epsilon", value: epsilon.to_string(), reason })
}

fn layer_norm(axis: usize, epsilon: f32, inputs: &[&Value]) -> Result<Vec<Dim>, Problem> {
    let x = inputs[0].ty.dims();
    check_epsilon(epsilon)?;
    let normalized = x.get(axis..).filter(|axes| !axes.is_empty()).ok_or_else(|| movement::axis_problem(axis, x))?;
    for (operand, name) in inputs[1..].iter().zip(["scale", "bias"]) {
        let dims = operand.ty.dims();
        if dims != normalized {
            return Err(Problem::shape(format!("the {name} has shape {dims:?}, expected {normalized:?}")));
        }
    }
    Ok(x.to_vec())
}

fn batch_norm(epsilon: f32, inputs: &[&Value]) -> Result<Vec<Dim>, Problem> {
    let x = inputs[0].ty.dims();
    check_epsilon(epsilon)?;
    let [_, channels, ..] = x else {
        return Err(Problem::shape(format!("the input {x:?} has no channel axis")));
    };
    for (index, name) in ["scale", "bias", "mean", "variance"].into_iter().enumerate() {
        expect_vector(name, inputs.get(index + 1), channels)?;
    }
    Ok(x.to_vec())
}

/// Checks that an operand, if there is one, has shape `[len]`.
fn expect_vector(name: &str, operand: Option<&&Value>, len: &Dim) -> Result<(), Problem> {
    match operand.map(|value| value.ty.dims()) {
        Some([dim]) if dim == len => Ok(()),
        Some(dims) => Err(Problem::shape(format!("the {name} has shape {dims:?}, expected [{len}]"))),
        None => Ok(()),
    }
}
