//! Recurrent layers.

use core::marker::PhantomData;

use fourfold_graph::{Cell, Direction, Op, Recurrent as RecurrentOp, ValueId};
use fourfold_tensor::{DType, Tensor};

use crate::{Builder, Error, Module};

/// `nn.LSTM`, with gates i, f, g, o.
pub type LSTM = Recurrent<kind::Lstm>;
/// `nn.GRU`, with gates r, z, n.
pub type GRU = Recurrent<kind::Gru>;
/// `nn.RNN`, with the function tanh or ReLU.
pub type RNN = Recurrent<kind::Rnn>;

mod kind {
    //! Names for the types of layers, which differ in their constructors.

    /// Of [`LSTM`](super::LSTM).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Lstm;
    /// Of [`GRU`](super::GRU).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Gru;
    /// Of [`RNN`](super::RNN).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Rnn;
}

/// Layers of a recurrent network, from a zero state: `[steps, batch, in]` gives the last layer's hidden state of every step,
/// `[steps, batch, d * hidden]` for `d` directions.
///
/// Keys, for layer `k` and with `_reverse` behind them for the way back: `weight_ih_lk [gates * hidden, in]`, `weight_hh_lk [gates * hidden, hidden]`,
/// `bias_ih_lk`, `bias_hh_lk [gates * hidden]`. The nodes of layer `k` are named `lk` in the module. The last state alone is
/// [`Builder::select`] with step -1, which is that of the way forth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recurrent<K> {
    cell: Cell,
    input_size: usize,
    hidden_size: usize,
    num_layers: usize,
    bias: bool,
    batch_first: bool,
    bidirectional: bool,
    kind: PhantomData<K>,
}

impl LSTM {
    /// One layer, forth, with biases.
    #[must_use]
    pub fn new(input_size: usize, hidden_size: usize) -> Self {
        Self::of(Cell::Lstm, input_size, hidden_size)
    }
}

impl GRU {
    /// One layer, forth, with biases.
    #[must_use]
    pub fn new(input_size: usize, hidden_size: usize) -> Self {
        Self::of(Cell::Gru, input_size, hidden_size)
    }
}

impl RNN {
    /// One layer, forth, with biases and tanh.
    #[must_use]
    pub fn new(input_size: usize, hidden_size: usize) -> Self {
        Self::of(Cell::Tanh, input_size, hidden_size)
    }

    /// `nonlinearity="relu"` in place of tanh.
    #[must_use]
    pub fn relu(self) -> Self {
        Self { cell: Cell::Relu, ..self }
    }
}

impl<K> Recurrent<K> {
    fn of(cell: Cell, input_size: usize, hidden_size: usize) -> Self {
        let (num_layers, bias, batch_first, bidirectional) = (1, true, false, false);
        Self { cell, input_size, hidden_size, num_layers, bias, batch_first, bidirectional, kind: PhantomData }
    }

    /// The number of layers, each of which reads the one before.
    #[must_use]
    pub fn num_layers(self, num_layers: usize) -> Self {
        Self { num_layers, ..self }
    }

    /// Whether there are biases.
    #[must_use]
    pub fn bias(self, bias: bool) -> Self {
        Self { bias, ..self }
    }

    /// Whether operand and result are `[batch, steps, ..]`.
    #[must_use]
    pub fn batch_first(self, batch_first: bool) -> Self {
        Self { batch_first, ..self }
    }

    /// Whether each layer goes forth and back.
    #[must_use]
    pub fn bidirectional(self, bidirectional: bool) -> Self {
        Self { bidirectional, ..self }
    }

    fn layer(&self, builder: &mut Builder, layer: usize, features: usize, x: ValueId) -> Result<ValueId, Error> {
        let rows = self.hidden_size.checked_mul(self.cell.gates());
        let Some(rows) = rows.filter(|rows| rows.checked_mul(2).is_some()) else {
            return Err(builder.error(format!("a hidden size of {} is too large", self.hidden_size)));
        };
        let ways: &[&str] = if self.bidirectional { &["", "_reverse"] } else { &[""] };
        let gather = |builder: &mut Builder, parts: &[&str], shape: &[usize]| {
            let keys = parts.iter().flat_map(|part| ways.iter().map(move |way| format!("{part}_l{layer}{way}")));
            let tensors = keys.map(|key| builder.tensor(&key, shape)).collect::<Result<Vec<_>, _>>()?;
            rows_of(&tensors)
        };
        let weight = builder
            .constant(&format!("weight_ih_l{layer}"), |builder| gather(builder, &["weight_ih"], &[rows, features]))?;
        let hidden = builder.constant(&format!("weight_hh_l{layer}"), |builder| {
            gather(builder, &["weight_hh"], &[rows, self.hidden_size])
        })?;
        let bias = builder.constant(&format!("bias_l{layer}"), |builder| {
            let shape = [2, rows * ways.len()];
            match self.bias {
                true => Ok(gather(builder, &["bias_ih", "bias_hh"], &[rows])?.reshape(&shape)?),
                false => Ok(Tensor::zeros(DType::F32, &shape)?),
            }
        })?;
        let direction = if self.bidirectional { Direction::Bidirectional } else { Direction::Forward };
        let op = RecurrentOp { cell: self.cell, direction, with_cell_state: false, dynamic: None };
        builder.named_node(&format!("l{layer}"), Op::Recurrent(op), &[x, weight, hidden, bias])
    }
}

impl<K> Module for Recurrent<K> {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        if builder.ty(x).rank() != 3 || self.num_layers == 0 {
            let (dims, layers) = (builder.ty(x).dims(), self.num_layers);
            return Err(
                builder.error(format!("{layers} layers on {dims:?}; needs at least one and [steps, batch, in]"))
            );
        }
        let mut x = if self.batch_first { builder.permute(x, &[1, 0, 2])? } else { x };
        let ways = if self.bidirectional { 2 } else { 1 };
        let mut features = self.input_size;
        for layer in 0..self.num_layers {
            // [steps, d, batch, hidden], and the directions beside each other for who reads it.
            let y = self.layer(builder, layer, features, x)?;
            let batch_first = self.batch_first && layer + 1 == self.num_layers;
            let y = match (batch_first, self.bidirectional) {
                (true, _) => builder.permute(y, &[2, 0, 1, 3])?,
                (false, true) => builder.permute(y, &[0, 2, 1, 3])?,
                (false, false) => y,
            };
            let (dims, outer) = (builder.ty(x).dims(), if batch_first { [1, 0] } else { [0, 1] });
            let Some(width) = self.hidden_size.checked_mul(ways) else {
                return Err(builder.error(format!("a hidden size of {} is too large", self.hidden_size)));
            };
            let dims = outer.iter().filter_map(|&axis| dims.get(axis).cloned()).chain([width.into()]).collect();
            x = builder.named_node("reshape", Op::Reshape { dims }, &[y])?;
            features = width;
        }
        Ok(x)
    }
}

/// Tensors of one shape, one below the other.
fn rows_of(tensors: &[Tensor]) -> Result<Tensor, Error> {
    let [only] = tensors else {
        let mut elements = Vec::with_capacity(tensors.iter().map(Tensor::len).sum());
        for tensor in tensors {
            elements.extend_from_slice(tensor.as_slice::<f32>()?);
        }
        let mut shape = tensors.first().map(|tensor| tensor.shape().to_vec()).unwrap_or_default();
        if let Some(first) = shape.first_mut() {
            *first *= tensors.len();
        }
        return Ok(Tensor::from_vec(&shape, elements)?);
    };
    Ok(only.clone())
}
