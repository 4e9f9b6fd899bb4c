//! Recurrent layers and cells.

mod cells;
mod weights;

use core::marker::PhantomData;

use fourfold_graph::{Cell, Dim, Direction, Op, Recurrent as RecurrentOp, ValueId};

use crate::{Builder, Error, Module};
pub use cells::{GRUCell, LSTMCell, RNNCell, RecurrentCell};
use weights::Gates;

/// `nn.LSTM`, with gates i, f, g, o.
pub type LSTM = Recurrent<kind::Lstm>;
/// `nn.GRU`, with gates r, z, n.
pub type GRU = Recurrent<kind::Gru>;
/// `nn.RNN`, with the function tanh or ReLU.
pub type RNN = Recurrent<kind::Rnn>;

mod kind {
    //! Names for the types of layers and cells, which differ in their constructors and states.

    /// Layers and cells with one state, the hidden one.
    pub trait OneState {}
    impl OneState for Gru {}
    impl OneState for Rnn {}

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

/// Layers of a recurrent network: `[steps, batch, in]` gives the last layer's hidden state of every step, `[steps,
/// batch, d * hidden]` for `d` directions.
///
/// Keys, for layer `k` and with `_reverse` appended for the reverse direction: `weight_ih_lk [gates * hidden, in]`,
/// `weight_hh_lk [gates * hidden, hidden]`, `bias_ih_lk`, `bias_hh_lk [gates * hidden]`. The nodes of layer `k` are
/// named `lk` in the module.
///
/// As a [`Module`], the layers begin with states of zeros and give that result alone; of one direction,
/// [`Builder::select`] with step -1 takes the last hidden state from it. `unroll` takes the states to begin with and
/// gives the last ones of all layers and directions too, `[layers * d, batch, hidden]` in the order
/// layer 0 forwards, layer 0 in reverse, layer 1 forwards. `batch_first` does not change the order of these axes:
///
/// ```
/// use fourfold_graph::ValueType;
/// use fourfold_nn::{Builder, LSTM, StateDict};
///
/// let mut builder = Builder::new("net", StateDict::default());
/// let x = builder.input("x", ValueType::f32(&[7.into(), "batch".into(), 3.into()]))?;
/// let states = ValueType::f32(&[4.into(), "batch".into(), 5.into()]);
/// let (h_0, c_0) = (builder.input("h_0", states.clone())?, builder.input("c_0", states)?);
/// let lstm = LSTM::new(3, 5).num_layers(2).bidirectional(true);
/// // output, (h_n, c_n) = self.lstm(x, (h_0, c_0))
/// let (output, [h_n, c_n]) = builder.within("lstm", |builder| lstm.unroll(builder, x, Some([h_0, c_0])))?;
/// assert_eq!(builder.ty(output).to_string(), "f32[7, batch, 10]");
/// assert_eq!(builder.ty(h_n), builder.ty(h_0));
/// assert_eq!(builder.ty(c_n), builder.ty(c_0));
/// # Ok::<(), fourfold_nn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recurrent<K> {
    gates: Gates,
    input_size: usize,
    num_layers: usize,
    batch_first: bool,
    bidirectional: bool,
    kind: PhantomData<K>,
}

/// The states of the layers: `[h]`, or `[h, c]` of an LSTM.
type States = Vec<ValueId>;

impl LSTM {
    /// One layer, forwards, with biases.
    #[must_use]
    pub fn new(input_size: usize, hidden_size: usize) -> Self {
        Self::of(Cell::Lstm, input_size, hidden_size)
    }

    /// `output, (h_n, c_n) = lstm(x, (h_0, c_0))`; zeros without states.
    ///
    /// # Errors
    ///
    /// [`Error::Module`] and [`Error::Graph`] if the operands do not fit.
    pub fn unroll(
        &self,
        builder: &mut Builder,
        x: ValueId,
        states: Option<[ValueId; 2]>,
    ) -> Result<(ValueId, [ValueId; 2]), Error> {
        let (y, last) = self.stacked(builder, x, states.as_ref().map_or(&[], |states| states), 2)?;
        Ok((y, [last[0], last[1]]))
    }
}

