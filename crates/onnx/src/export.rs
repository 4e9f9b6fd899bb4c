//! From a graph to an ONNX file.
//!
//! The float operators of ONNX take no quantized values, so a quantized value `v` is written as QuantizeLinear, whose
//! result is `v`, and DequantizeLinear, whose result is `v.real`. This is the QDQ form. ONNX Runtime and others fuse it
//! into integer operators, and so does [`import`](crate::import): names, quantized values and results come back as they
//! were.
//!
//! - Weights are `i8` initializers behind a DequantizeLinear with one scale for each channel; biases are `i32`
//!   initializers with the scale `s_a * s_w[c]`.
//! - A fused clamp is a Relu or Clip of its own, before the QuantizeLinear.
//! - Where the range of a value is narrower than its type, a Clip enforces it (and keeps ONNX Runtime from running the
//!   operator in integers).
//! - Dynamic quantization is DynamicQuantizeLinear, MatMulInteger and the multiplication by both scales. ONNX quantizes
//!   the whole input with one scale ([`DynamicScheme::OnnxPerTensor`](fourfold_schemes::DynamicScheme::OnnxPerTensor));
//!   where each row has its own, results agree closely, not exactly.
//! - A dynamically quantized LSTM is ONNX Runtime's DynamicQuantizeLSTM; a GRU or RNN, for which there is none, reads
//!   its weights through a DequantizeLinear and computes in `f32`. The metadata of its node (`fourfold.dynamic`)
//!   say how it was quantized, so that [`import`](crate::import) restores the quantized layer, with the same bits.
//! - The hidden states of an LSTM are `Y` and `Y_h`. Its cell state can be written only if nothing but the one after
//!   the last step is read, as `Y_c`.
//!
//! [`Form::QOperator`] writes quantized operators instead: QLinearConv, QLinearMatMul, and ONNX Runtime's QGemm,
//! QLinearAdd, QLinearMul, QLinearConcat, QLinearAveragePool, QLinearGlobalAveragePool, QLinearSigmoid,
//! QLinearLeakyRelu and QLinearSoftmax, followed by a quantized Clip where the range of the result is narrower than
//! its type. Operators that only move or clamp elements take quantized values as they are. Operators without such a
//! form (other functions by table, differences) stand between DequantizeLinear and QuantizeLinear.
//!
//! In both forms:
//!
//! - Sizes computed from several symbols of the inputs are written as shape arithmetic: Shape, Gather, Mul, Add and
//!   Concat.
//! - Quantized inputs and outputs are `uint8` or `int8`; the nodes that read an input give its scale.
//! - Quantized products that give their `i32` sums are MatMulInteger and ConvInteger, with an Add for a bias.
//! - A fake quantization is QuantizeLinear and DequantizeLinear, of 4, 8 or 16 bits.
//!
//! The opset is 17, or 19 where a dilated average or padding that wraps around needs it, or 21 for a normalization over
//! groups of channels and for quantized values of 4 and 16 bits.

mod attributes;
mod dynamic;
mod external;
mod fake_quantize;
mod function;
mod message;
mod movement;
mod node;
mod normalization;
mod qoperator;
mod recurrent;
mod sizes;
mod states;
mod sums;
mod top_k;
mod values;

use std::collections::{HashMap, HashSet};

use fourfold_graph::{Dim, Graph, Node, Op, PadMode, ValueId, ValueType};
use fourfold_tensor::memory;
use prost::Message;

use crate::Error;
use crate::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto,
};
use message::value_info;

/// The versions of the operators that are written, and of the file format that goes with each; the first unless the
/// graph needs another.
const VERSIONS: [(i64, i64); 3] = [(17, 8), (19, 9), (21, 10)];

/// The domain of ONNX Runtime's own operators, and their version.
const MICROSOFT: &str = "com.microsoft";
const MICROSOFT_VERSION: i64 = 1;

/// How quantized operators are written.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Form {
    /// Float operators between DequantizeLinear and QuantizeLinear.
    #[default]
    Qdq,
    /// Quantized operators: QLinearConv and the like, some of which only ONNX Runtime has.
    QOperator,
}

