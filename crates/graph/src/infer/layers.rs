//! Shapes of layers with weights that are not windows.

use crate::{Cell, Dim, Problem, Recurrent, Value};

use super::movement::axis_problem;

/// `[.., in] * [out, in]^T + [out] -> [.., out]`.
pub(super) fn linear(inputs: &[&Value]) -> Result<Vec<Dim>, Problem> {
    let (x, weight) = (inputs[0].ty.dims(), inputs[1].ty.dims());
    let [out, depth] = weight else {
        return Err(Problem::shape(format!("the weight has shape {weight:?}, expected [out, in]")));
    };
    let Some((last, outer)) = x.split_last().filter(|(last, _)| *last == depth) else {
        let is_open = x.last().is_some_and(|last| !last.differs(depth));
        let reason = format!("the input {x:?} does not end in the weight's {depth} input features");
        return Err(Problem::sizes(is_open, reason));
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

pub(super) fn layer_norm(axis: usize, epsilon: f32, inputs: &[&Value]) -> Result<Vec<Dim>, Problem> {
    let x = inputs[0].ty.dims();
    check_epsilon(epsilon)?;
    let normalized = x.get(axis..).filter(|axes| !axes.is_empty()).ok_or_else(|| axis_problem(axis, x))?;
    for (operand, name) in inputs[1..].iter().zip(["scale", "bias"]) {
        let dims = operand.ty.dims();
        if dims != normalized {
            let is_open = dims.len() == normalized.len() && !dims.iter().zip(normalized).any(|(a, b)| a.differs(b));
            return Err(Problem::sizes(is_open, format!("the {name} has shape {dims:?}, expected {normalized:?}")));
        }
    }
    Ok(x.to_vec())
}

pub(super) fn batch_norm(epsilon: f32, inputs: &[&Value]) -> Result<Vec<Dim>, Problem> {
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
pub(super) fn expect_vector(name: &str, operand: Option<&&Value>, len: &Dim) -> Result<(), Problem> {
    match operand.map(|value| value.ty.dims()) {
        Some([dim]) if dim == len => Ok(()),
        Some(dims) => {
            let is_open = matches!(dims, [dim] if !dim.differs(len));
            Err(Problem::sizes(is_open, format!("the {name} has shape {dims:?}, expected [{len}]")))
        }
        None => Ok(()),
    }
}

pub(super) fn group_norm(groups: usize, epsilon: f32, inputs: &[&Value]) -> Result<Vec<Dim>, Problem> {
    let x = inputs[0].ty.dims();
    check_epsilon(epsilon)?;
    let Some(channels) = x.get(1).and_then(Dim::fixed) else {
        return Err(Problem::sizes(x.len() > 1, format!("the input {x:?} has no channel axis of known size")));
    };
    if groups == 0 || !channels.is_multiple_of(groups) {
        let reason = format!("must be positive and divide the {channels} channels");
        return Err(Problem::Attribute { name: "groups", value: groups.to_string(), reason });
    }
    expect_vector("scale", inputs.get(1), &Dim::Fixed(channels))?;
    expect_vector("bias", inputs.get(2), &Dim::Fixed(channels))?;
    Ok(x.to_vec())
}

/// `[steps, batch, in]` gives `[steps, d, batch, hidden]`, or twice `hidden` with the cell state.
pub(super) fn recurrent(recurrent: &Recurrent, inputs: &[&Value]) -> Result<Vec<Dim>, Problem> {
    let [x, weight, hidden_weight, bias] = [0, 1, 2, 3].map(|operand: usize| inputs[operand].ty.dims());
    let [steps, batch, features] = x else {
        return Err(Problem::shape(format!("the input {x:?} is not [steps, batch, features]")));
    };
    let ways = recurrent.direction.count();
    let [rows, hidden] = hidden_weight else {
        return Err(Problem::shape(format!("the recurrent weight {hidden_weight:?} is not [rows, hidden]")));
    };
    let Some(size) = hidden.fixed().filter(|&size| size > 0) else {
        return Err(Problem::shape(format!("the recurrent weight {hidden_weight:?} has no hidden features")));
    };
    let expected = (ways * recurrent.cell.gates()).checked_mul(size).map(Dim::Fixed);
    if expected.as_ref() != Some(rows) || weight != [rows.clone(), features.clone()] {
        let gates = recurrent.cell.gates();
        return Err(Problem::shape(format!(
            "the weights {weight:?} and {hidden_weight:?} do not fit the input {x:?}: \
             {gates} gates of {size} in {ways} directions"
        )));
    }
    if bias != [Dim::Fixed(2), rows.clone()] {
        return Err(Problem::shape(format!("the bias has shape {bias:?}, expected [2, {rows}]")));
    }
    let state = [Dim::Fixed(ways), batch.clone(), hidden.clone()];
    if let Some(bad) = inputs[4..].iter().find(|value| value.ty.dims() != state) {
        return Err(Problem::shape(format!("the initial state has shape {:?}, expected {state:?}", bad.ty.dims())));
    }
    if recurrent.with_cell_state && recurrent.cell != Cell::Lstm {
        return Err(Problem::shape("only an LSTM has a cell state"));
    }
    let size = if recurrent.with_cell_state { size.checked_mul(2).map(Dim::Fixed) } else { Some(hidden.clone()) };
    let size = size.ok_or_else(|| Problem::shape("the hidden size is too large"))?;
    Ok(vec![steps.clone(), Dim::Fixed(ways), batch.clone(), size])
}