impl GRU {
    /// One layer, forwards, with biases.
    #[must_use]
    pub fn new(input_size: usize, hidden_size: usize) -> Self {
        Self::of(Cell::Gru, input_size, hidden_size)
    }
}

impl RNN {
    /// One layer, forwards, with biases and tanh.
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

impl<K: kind::OneState> Recurrent<K> {
    /// `output, h_n = layer(x, h_0)`; zeros without a state.
    ///
    /// # Errors
    ///
    /// [`Error::Module`] and [`Error::Graph`] if the operands do not fit.
    pub fn unroll(
        &self,
        builder: &mut Builder,
        x: ValueId,
        state: Option<ValueId>,
    ) -> Result<(ValueId, ValueId), Error> {
        let (y, last) = self.stacked(builder, x, state.as_slice(), 1)?;
        Ok((y, last[0]))
    }
}

impl<K> Recurrent<K> {
    fn of(cell: Cell, input_size: usize, hidden_size: usize) -> Self {
        let gates = Gates { cell, hidden_size, bias: true };
        Self { gates, input_size, num_layers: 1, batch_first: false, bidirectional: false, kind: PhantomData }
    }

    /// The number of layers, each of which reads the one before.
    #[must_use]
    pub fn num_layers(self, num_layers: usize) -> Self {
        Self { num_layers, ..self }
    }

    /// Whether there are biases.
    #[must_use]
    pub fn bias(self, bias: bool) -> Self {
        Self { gates: Gates { bias, ..self.gates }, ..self }
    }

    /// Whether operand and result are `[batch, steps, ..]`.
    #[must_use]
    pub fn batch_first(self, batch_first: bool) -> Self {
        Self { batch_first, ..self }
    }

    /// Whether each layer goes in both directions.
    #[must_use]
    pub fn bidirectional(self, bidirectional: bool) -> Self {
        Self { bidirectional, ..self }
    }

    fn ways(&self) -> usize {
        if self.bidirectional { 2 } else { 1 }
    }

    /// All layers from states `[layers * d, batch, hidden]`, zeros if there are none: the result, and as many of the
    /// last states as are `wanted`.
    fn stacked(
        &self,
        builder: &mut Builder,
        x: ValueId,
        initial: &[ValueId],
        wanted: usize,
    ) -> Result<(ValueId, States), Error> {
        if builder.ty(x).rank() != 3 || self.num_layers == 0 {
            let (dims, layers) = (builder.ty(x).dims(), self.num_layers);
            return Err(
                builder.error(format!("{layers} layers on {dims:?}; needs at least one and [steps, batch, in]"))
            );
        }
        let (ways, size) = (self.ways(), self.gates.hidden_size);
        let Some(width) = size.checked_mul(ways) else {
            return Err(builder.error(format!("a hidden size of {size} is too large")));
        };
        let count = self.num_layers.saturating_mul(ways);
        for &state in initial {
            let dims = builder.ty(state).dims();
            if dims.len() != 3 || dims[0].fixed() != Some(count) {
                return Err(
                    builder.error(format!("an initial state of shape {dims:?}; needs [{count}, batch, {size}]"))
                );
            }
        }
        let mut x = if self.batch_first { builder.permute(x, &[1, 0, 2])? } else { x };
        let mut features = self.input_size;
        let mut last = vec![Vec::with_capacity(self.num_layers); wanted];
        for layer in 0..self.num_layers {
            // [steps, d, batch, hidden], and the directions beside each other for who reads it.
            let states = self.layer(builder, layer, (x, features), initial, wanted == 2)?;
            let with_cell_state = wanted == 2;
            let y = if with_cell_state {
                builder.named_node(&format!("l{layer}.y"), part(3, 0, size), &[states])?
            } else {
                states
            };
            for (state, last) in last.iter_mut().enumerate() {
                let first = with_cell_state.then_some(state * size);
                last.push(self.last_state(builder, layer, (x, states), ["h_n", "c_n"][state], first)?);
            }
            let batch_first = self.batch_first && layer + 1 == self.num_layers;
            let y = match (batch_first, self.bidirectional) {
                (true, _) => builder.permute(y, &[2, 0, 1, 3])?,
                (false, true) => builder.permute(y, &[0, 2, 1, 3])?,
                (false, false) => y,
            };
            let (dims, outer) = (builder.ty(x).dims(), if batch_first { [1, 0] } else { [0, 1] });
            let dims = outer.iter().filter_map(|&axis| dims.get(axis).cloned()).chain([width.into()]).collect();
            x = builder.named_node("reshape", Op::Reshape(fourfold_graph::Reshape { dims }), &[y])?;
            features = width;
        }
        let joined = last.iter().zip(["h_n", "c_n"]).map(|(layers, name)| match layers.as_slice() {
            &[only] => Ok(only),
            layers => builder.named_node(name, Op::Concat(fourfold_graph::Concat { axis: 0 }), layers),
        });
        let joined = joined.collect::<Result<_, _>>()?;
        Ok((x, joined))
    }

