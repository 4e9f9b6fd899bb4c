//! Recurrent layers.
//!
//! Float layers are LSTM, GRU and RNN. A dynamically quantized LSTM is `com.microsoft.DynamicQuantizeLSTM`. Its weights
//! have one scale for each direction or one for each row; it quantizes the whole input with one scale, and the hidden
//! state at every step. Other cells have no such operator: their quantized weights go through a DequantizeLinear, the
//! layer runs in `f32`, and metadata of the node say how it was quantized.

use fourfold_graph::{Cell, Direction, Node, Recurrent, ValueId};
use fourfold_schemes::QuantParams;
use fourfold_tensor::{DType, Element, Tensor};

use super::Exporter;
use super::message::{int, text, texts};
use crate::Error;
use crate::proto::{DYNAMIC, StringStringEntryProto};

/// For each gate in ONNX's order, its index in the graph's order.
fn order(cell: Cell) -> &'static [usize] {
    match cell {
        Cell::Lstm => &[0, 3, 1, 2],
        Cell::Gru | Cell::GruResetBefore => &[1, 0, 2],
        Cell::Tanh | Cell::Relu => &[0],
    }
}

/// Puts the gates of `elements: [directions, gates * hidden, ..]` in ONNX's order; a gate has `block` elements.
fn reordered<T: Element>(cell: Cell, elements: &[T], block: usize) -> Vec<T> {
    let ways = elements.chunks((order(cell).len() * block).max(1));
    ways.flat_map(|way| order(cell).iter().flat_map(move |gate| &way[gate * block..][..block])).copied().collect()
}