/// Writes a graph as an ONNX file in QDQ form; the same graph gives the same bytes.
///
/// # Errors
///
/// [`Error::Export`] for what ONNX has no form for.
pub fn export(graph: &Graph) -> Result<Vec<u8>, Error> {
    export_as(graph, Form::Qdq)
}

/// Writes a graph as an ONNX file in the given form; the same graph gives the same bytes.
///
/// # Errors
///
/// [`Error::Export`] for what ONNX has no form for, and for graphs of more than 2 GiB, which [`export_apart`] writes.
pub fn export_as(graph: &Graph, form: Form) -> Result<Vec<u8>, Error> {
    let model = model(graph, form)?;
    if model.encoded_len() > external::MESSAGE_BYTES {
        let reason =
            "its model is larger than 2 GiB, the most that one file holds; write it with data in a second file";
        return Err(Error::Export { value: graph.name().to_owned(), reason });
    }
    encoded(&model)
}

fn encoded(model: &ModelProto) -> Result<Vec<u8>, Error> {
    let mut bytes = memory::room(model.encoded_len())?;
    model.encode(&mut bytes).map_err(|_| fourfold_tensor::Error::OutOfMemory { bytes: model.encoded_len() })?;
    Ok(bytes)
}

/// Writes a graph as an ONNX file whose large tensors lie in a second file, `location`, in the same folder.
///
/// Gives the bytes of both files. Data begins at multiples of 64 bytes.
///
/// # Errors
///
/// [`Error::Export`] for what ONNX has no form for.
pub fn export_apart(graph: &Graph, form: Form, location: &str) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let mut model = model(graph, form)?;
    let data = external::move_out(&mut model, location);
    Ok((encoded(&model)?, data))
}

/// Whether the ONNX file of a graph would be larger than one file can be, so that [`export_apart`] has to write it.
#[must_use]
pub fn needs_two_files(graph: &Graph) -> bool {
    let constants = graph.values().iter().filter_map(fourfold_graph::Value::constant);
    let bytes = constants.map(|constant| constant.len() * constant.dtype().size()).fold(0, usize::saturating_add);
    // A sixteenth is left for everything but tensor data, which takes far less.
    bytes > external::MESSAGE_BYTES / 16 * 15
}

fn model(graph: &Graph, form: Form) -> Result<ModelProto, Error> {
    let mut exporter = Exporter::new(graph, form);
    let mut inputs = Vec::new();
    for &id in graph.inputs() {
        inputs.push(exporter.info(id));
        exporter.input(id)?;
    }
    for node in graph.nodes() {
        exporter.node(node)?;
    }
    let mut outputs = Vec::new();
    for &id in graph.outputs() {
        outputs.push(exporter.info(id));
        let name = graph.value(id).name();
        if graph.value(id).ty().params().is_some() {
            exporter.quantized(id)?;
            continue;
        }
        let made = exporter.float(id)?;
        if made != name {
            exporter.push("Identity", name, &[&made], name, Vec::new());
        }
    }
    let Exporter { nodes: node, initializers: initializer, opset, .. } = exporter;
    let ir_version = VERSIONS.iter().find(|version| version.0 == opset).map_or(VERSIONS[0].1, |version| version.1);
    let sparse_initializer = Vec::new();
    let mut opset_import = vec![OperatorSetIdProto { domain: String::new(), version: opset }];
    if node.iter().any(|node| node.domain == MICROSOFT) {
        opset_import.push(OperatorSetIdProto { domain: MICROSOFT.to_owned(), version: MICROSOFT_VERSION });
    }
    let graph = GraphProto {
        node,
        name: graph.name().to_owned(),
        initializer,
        input: inputs,
        output: outputs,
        value_info: Vec::new(),
        sparse_initializer,
    };
    Ok(ModelProto {
        ir_version,
        opset_import,
        producer_name: "fourfold".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(graph),
        functions: Vec::new(),
    })
}

