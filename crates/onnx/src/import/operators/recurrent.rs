//! Recurrent layers, and which of their results the model reads.
//!
//! The graph's layer gives the hidden state of every step, and the cell state behind it where `Y_c` is read:
//!
//! ```text
//! Y   = states[.., ..hidden]                       [steps, d, batch, hidden]
//! Y_h = states[last step of each direction]        [d, batch, hidden]
//! ```
//!
//! Gates change their order: ONNX has i, o, f, c and z, r, h where the graph has i, f, g, o and r, z, n.

use fourfold_graph::{
    Cell, Concat, Dim, Direction, Expand, NewNode, Op, Recurrent, Reshape, Slice, Transpose, ValueId,
};
use fourfold_schemes::DynamicScheme;
use fourfold_tensor::{Element, Tensor};

use crate::Error;
use crate::import::constants::tensor::failed;
use crate::import::constants::tensor::integers;
use crate::import::emission::binding::Binding;
use crate::import::emission::node::Entry;
use crate::import::weights::computed::Change;

/// What the attributes of a layer say, and its hidden size.
pub(crate) struct Layer {
    pub(crate) cell: Cell,
    pub(crate) direction: Direction,
    is_batch_first: bool,
    pub(crate) hidden: usize,
}

impl Layer {
    /// For each gate of the graph, its index in the file.
    pub(crate) fn order(&self) -> &'static [usize] {
        match self.cell {
            Cell::Lstm => &[0, 2, 3, 1],
            Cell::Gru | Cell::GruResetBefore => &[1, 0, 2],
            Cell::Tanh | Cell::Relu => &[0],
        }
    }

    /// Blocks of `inner` elements for each hidden feature: `[d, gates * hidden * inner]` with the gates in the graph's
    /// order.
    pub(crate) fn reordered<T: Copy>(&self, elements: &[T], inner: usize) -> Vec<T> {
        let block = self.hidden * inner;
        let ways = elements.chunks(self.order().len() * block);
        ways.flat_map(|way| self.order().iter().flat_map(move |gate| &way[gate * block..][..block])).copied().collect()
    }
}

