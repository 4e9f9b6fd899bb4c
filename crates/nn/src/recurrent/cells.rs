//! Cells: one step of a recurrent layer.

use core::marker::PhantomData;

use fourfold_graph::{Cell, Dim, Direction, Op, Recurrent, ValueId};

use super::weights::Gates;
use super::{kind, part};
use crate::{Builder, Error, Module};

/// `nn.LSTMCell`, with gates i, f, g, o.
pub type LSTMCell = RecurrentCell<kind::Lstm>;
/// `nn.GRUCell`, with gates r, z, n.
pub type GRUCell = RecurrentCell<kind::Gru>;
/// `nn.RNNCell`, with the function tanh or ReLU.
pub type RNNCell = RecurrentCell<kind::Rnn>;

/// One step of a recurrent network: `[batch, in]` and the state `[batch, hidden]` before it give the state after it.
///
/// Keys: `weight_ih [gates * hidden, in]`, `weight_hh [gates * hidden, hidden]`, `bias_ih`, `bias_hh [gates * hidden]`.
/// The node is named like the module, and gets a number behind its name if the cell is applied again. As a
/// [`Module`], a cell begins with a state of zeros and gives the hidden state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecurrentCell<K> {
    gates: Gates,
    input_size: usize,
    kind: PhantomData<K>,
}

impl LSTMCell {
    /// A cell with biases.
    #[must_use]
    pub fn new(input_size: usize, hidden_size: usize) -> Self {
        Self::of(Cell::Lstm, input_size, hidden_size)
    }

    /// `h, c = cell(x, (h, c))`; zeros without a state.
    ///
    /// # Errors
    ///
    /// [`Error::Module`] and [`Error::Graph`] if the operands do not fit.
    pub fn step(&self, builder: &mut Builder, x: ValueId, state: Option<[ValueId; 2]>) -> Result<[ValueId; 2], Error> {
        let states = self.advance(builder, x, state.as_ref().map_or(&[], |state| state), true)?;
        let size = self.gates.hidden_size;
        let h = builder.named_node("h", part(3, 0, size), &[states])?;
        let c = builder.named_node("c", part(3, size, size), &[states])?;
        Ok([without_steps(builder, h)?, without_steps(builder, c)?])
    }
}

impl GRUCell {
    /// A cell with biases.
    #[must_use]
    pub fn new(input_size: usize, hidden_size: usize) -> Self {
        Self::of(Cell::Gru, input_size, hidden_size)
    }
}

impl RNNCell {
    /// A cell with biases and tanh.
    #[must_use]
    pub fn new(input_size: usize, hidden_size: usize) -> Self {
        Self::of(Cell::Tanh, input_size, hidden_size)
    }

    /// `nonlinearity="relu"` instead of tanh.
    #[must_use]
    pub fn relu(self) -> Self {
        Self { gates: Gates { cell: Cell::Relu, ..self.gates }, ..self }
    }
}

impl<K: kind::OneState> RecurrentCell<K> {
    /// `h = cell(x, h)`; zeros without a state.
    ///
    /// # Errors
    ///
    /// [`Error::Module`] and [`Error::Graph`] if the operands do not fit.
    pub fn step(&self, builder: &mut Builder, x: ValueId, state: Option<ValueId>) -> Result<ValueId, Error> {
        let h = self.advance(builder, x, state.as_slice(), false)?;
        without_steps(builder, h)
    }
}

impl<K> RecurrentCell<K> {
    fn of(cell: Cell, input_size: usize, hidden_size: usize) -> Self {
        Self { gates: Gates { cell, hidden_size, bias: true }, input_size, kind: PhantomData }
    }

    /// Whether there are biases.
    #[must_use]
    pub fn bias(self, bias: bool) -> Self {
        Self { gates: Gates { bias, ..self.gates }, ..self }
    }

    /// The state after the step, `[1, 1, batch, hidden]`, or `[1, 1, batch, 2 * hidden]` with the cell state behind it.
    fn advance(
        &self,
        builder: &mut Builder,
        x: ValueId,
        state: &[ValueId],
        with_cell_state: bool,
    ) -> Result<ValueId, Error> {
        let mut operands = vec![one_step(builder, x, "[batch, in]")?];
        operands.extend(self.gates.weights(builder, self.input_size, "", &[""])?);
        for &state in state {
            operands.push(one_step(builder, state, "[batch, hidden]")?);
        }
        let (cell, direction) = (self.gates.cell, Direction::Forward);
        let op = Recurrent { cell, direction, with_cell_state, dynamic: None };
        builder.node(Op::Recurrent(op), &operands)
    }
}

impl<K> Module for RecurrentCell<K> {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        let h = self.advance(builder, x, &[], false)?;
        without_steps(builder, h)
    }
}

/// A value `[batch, ..]` as `[1, batch, ..]`.
fn one_step(builder: &mut Builder, x: ValueId, expected: &str) -> Result<ValueId, Error> {
    let dims = builder.ty(x).dims();
    if dims.len() != 2 {
        return Err(builder.error(format!("a cell on {dims:?}; needs {expected}")));
    }
    let dims = [Dim::Fixed(1)].iter().chain(dims).cloned().collect();
    builder.named_node("reshape", Op::Reshape(fourfold_graph::Reshape { dims }), &[x])
}

/// A state `[1, 1, batch, hidden]` as `[batch, hidden]`.
fn without_steps(builder: &mut Builder, state: ValueId) -> Result<ValueId, Error> {
    let dims = builder.ty(state).dims().get(2..).unwrap_or_default().to_vec();
    builder.named_node("reshape", Op::Reshape(fourfold_graph::Reshape { dims }), &[state])
}