/// The file under construction.
struct Exporter<'g> {
    graph: &'g Graph,
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
    /// All names in use, of values and nodes, of the graph and of the file.
    names: HashSet<String>,
    /// For each name that was taken: the next number to append.
    numbers: HashMap<String, usize>,
    /// The name of the `f32` tensor of each value written so far.
    float_names: HashMap<ValueId, String>,
    /// The names of the quantized tensor, scale and zero point of each quantized value written so far.
    quantized_names: HashMap<ValueId, [String; 3]>,
    /// For each symbol, the first input and axis that have it.
    symbols: HashMap<&'g str, (ValueId, usize)>,
    /// The names of the sizes computed so far.
    sizes: HashMap<Dim, String>,
    /// The quantized constants written so far.
    stored: HashSet<ValueId>,
    /// The names of the initializers of recurrent weights and biases, by the number of gates and directions.
    gates: HashMap<(ValueId, [usize; 2]), Vec<String>>,
    /// The slices of recurrent layers that were written with their layer.
    cuts: HashSet<ValueId>,
    /// The values inside quantized softmaxes, which are not written.
    softmaxes: HashSet<ValueId>,
    opset: i64,
    form: Form,
}

impl<'g> Exporter<'g> {
    fn new(graph: &'g Graph, form: Form) -> Self {
        let names = graph.values().iter().map(fourfold_graph::Value::name);
        let names = names.chain(graph.nodes().iter().map(fourfold_graph::Node::name)).map(str::to_owned).collect();
        let (nodes, initializers) = (Vec::new(), Vec::new());
        let version = |node: &Node| match node.op() {
            Op::Pad(pad) if pad.mode == PadMode::Wrap => VERSIONS[1],
            Op::AveragePool(pool) if pool.window.dilation.iter().any(|&dilation| dilation != 1) => VERSIONS[1],
            Op::FakeQuantize(params) if fake_quantize::is_new(params) => VERSIONS[2],
            _ if normalization::is_grouped(graph, node) => VERSIONS[2],
            _ => VERSIONS[0],
        };
        let (opset, _) = graph.nodes().iter().map(version).max().unwrap_or(VERSIONS[0]);
        let softmaxes = if form == Form::QOperator { qoperator::softmaxes(graph) } else { HashSet::new() };
        Self {
            graph,
            nodes,
            initializers,
            names,
            numbers: HashMap::new(),
            float_names: HashMap::new(),
            quantized_names: HashMap::new(),
            symbols: sizes::symbols(graph),
            sizes: HashMap::new(),
            stored: HashSet::new(),
            gates: HashMap::new(),
            cuts: HashSet::new(),
            softmaxes,
            opset,
            form,
        }
    }

    fn ty(&self, id: ValueId) -> &'g ValueType {
        self.graph.value(id).ty()
    }

    /// The declaration of an input or output.
    fn info(&self, id: ValueId) -> ValueInfoProto {
        value_info(self.graph.value(id).name(), self.ty(id))
    }

    /// Records the names of an input, and writes its scale and zero point if it is quantized.
    fn input(&mut self, id: ValueId) -> Result<(), Error> {
        let name = self.graph.value(id).name();
        match self.ty(id).params() {
            None => {
                self.float_names.insert(id, name.to_owned());
            }
            Some(params) => {
                let [scale, zero_point] = self.parameters(name, params)?;
                self.quantized_names.insert(id, [name.to_owned(), scale, zero_point]);
            }
        }
        Ok(())
    }

    /// An unused name.
    fn fresh(&mut self, base: &str) -> String {
        if self.names.insert(base.to_owned()) {
            return base.to_owned();
        }
        // Numbers that were tried before are taken, so many names of one base do not take quadratic time.
        let number = self.numbers.entry(base.to_owned()).or_insert(1);
        loop {
            let name = format!("{base}.{number}");
            *number += 1;
            if self.names.insert(name.clone()) {
                return name;
            }
        }
    }

    /// Adds a node.
    fn push(&mut self, operator: &str, name: &str, inputs: &[&str], output: &str, attribute: Vec<AttributeProto>) {
        self.nodes.push(NodeProto {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![output.to_owned()],
            name: name.to_owned(),
            op_type: operator.to_owned(),
            domain: String::new(),
            overload: String::new(),
            attribute,
            metadata_props: Vec::new(),
        });
    }

    /// Adds a node whose result has a name of its own, which it returns.
    fn push_fresh(&mut self, operator: &str, base: &str, inputs: &[&str], attribute: Vec<AttributeProto>) -> String {
        let output = self.fresh(base);
        self.push(operator, &output, inputs, &output, attribute);
        output
    }
}
