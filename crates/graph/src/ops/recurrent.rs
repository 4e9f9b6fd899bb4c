//! Recurrent layers.

use fourfold_schemes::{DynamicScheme, QuantParams};
use fourfold_tensor::DType;

use super::{Facts, NodeRows, OpKind, Operator, OutputParams, types};
use crate::statistics::{count, elements};
use crate::{Dim, Limits, Problem, Value, ValueType};

pub(super) const LSTM: Facts = Facts::new(OpKind::Lstm, OutputParams::Float).operands(4, 6).constants(1..4).dynamic();
pub(super) const GRU: Facts = Facts::new(OpKind::Gru, OutputParams::Float).operands(4, 5).constants(1..4).dynamic();
pub(super) const RNN: Facts = Facts::new(OpKind::Rnn, OutputParams::Float).operands(4, 5).constants(1..4).dynamic();

/// The cell of [`Op::Recurrent`](crate::Op::Recurrent), with the order of its gates in the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Gates i, f, g, o: `c = sigmoid(f) * c + sigmoid(i) * tanh(g)`, `h = sigmoid(o) * tanh(c)`.
    Lstm,
    /// Gates r, z, n: `h = (1 - z) * n + z * h` with `n = tanh(W x + b_w + r * (R h + b_r))`, as PyTorch has it.
    Gru,
    /// As `Gru`, with `n = tanh(W x + b_w + R (r * h) + b_r)`, the default of ONNX.
    GruResetBefore,
    /// `h = tanh(W x + R h + b)`.
    Tanh,
    /// `h = max(W x + R h + b, 0)`.
    Relu,
}

impl Cell {
    /// The number of gates.
    #[must_use]
    pub fn gates(self) -> usize {
        match self {
            Cell::Lstm => 4,
            Cell::Gru | Cell::GruResetBefore => 3,
            Cell::Tanh | Cell::Relu => 1,
        }
    }
}

/// The direction in which a recurrent layer goes through the time steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the first step to the last.
    Forward,
    /// From the last step to the first.
    Reverse,
    /// Both, each with weights of its own.
    Bidirectional,
}

impl Direction {
    /// The number of directions: 1 or 2.
    #[must_use]
    pub fn count(self) -> usize {
        match self {
            Direction::Forward | Direction::Reverse => 1,
            Direction::Bidirectional => 2,
        }
    }
}

/// Attributes of [`Op::Recurrent`](crate::Op::Recurrent).
///
/// `x: [time, batch, in]`, `weight: [d * gates * hidden, in]`, `recurrent: [d * gates * hidden, hidden]`,
/// `bias: [2, d * gates * hidden]` (to add to either product), `h0, c0: [d, batch, hidden]`, result
/// `[time, d, batch, hidden]`, for `d` directions.
#[derive(Clone, Debug, PartialEq)]
pub struct Recurrent {
    /// The cell.
    pub cell: Cell,
    /// The direction.
    pub direction: Direction,
    /// Whether the result holds the cell state of an LSTM behind the hidden state, as `[.., 2 * hidden]`.
    pub with_cell_state: bool,
    /// How operand and hidden state are quantized when the weights are quantized; `None` for float weights.
    pub dynamic: Option<DynamicScheme>,
}

impl Operator for Recurrent {
    fn kind(&self) -> OpKind {
        match self.cell {
            Cell::Lstm => OpKind::Lstm,
            Cell::Gru | Cell::GruResetBefore => OpKind::Gru,
            Cell::Tanh | Cell::Relu => OpKind::Rnn,
        }
    }

    /// `[time, batch, in]` gives `[time, d, batch, hidden]`, or twice `hidden` with the cell state.
    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        let [x, weight, hidden_weight, bias] = [0, 1, 2, 3].map(|operand: usize| operands[operand].ty.dims());
        let [time, batch, features] = x else {
            return Err(Problem::shape(format!("the input {x:?} is not [time, batch, features]")));
        };
        let directions = self.direction.count();
        let [rows, hidden] = hidden_weight else {
            return Err(Problem::shape(format!("the recurrent weight {hidden_weight:?} is not [rows, hidden]")));
        };
        let Some(size) = hidden.fixed().filter(|&size| size > 0) else {
            return Err(Problem::shape(format!("the recurrent weight {hidden_weight:?} has no hidden features")));
        };
        let expected = (directions * self.cell.gates()).checked_mul(size).map(Dim::Fixed);
        if expected.as_ref() != Some(rows) || weight != [rows.clone(), features.clone()] {
            let gates = self.cell.gates();
            let rows = format!("{gates} gates of {size} in {directions} directions");
            let reason = format!("the weights {weight:?} and {hidden_weight:?} do not fit the input {x:?}: {rows}");
            return Err(Problem::shape(reason));
        }
        if bias != [Dim::Fixed(2), rows.clone()] {
            return Err(Problem::shape(format!("the bias has shape {bias:?}, expected [2, {rows}]")));
        }
        let state = [Dim::Fixed(directions), batch.clone(), hidden.clone()];
        if let Some(bad) = operands[4..].iter().find(|value| value.ty.dims() != state) {
            return Err(Problem::shape(format!("the initial state has shape {:?}, expected {state:?}", bad.ty.dims())));
        }
        if self.with_cell_state && self.cell != Cell::Lstm {
            return Err(Problem::shape("only an LSTM has a cell state"));
        }
        let size = if self.with_cell_state { size.checked_mul(2).map(Dim::Fixed) } else { Some(hidden.clone()) };
        let size = size.ok_or_else(|| Problem::shape("the hidden size is too large"))?;
        Ok(vec![time.clone(), Dim::Fixed(directions), batch.clone(), size])
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        if self.dynamic.is_none() {
            return types::by_output_params(self.kind(), operands, dims, params);
        }
        types::none(params)?;
        (1..3).try_for_each(|operand| expect_symmetric(operands, operand))?;
        [0].into_iter().chain(3..operands.len()).try_for_each(|operand| types::expect_f32(operands, operand))?;
        Ok(ValueType::f32(&dims))
    }

    /// A time step follows from those before it.
    fn keeps_rows(&self, _: &NodeRows<'_>) -> bool {
        false
    }

    /// Both weights, at every time step.
    fn macs(&self, operands: &[&ValueType], _: &ValueType) -> u64 {
        elements(&operands[0].dims()[..2]).saturating_mul(count(operands[1]).saturating_add(count(operands[2])))
    }
}

/// Checks a quantized weight of a recurrent layer: `i8` with zero point 0.
fn expect_symmetric(operands: &[&Value], operand: usize) -> Result<(), Problem> {
    types::expect_weight(operands, operand)?;
    let ty = &operands[operand].ty;
    if ty.dtype() != DType::I8 {
        return Err(Problem::Type { operand, expected: "quantized i8", actual: ty.dtype() });
    }
    if ty.params().is_some_and(|params| params.zero_points().iter().any(|&zero_point| zero_point != 0)) {
        return Err(Problem::shape("the quantized weight of a recurrent layer must have zero point 0"));
    }
    Ok(())
}