impl Exporter<'_> {
    pub(super) fn recurrent(&mut self, node: &Node, layer: &Recurrent, output: &str) -> Result<(), Error> {
        let cuts = if layer.with_cell_state { self.state_cuts(node, layer)? } else { Vec::new() };
        let operands = node.inputs();
        let is_integer = layer.dynamic.is_some() && layer.cell == Cell::Lstm;
        let mut inputs = vec![self.float(operands[0])?];
        let mut parameters = Vec::new();
        for &weight in &operands[1..3] {
            let names = self.once(layer, weight, |exporter| match is_integer {
                true => exporter.quantized_gates(layer, weight).map(Vec::from),
                false => exporter.float_gates(layer, weight).map(|name| vec![name]),
            })?;
            let mut names = names.into_iter();
            inputs.extend(names.next());
            parameters.extend(names);
        }
        let bias = operands[3];
        inputs.extend(self.once(layer, bias, |exporter| Ok(vec![exporter.gate_bias(layer, bias)?]))?);
        inputs.push(String::new());
        for &state in &operands[4..] {
            inputs.push(self.float(state)?);
        }
        if is_integer {
            inputs.resize(8, String::new());
            inputs.extend(parameters);
        }
        let hidden = self.hidden(layer, operands[2]);
        let direction = match layer.direction {
            Direction::Forward => "forward",
            Direction::Reverse => "reverse",
            Direction::Bidirectional => "bidirectional",
        };
        let mut attributes = vec![text("direction", direction), int("hidden_size", hidden)];
        let operator = match layer.cell {
            Cell::Lstm if is_integer => "DynamicQuantizeLSTM",
            Cell::Lstm => "LSTM",
            Cell::Gru | Cell::GruResetBefore => {
                attributes.push(int("linear_before_reset", usize::from(layer.cell == Cell::Gru)));
                "GRU"
            }
            Cell::Tanh => "RNN",
            Cell::Relu => {
                attributes.push(texts("activations", &vec!["Relu"; layer.direction.count()]));
                "RNN"
            }
        };
        while inputs.last().is_some_and(String::is_empty) {
            inputs.pop();
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        self.push(operator, node.name(), &inputs, output, attributes);
        if let Some(node) = self.nodes.last_mut() {
            if is_integer {
                node.domain = super::MICROSOFT.to_owned();
            } else if let Some(scheme) = layer.dynamic {
                let (key, value) = (DYNAMIC.to_owned(), scheme.name().to_owned());
                node.metadata_props.push(StringStringEntryProto { key, value });
            }
        }
        if layer.with_cell_state { self.write_cuts(node, layer, &cuts) } else { Ok(()) }
    }

    /// The names of the initializers of a weight or bias, which `make` writes at the first call: layers may share them.
    fn once(
        &mut self,
        layer: &Recurrent,
        id: ValueId,
        make: impl FnOnce(&mut Self) -> Result<Vec<String>, Error>,
    ) -> Result<Vec<String>, Error> {
        let key = (id, [layer.cell.gates(), layer.direction.count()]);
        if let Some(names) = self.gates.get(&key) {
            return Ok(names.clone());
        }
        let names = make(self)?;
        self.gates.insert(key, names.clone());
        Ok(names)
    }

    /// The number of hidden features of a layer, from the shape of its recurrent weight.
    pub(super) fn hidden(&self, layer: &Recurrent, weight: ValueId) -> usize {
        let rows = self.rows(weight);
        rows / (layer.direction.count() * layer.cell.gates())
    }

    fn rows(&self, weight: ValueId) -> usize {
        self.ty(weight).dims().first().and_then(fourfold_graph::Dim::fixed).unwrap_or_default()
    }

    /// The constant of a weight or bias.
    fn constant(&self, id: ValueId) -> Result<&Tensor, Error> {
        let value = self.graph.value(id);
        let reason = "a weight that is not constant";
        value.constant().ok_or_else(|| Error::Export { value: value.name().to_owned(), reason })
    }

    /// The float weight `[directions, gates * hidden, in]`; a quantized one is dequantized.
    fn float_gates(&mut self, layer: &Recurrent, id: ValueId) -> Result<String, Error> {
        let (ways, name) = (layer.direction.count(), self.graph.value(id).name().to_owned());
        let weight = self.constant(id)?;
        let (rows, depth) = (weight.shape()[0], weight.shape()[1]);
        let shape = [ways, rows / ways, depth];
        let block = self.hidden(layer, id) * depth;
        let error = fourfold_graph::Error::from;
        let Some(params) = self.ty(id).params() else {
            let elements = reordered(layer.cell, weight.as_slice::<f32>().map_err(error)?, block);
            let weight = Tensor::from_vec(&shape, elements).map_err(error)?;
            return Ok(self.initializer(&format!("{name}.gates"), &weight));
        };
        let elements = reordered(layer.cell, weight.as_slice::<i8>().map_err(error)?, block);
        let scales = self.gate_scales(layer, id, params);
        // DequantizeLinear has scales along one axis. With two directions, rows span two axes, so `[rows, in]` is
        // dequantized and reshaped.
        let (quantized, axis) = match (scales.as_slice(), ways) {
            ([_], _) => (Tensor::from_vec(&shape, elements).map_err(error)?, None),
            (_, 1) => (Tensor::from_vec(&shape, elements).map_err(error)?, Some(1)),
            _ => (Tensor::from_vec(&[rows, depth], elements).map_err(error)?, Some(0)),
        };
        let quantized = self.initializer(&format!("{name}.gates"), &quantized);
        let sizes = if axis.is_some() { vec![scales.len()] } else { Vec::new() };
        let scale = self.floats(&format!("{name}.gates.scale"), &sizes, &scales)?;
        // Zero points of 0 could be left out, but with `session.x64quantprecision` ONNX Runtime 1.32 then adds a single
        // one for many scales, and fails.
        let zero_point = Tensor::zeros(DType::I8, &sizes).map_err(error)?;
        let zero_point = self.initializer(&format!("{name}.gates.zero_point"), &zero_point);
        let attributes = axis.map(|axis| int("axis", axis)).into_iter().collect();
        let inputs = [quantized.as_str(), &scale, &zero_point];
        let float = self.push_fresh("DequantizeLinear", &format!("{name}.gates.real"), &inputs, attributes);
        if axis != Some(0) {
            return Ok(float);
        }
        let sizes: Vec<i64> = shape.iter().filter_map(|&size| i64::try_from(size).ok()).collect();
        let sizes = Tensor::from_vec(&[3], sizes).map_err(error)?;
        let sizes = self.initializer(&format!("{name}.gates.shape"), &sizes);
        Ok(self.push_fresh("Reshape", &format!("{name}.gates.split"), &[&float, &sizes], Vec::new()))
    }

    /// One scale for the whole weight, or one for each row, with the gates in ONNX's order.
    fn gate_scales(&self, layer: &Recurrent, id: ValueId, params: &QuantParams) -> Vec<f32> {
        let scales: Vec<f32> = params.scales().iter().map(|scale| scale.get()).collect();
        if scales.len() == 1 { scales } else { reordered(layer.cell, &scales, self.hidden(layer, id)) }
    }

    /// The quantized weight `[directions, in, gates * hidden]`, its scales and zero points: `[directions]`, or
    /// `[directions, gates * hidden]`.
    fn quantized_gates(&mut self, layer: &Recurrent, id: ValueId) -> Result<[String; 3], Error> {
        let (ways, name) = (layer.direction.count(), self.graph.value(id).name().to_owned());
        let weight = self.constant(id)?;
        let (columns, depth) = (weight.shape()[0] / ways, weight.shape()[1]);
        let error = fourfold_graph::Error::from;
        let block = self.hidden(layer, id) * depth;
        let elements = reordered(layer.cell, weight.as_slice::<i8>().map_err(error)?, block);
        let source = |index: usize| {
            let (way, row, column) = (index / (depth * columns), index / columns % depth, index % columns);
            elements[(way * columns + column) * depth + row]
        };
        let transposed = (0..elements.len()).map(source).collect::<Vec<i8>>();
        let quantized = Tensor::from_vec(&[ways, depth, columns], transposed).map_err(error)?;
        let reason = "a weight without parameters";
        let params = self.ty(id).params().ok_or_else(|| Error::Export { value: name.clone(), reason })?;
        let mut scales = match self.gate_scales(layer, id, params) {
            scales if scales.len() == 1 => vec![scales[0]; ways],
            scales => scales,
        };
        let mut shape = vec![ways, columns];
        let is_uniform = |way: &[f32]| way.iter().all(|scale| *scale == way[0]);
        if scales.len() == ways || scales.chunks(columns).all(is_uniform) {
            scales = scales.chunks(scales.len() / ways).map(|way| way[0]).collect();
            shape.pop();
        }
        let zero_points = Tensor::zeros(DType::I8, &shape).map_err(error)?;
        Ok([
            self.initializer(&format!("{name}.gates"), &quantized),
            self.floats(&format!("{name}.gates.scale"), &shape, &scales)?,
            self.initializer(&format!("{name}.gates.zero_point"), &zero_points),
        ])
    }

    /// The biases `[directions, 2 * gates * hidden]`: for each direction those of the input, then of the hidden state.
    fn gate_bias(&mut self, layer: &Recurrent, id: ValueId) -> Result<String, Error> {
        let (ways, gates) = (layer.direction.count(), layer.cell.gates());
        let bias = self.constant(id)?;
        let error = fourfold_graph::Error::from;
        let row = bias.shape()[1];
        let elements = reordered(layer.cell, bias.as_slice::<f32>().map_err(error)?, row / (ways * gates));
        let (width, half) = (row / ways, &elements);
        let of_way = |way: usize| [0, 1].map(|side| &half[side * row + way * width..][..width]).concat();
        let bias: Vec<f32> = (0..ways).flat_map(of_way).collect();
        let name = format!("{}.gates", self.graph.value(id).name());
        self.floats(&name, &[ways, 2 * width], &bias)
    }
}