    /// The states of all steps of one layer: `[steps, d, batch, hidden]`, or twice as many features with the cell
    /// state.
    fn layer(
        &self,
        builder: &mut Builder,
        layer: usize,
        (x, features): (ValueId, usize),
        initial: &[ValueId],
        with_cell_state: bool,
    ) -> Result<ValueId, Error> {
        let names: &[&str] = if self.bidirectional { &["", "_reverse"] } else { &[""] };
        let mut operands = vec![x];
        operands.extend(self.gates.weights(builder, features, &format!("_l{layer}"), names)?);
        for (&state, name) in initial.iter().zip(["h_0", "c_0"]) {
            operands.push(match self.num_layers {
                1 => state,
                _ => builder.named_node(
                    &format!("l{layer}.{name}"),
                    part(0, layer * self.ways(), self.ways()),
                    &[state],
                )?,
            });
        }
        let direction = if self.bidirectional { Direction::Bidirectional } else { Direction::Forward };
        let op = RecurrentOp { cell: self.gates.cell, direction, with_cell_state, dynamic: None };
        builder.named_node(&format!("l{layer}"), Op::Recurrent(op), &operands)
    }

    /// The state after the last step of each direction, `[d, batch, hidden]`; `first` is where it begins among the
    /// features, if there are others.
    fn last_state(
        &self,
        builder: &mut Builder,
        layer: usize,
        (x, states): (ValueId, ValueId),
        name: &str,
        first: Option<usize>,
    ) -> Result<ValueId, Error> {
        let (name, ways) = (format!("l{layer}.{name}"), self.ways());
        let mut ends = Vec::with_capacity(ways);
        for way in 0..ways {
            let start = if way == 0 { -1 } else { 0 };
            let step = Op::Slice(fourfold_graph::Slice { axis: 0, start, step: 1, length: Dim::Fixed(1) });
            let mut end = builder.named_node(&name, step, &[states])?;
            if ways > 1 {
                end = builder.named_node(&name, part(1, way, 1), &[end])?;
            }
            if let Some(first) = first {
                end = builder.named_node(&name, part(3, first, self.gates.hidden_size), &[end])?;
            }
            ends.push(end);
        }
        let end = if ways > 1 {
            builder.named_node(&name, Op::Concat(fourfold_graph::Concat { axis: 1 }), &ends)?
        } else {
            ends[0]
        };
        let batch = builder.ty(x).dims().get(1).cloned();
        let dims = [Some(ways.into()), batch, Some(self.gates.hidden_size.into())].into_iter().flatten().collect();
        builder.named_node(&name, Op::Reshape(fourfold_graph::Reshape { dims }), &[end])
    }
}

impl<K> Module for Recurrent<K> {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        self.stacked(builder, x, &[], 0).map(|(y, _)| y)
    }
}

/// Elements `first..first + length` of one axis.
fn part(axis: usize, first: usize, length: usize) -> Op {
    let start = i64::try_from(first).unwrap_or(i64::MAX);
    Op::Slice(fourfold_graph::Slice { axis, start, step: 1, length: Dim::Fixed(length) })
}