impl<'a> Entry<'_, 'a> {
    /// `(x, w, r, [b], [sequence_lens], [initial_h], [initial_c], [p])`.
    pub(crate) fn recurrent(&mut self) -> Result<(), Error> {
        let layer = self.layer(&[1, 2])?;
        if let Some((weights, scheme)) = self.written_on_codes(&layer)? {
            return self.layer_of(&layer, weights, Some(scheme));
        }
        let mut weights = Vec::new();
        for index in [1, 2] {
            let weight = self.constant(index)?;
            let rows = weight.shape()[0] * weight.shape()[1];
            let inner = weight.shape()[2];
            let change = Change::Gates { count: layer.cell.gates(), is_bias: false };
            weights.push(self.computed(self.input(index).unwrap_or_default(), change, |entry| {
                let elements = weight.as_slice::<f32>();
                let elements =
                    elements.map_err(|_| entry.invalid(format!("has a weight of type {}", weight.dtype())))?;
                entry.held(&[rows, inner], layer.reordered(elements, inner))
            })?);
        }
        self.layer_of(&layer, [weights[0], weights[1]], None)
    }

    /// As `LSTM`, with quantized weights `[d, in, 4 * hidden]`, and their scales and zero points behind `p`.
    pub(crate) fn dynamic_quantize_lstm(&mut self) -> Result<(), Error> {
        let layer = self.layer(&[1, 2])?;
        let weights = [self.quantized_gates(&layer, 1, 8)?, self.quantized_gates(&layer, 2, 10)?];
        self.layer_of(&layer, weights, Some(DynamicScheme::OnnxPerTensor))
    }

    /// The attributes; what has no place in the graph must be as it is by default. `weights` are the places of both
    /// weights.
    fn layer(&mut self, weights: &[usize; 2]) -> Result<Layer, Error> {
        let attributes = self.attributes(&[
            "activation_alpha",
            "activation_beta",
            "activations",
            "clip",
            "direction",
            "hidden_size",
            "input_forget",
            "layout",
            "linear_before_reset",
        ])?;
        let direction = match attributes.string("direction")? {
            None | Some(b"forward") => Direction::Forward,
            Some(b"reverse") => Direction::Reverse,
            Some(b"bidirectional") => Direction::Bidirectional,
            Some(other) => return Err(self.invalid(format!("direction is `{}`", String::from_utf8_lossy(other)))),
        };
        let has_clip = self.proto.attribute.iter().any(|attribute| attribute.name == "clip");
        if has_clip && attributes.float("clip", f32::MAX)? < f32::MAX {
            return Err(self.unsupported("a clamp of the gates (clip)"));
        }
        if attributes.flag("input_forget")? {
            return Err(self.unsupported("coupled input and forget gates (input_forget)"));
        }
        let parameters = [attributes.floats("activation_alpha")?, attributes.floats("activation_beta")?];
        let names = attributes.strings("activations")?;
        let is_before = !attributes.flag("linear_before_reset")?;
        let (cell, defaults): (Cell, &[&str]) = match self.proto.op_type.as_str() {
            "GRU" if is_before => (Cell::GruResetBefore, &["Sigmoid", "Tanh"]),
            "GRU" => (Cell::Gru, &["Sigmoid", "Tanh"]),
            "RNN" if names.first().is_some_and(|name| name.eq_ignore_ascii_case(b"Relu")) => (Cell::Relu, &["Relu"]),
            "RNN" => (Cell::Tanh, &["Tanh"]),
            _ => (Cell::Lstm, &["Sigmoid", "Tanh", "Tanh"]),
        };
        let mut expected = defaults.iter().cycle();
        let is_default = names
            .iter()
            .all(|name| expected.next().is_some_and(|default| name.eq_ignore_ascii_case(default.as_bytes())));
        let is_whole = names.is_empty() || names.len() == defaults.len() * direction.count();
        if !is_default || !is_whole || parameters.iter().any(|list| !list.unwrap_or_default().is_empty()) {
            let list: Vec<_> = names.iter().map(|name| String::from_utf8_lossy(name)).collect();
            let with = if parameters.iter().any(Option::is_some) { " with parameters of their own" } else { "" };
            return Err(self.unsupported(format!("the activations {}{with}", list.join(", "))));
        }
        let hidden = attributes.int("hidden_size", 0)?;
        let is_batch_first = match attributes.int("layout", 0)? {
            0 => false,
            1 => true,
            other => return Err(self.invalid(format!("layout is {other}"))),
        };
        let is_quantized = self.proto.op_type == "DynamicQuantizeLSTM";
        let shapes = weights.map(|index| {
            let mut shape = self.constant(index)?.shape().to_vec();
            if is_quantized && shape.len() == 3 {
                shape.swap(1, 2);
            }
            Ok::<_, Error>(shape)
        });
        let [w, r] = shapes;
        let (w, r) = (w?, r?);
        let gates = cell.gates();
        match (w.as_slice(), r.as_slice()) {
            (&[d, rows, features], &[ways, same, size])
                if [d, ways] == [direction.count(); 2]
                    && size > 0
                    && features > 0
                    && Some(rows) == size.checked_mul(gates)
                    && rows == same
                    && (hidden == 0 || usize::try_from(hidden) == Ok(size)) =>
            {
                Ok(Layer { cell, direction, is_batch_first, hidden: size })
            }
            _ => Err(self.invalid(format!(
                "has weights for {gates} gates of {hidden} features in {} directions of shapes {w:?} and {r:?}",
                direction.count()
            ))),
        }
    }

    /// Adds the layer and the results that are read.
    fn layer_of(&mut self, layer: &Layer, weights: [ValueId; 2], dynamic: Option<DynamicScheme>) -> Result<(), Error> {
        let x = self.state(layer, 0)?.ok_or_else(|| self.invalid("lacks input 0"))?;
        let dims = self.dims(x);
        let [steps, batch, _] = dims.as_slice() else {
            return Err(self.invalid(format!("has an input of shape {dims:?}, expected three axes")));
        };
        if let Some(lengths) = self.optional_constant(4)? {
            let list = integers(&lengths).unwrap_or_default();
            let is_whole = |&length: &i32| usize::try_from(length).ok() == steps.fixed();
            if list.is_empty() || !list.iter().all(is_whole) {
                return Err(self.unsupported("sequences shorter than the input (sequence_lens)"));
            }
        }
        let is_zero = |tensor: &Tensor| tensor.as_slice::<f32>().is_ok_and(|list| list.iter().all(|&p| p == 0.0));
        if self.optional_constant(7)?.is_some_and(|peepholes| !is_zero(&peepholes)) {
            return Err(self.unsupported("peepholes (input P)"));
        }
        let mut inputs = vec![x, weights[0], weights[1], self.gate_bias(layer)?];
        let states = [self.state(layer, 5)?, self.state(layer, 6)?];
        let ways = layer.direction.count();
        match states {
            [None, None] => {}
            [Some(h), c] => inputs.extend([h].into_iter().chain(c)),
            [None, Some(c)] => {
                let zero = Tensor::from_slice(&[], &[0.0_f32]).map_err(fourfold_graph::Error::from)?;
                let zero = self.filler(zero)?;
                let dims = vec![Dim::Fixed(ways), batch.clone(), Dim::Fixed(layer.hidden)];
                inputs.extend([self.emit_before("initial_h", Op::Expand(Expand { dims }), &[zero])?, c]);
            }
        }
        let [y, y_h, y_c] = [0, 1, 2].map(|index: usize| {
            let name = self.proto.output.get(index).map_or("", String::as_str);
            if self.importer.names.is_read(name) { name } else { "" }
        });
        let with_cell_state = !y_c.is_empty();
        if with_cell_state && layer.cell != Cell::Lstm {
            return Err(self.invalid("has three results, but no cell state"));
        }
        let op = Recurrent { cell: layer.cell, direction: layer.direction, with_cell_state, dynamic };
        let is_direct = !with_cell_state && !layer.is_batch_first && !y.is_empty();
        let output = if is_direct { y.to_owned() } else { self.importer.fresh_name(&format!("{}.states", self.name)) };
        let new = NewNode { name: &self.name, output: &output, op: Op::Recurrent(op), inputs: &inputs, params: None };
        let states = self.importer.emission.add(new)?;
        if is_direct {
            self.importer.bind(y, Binding::Value(states))?;
        } else if !y.is_empty() {
            let mut chain = Vec::new();
            chain.extend(with_cell_state.then(|| part(3, 0, layer.hidden)));
            chain.extend(layer.is_batch_first.then(|| Op::Transpose(Transpose { axes: vec![2, 0, 1, 3] })));
            self.chain(y, "y", chain, states)?;
        }
        for (name, what, first) in [(y_h, "y_h", 0), (y_c, "y_c", layer.hidden)] {
            if !name.is_empty() {
                self.last_state(layer, (name, what), states, with_cell_state.then_some(first), batch)?;
            }
        }
        Ok(())
    }

    /// The state after the last step of each direction; `first` is where it begins among the features, if there are
    /// others.
    fn last_state(
        &mut self,
        layer: &Layer,
        (name, what): (&'a str, &str),
        states: ValueId,
        first: Option<usize>,
        batch: &Dim,
    ) -> Result<(), Error> {
        let ways = layer.direction.count();
        let mut ends = Vec::new();
        for way in 0..ways {
            let is_backward = way == 1 || layer.direction == Direction::Reverse;
            let start = if is_backward { 0 } else { -1 };
            let last = Op::Slice(Slice { axis: 0, start, step: 1, length: Dim::Fixed(1) });
            let mut end = self.emit_before(what, last, &[states])?;
            if ways > 1 {
                end = self.emit_before(what, part(1, way, 1), &[end])?;
            }
            if let Some(first) = first {
                end = self.emit_before(what, part(3, first, layer.hidden), &[end])?;
            }
            ends.push(end);
        }
        let end = if ways > 1 { self.emit_before(what, Op::Concat(Concat { axis: 1 }), &ends)? } else { ends[0] };
        let dims = vec![Dim::Fixed(ways), batch.clone(), Dim::Fixed(layer.hidden)];
        let mut chain = vec![Op::Reshape(Reshape { dims })];
        chain.extend(layer.is_batch_first.then(|| Op::Transpose(Transpose { axes: vec![1, 0, 2] })));
        self.chain(name, what, chain, end)
    }

    /// Adds nodes one after another; the last makes the value of that name.
    fn chain(&mut self, name: &'a str, what: &str, mut ops: Vec<Op>, mut x: ValueId) -> Result<(), Error> {
        let last = ops.pop().unwrap_or(Op::Identity);
        for op in ops {
            x = self.emit_before(what, op, &[x])?;
        }
        let node = self.importer.fresh_name(&format!("{}.{what}", self.name));
        let new = NewNode { name: &node, output: name, op: last, inputs: &[x], params: None };
        let id = self.importer.emission.add(new)?;
        self.importer.bind(name, Binding::Value(id))
    }

    /// The input or an initial state, with the batch on its second axis.
    fn state(&mut self, layer: &Layer, index: usize) -> Result<Option<ValueId>, Error> {
        if self.input(index).is_none() {
            return Ok(None);
        }
        let state = self.operand(index)?;
        if !layer.is_batch_first {
            return Ok(Some(state));
        }
        self.emit_before("turned", Op::Transpose(Transpose { axes: vec![1, 0, 2] }), &[state]).map(Some)
    }

    /// The biases `[2, d * gates * hidden]`: those of the file, or zeros.
    fn gate_bias(&mut self, layer: &Layer) -> Result<ValueId, Error> {
        let gates = layer.cell.gates();
        let row = layer.direction.count() * gates * layer.hidden;
        let Some(bias) = self.optional_constant(3)? else {
            let zeros = self.held(&[2, row], vec![0.0_f32; 2 * row])?;
            self.importer.constants.count(&zeros)?;
            let name = self.importer.fresh_name(&format!("{}.bias", self.name));
            return self.importer.emission.constant(&name, zeros);
        };
        let change = Change::Gates { count: gates, is_bias: true };
        self.computed(self.input(3).unwrap_or_default(), change, |entry| {
            let expected = [layer.direction.count(), 2 * gates * layer.hidden];
            let Some(elements) = bias.as_slice::<f32>().ok().filter(|_| bias.shape() == expected) else {
                let (dtype, shape) = (bias.dtype(), bias.shape());
                return Err(entry.invalid(format!("has a bias {dtype}{shape:?}, expected f32{expected:?}")));
            };
            let half = |side: usize| {
                let ways = elements.chunks(2 * gates * layer.hidden);
                ways.flat_map(move |way| {
                    layer.reordered(&way[side * gates * layer.hidden..][..gates * layer.hidden], 1)
                })
            };
            entry.held(&[2, row], half(0).chain(half(1)).collect())
        })
    }

    pub(crate) fn held<T: Element>(&self, shape: &[usize], elements: Vec<T>) -> Result<Tensor, Error> {
        Tensor::from_vec(shape, elements).map_err(|error| failed(error, |reason| self.invalid(reason)))
    }
}

/// Elements `first..first + length` of one axis.
fn part(axis: usize, first: usize, length: usize) -> Op {
    let start = i64::try_from(first).unwrap_or(i64::MAX);
    Op::Slice(Slice { axis, start, step: 1, length: Dim::Fixed(length) })
}
