//! From an ONNX file to a graph.

mod attention;
mod attributes;
mod binding;
mod blocked;
mod blocks;
mod clamp;
mod coded;
mod codes;
mod computed;
mod dynamic;
mod einsum;
mod fold;
mod function;
mod gates;
mod groups;
mod inputs;
mod logic;
mod matrix;
mod narrow;
mod node;
mod normalization;
mod operators;
mod parameters;
mod parts;
mod pooling;
mod products;
mod qdq;
mod qlinear;
mod range;
mod recurrent;
mod resample;
mod schema;
mod selection;
mod shape;
mod sizes;
mod table;
mod target;
mod tensor;
mod transposed;
mod window;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use fourfold_graph::ErrorKind;
use fourfold_graph::{Fixed, Graph, GraphBuilder, Limits, ValueId};
use fourfold_schemes::QuantType;
use fourfold_tensor::memory;
use prost::Message;

use self::binding::{Binding, Stored};
use self::codes::Use;
use self::computed::Change;
use crate::Error;
use crate::model::external::{self, Folder, Nowhere, Resolve};
use crate::model::floats::{self, Border};
use crate::model::{defaults, fixed, functions, names, needed};
use crate::proto::{GraphProto, ModelProto, data_type};
use crate::scan::{recognize, scan};

pub use operators::OPERATORS;

/// The last version of the file format (`ir_version`) that is known.
const LAST_VERSION: i64 = 14;

/// How a model is read.
#[derive(Clone, Copy)]
pub struct ImportOptions<'a> {
    /// What is allowed.
    pub limits: &'a Limits,
    /// Sizes and inputs that are fixed before anything follows from them.
    pub fixed: &'a Fixed,
    /// Tensor data outside of the model file.
    pub resolver: &'a dyn Resolve,
}

/// What a model file became.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The model.
    pub graph: Graph,
    /// What changed on the way in and may change results, a sentence each; every kind of change is in it once.
    pub notes: Vec<String>,
    /// Inputs of the file that are constants here, because the file has a default for them; [`Fixed::brought`] makes
    /// one an input, [`Fixed::value`] another constant.
    pub defaults: Vec<String>,
}

/// Reads the model file at `path`, and the files beside it in which its tensors may lie.
///
/// # Errors
///
/// [`Error::File`] if the file cannot be read, [`Error::External`] if one beside it cannot; else as [`import`].
pub fn load(path: impl AsRef<Path>, limits: &Limits) -> Result<Graph, Error> {
    Ok(load_with(path, limits, &Fixed::new())?.graph)
}

/// Reads the model file at `path`, with sizes and inputs fixed.
///
/// # Errors
///
/// As [`load`]; [`fourfold_graph::Error::Fixed`] for what does not fit the model's inputs.
pub fn load_with(path: impl AsRef<Path>, limits: &Limits, fixed: &Fixed) -> Result<Imported, Error> {
    let path = path.as_ref();
    let failed = |error: std::io::Error| Error::File { reason: error.to_string() };
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(Error::File { reason: "it is not a regular file".to_owned() });
    }
    Limits::check("file-bytes", metadata.len(), limits.file_bytes)?;
    let resolver = &Folder::of(path).map_err(failed)?;
    let mut bytes = memory::room(usize::try_from(metadata.len()).unwrap_or(usize::MAX))?;
    // The file may grow while it is read.
    File::open(path).and_then(|file| file.take(metadata.len()).read_to_end(&mut bytes)).map_err(failed)?;
    import_with(&bytes, &ImportOptions { limits, fixed, resolver })
}

/// Reads a model all of whose tensors lie in the file; [`load`] reads the others.
///
/// # Errors
///
/// [`Error::NotOnnx`], [`Error::Corrupt`], [`Error::Decode`] and the like for invalid files; [`Error::Version`],
/// [`Error::Opset`], [`Error::Operators`], which lists all unsupported operators at once, [`Error::Unsupported`] and
/// [`Error::UnsupportedTensor`] for valid models that need more than fourfold has; [`Error::Limit`] for models larger
/// than allowed.
pub fn import(bytes: &[u8], limits: &Limits) -> Result<Graph, Error> {
    Ok(import_with(bytes, &ImportOptions { limits, fixed: &Fixed::new(), resolver: &Nowhere })?.graph)
}

/// Reads a model as the options say.
///
/// A free batch that the model itself fixes inside (it was traced with one sample) is 1: the model runs with that
/// batch.
///
/// # Errors
///
/// As [`import`]; [`Error::External`] and [`Error::Tensor`] for data outside of the file that the resolver refuses,
/// [`fourfold_graph::Error::Fixed`] for what does not fit the model's inputs.
pub fn import_with(bytes: &[u8], options: &ImportOptions<'_>) -> Result<Imported, Error> {
    let limits = options.limits;
    recognize(bytes)?;
    Limits::check("file-bytes", bytes.len() as u64, limits.file_bytes)?;
    scan(bytes, limits)?;
    let model = ModelProto::decode(bytes).map_err(|error| Error::Decode { reason: error.to_string() })?;
    match model.ir_version {
        1..=LAST_VERSION => {}
        version if version > LAST_VERSION => return Err(Error::Version { version }),
        _ => return Err(Error::Model { reason: "names no version of the file format; the file may be damaged" }),
    }
    let opset = opset(&model)?;
    let mut graph = model.graph.ok_or(Error::Model { reason: "has no graph; the file may be truncated" })?;
    names::name_nodes(&mut graph);
    functions::inline(&mut graph, &model.functions, opset, limits)?;
    needed::keep_needed(&mut graph);
    operators::check(&graph)?;
    let read = external::inline(&mut graph, options.resolver, limits, bytes.len() as u64)?;
    let computed_elements = limits.computed_elements.max(read.saturating_mul(8));
    let limits = &Limits { computed_elements, ..limits.clone() };
    let defaults = defaults::take(&mut graph, options.fixed);
    fixed::fix(&mut graph, options.fixed)?;
    names::check(&graph)?;
    schema::check(&graph, opset)?;
    let types = floats::owned(schema::types(&graph, opset)?);
    let border = &floats::keep_at_border(&mut graph, &types);
    let imported = match Importer::new(&graph, opset, limits, border).run() {
        Err(error) if may_be_a_fixed_batch(&error) => match fixed::batch_of_one(&graph) {
            Some(batch) => {
                fixed::fix(&mut graph, &batch)?;
                let mut imported = Importer::new(&graph, opset, limits, border).run().map_err(|_| error)?;
                imported
                    .notes
                    .push("its batch is free, but the model fixes it inside; it runs with batch 1".to_owned());
                Ok(imported)
            }
            None => Err(error),
        },
        result => result,
    };
    imported.map(|imported| Imported { defaults, ..imported })
}

/// Whether an error may come from a batch that is free in the input, and fixed in what the model makes of it: in the
/// target of a Reshape, in a class token that is joined to every sample, in the first state of a recurrent layer.
fn may_be_a_fixed_batch(error: &Error) -> bool {
    let operator = match error {
        Error::Unsupported { operator, .. } | Error::Node { operator, .. } => operator.clone(),
        Error::Graph(fourfold_graph::Error::Node { kind, .. }) => kind.to_string(),
        _ => return false,
    };
    let fixing = ["Reshape", "Concat", "Expand", "LSTM", "Lstm", "GRU", "Gru", "RNN", "Rnn"];
    error.kind() == ErrorKind::Unsupported && fixing.contains(&operator.as_str())
}

/// The version of the default operator set.
fn opset(model: &ModelProto) -> Result<i64, Error> {
    let default = model.opset_import.iter().filter(|set| is_default(&set.domain)).map(|set| set.version).max();
    match default {
        None => Err(Error::Model { reason: "names no version of its operators; the file may be truncated" }),
        Some(version) if (7..=schema::LAST_OPSET).contains(&version) => Ok(version),
        Some(version) => Err(Error::Opset { version }),
    }
}

fn is_default(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}

/// The graph under construction.
struct Importer<'a> {
    proto: &'a GraphProto,
    opset: i64,
    limits: Limits,
    /// What keeps its type in the file.
    border: &'a Border,
    builder: GraphBuilder,
    bindings: HashMap<&'a str, Binding<'a>>,
    /// The names of all values and nodes of the file; empty until a fresh name is asked for.
    file_names: HashSet<&'a str>,
    /// Constants that follow from those of the file.
    computed: HashMap<(&'a str, Change), ValueId>,
    /// Constants of codes.
    quantized: HashMap<(Stored<'a>, Use), ValueId>,
    /// The steps of dynamic quantizations that are nodes of their own.
    parts: HashMap<&'a str, ValueId>,
    /// What real numbers are quantized to while the model runs.
    quantized_values: HashMap<ValueId, parts::Quantized>,
    /// For the real numbers of constant codes in another shape, the name of those that were reshaped.
    reshaped: HashMap<&'a str, &'a str>,
    /// The types of names whose elements are codes of a type that no tensor has.
    narrow: HashMap<&'a str, QuantType>,
    /// The number of the elements of both.
    computed_elements: u64,
    /// The number of the elements that nodes with constant operands gave.
    folded_elements: u64,
    /// Whether this is the model of one node that is computed now.
    is_folding: bool,
    node_names: HashSet<Cow<'a, str>>,
    /// How many nodes and graph outputs read each name, and the first node that does.
    readers: HashMap<&'a str, (usize, Option<usize>)>,
    /// All nodes that read each name, once an input of codes or a table has asked.
    all_readers: inputs::Readers<'a>,
    /// The names of the model's outputs.
    outputs: HashSet<&'a str>,
    /// Nodes that were taken into an earlier one.
    absorbed: HashSet<usize>,
    /// The constants with numbers that `f32` does not reach.
    beyond: Vec<String>,
    /// What changes on the way in and may change results.
    notes: BTreeSet<String>,
}

impl<'a> Importer<'a> {
    fn new(proto: &'a GraphProto, opset: i64, limits: &Limits, border: &'a Border) -> Self {
        let name = if proto.name.is_empty() { "model" } else { &proto.name };
        let (nodes, values) = (proto.node.len(), proto.node.len() + proto.initializer.len() + proto.input.len());
        let mut readers: HashMap<&str, (usize, Option<usize>)> = HashMap::with_capacity(values);
        for (index, node) in proto.node.iter().enumerate() {
            for read in &node.input {
                readers.entry(read).or_insert((0, Some(index))).0 += 1;
            }
        }
        for output in &proto.output {
            readers.entry(&output.name).or_default().0 += 1;
        }
        let mut builder = GraphBuilder::with_limits(name, limits.clone());
        builder.reserve(nodes, values);
        Self {
            proto,
            opset,
            limits: limits.clone(),
            border,
            builder,
            bindings: HashMap::with_capacity(values),
            file_names: HashSet::new(),
            computed: HashMap::new(),
            quantized: HashMap::new(),
            parts: HashMap::new(),
            quantized_values: HashMap::new(),
            reshaped: HashMap::new(),
            narrow: HashMap::new(),
            computed_elements: 0,
            folded_elements: 0,
            is_folding: false,
            node_names: HashSet::with_capacity(nodes),
            readers,
            outputs: proto.output.iter().map(|output| output.name.as_str()).collect(),
            all_readers: inputs::Readers::default(),
            absorbed: HashSet::new(),
            beyond: Vec::new(),
            notes: BTreeSet::new(),
        }
    }

    fn run(mut self) -> Result<Imported, Error> {
        for initializer in &self.proto.initializer {
            let tensor = self.in_float(&initializer.name, tensor::read(initializer, &initializer.name)?)?;
            self.bind(&initializer.name, Binding::Constant(tensor))?;
            if let Some(code) = narrow::narrow(initializer.data_type) {
                self.note_code(&initializer.name, code);
            }
        }
        for node in self.proto.node.iter().filter(|node| node.op_type == "Constant") {
            let name = node.output.first().map_or("", String::as_str);
            let tensor = self.in_float(name, tensor::of_constant_node(node)?)?;
            self.bind(name, Binding::Constant(tensor))?;
            if let Some(code) = tensor::code_of_constant_node(node) {
                self.note_code(name, code);
            }
        }
        // A constant that is an output has its name before anything that is made of it.
        for output in &self.proto.output {
            if matches!(self.bindings.get(output.name.as_str()), Some(Binding::Constant(_))) {
                self.value(&output.name)?;
            }
        }
        let mut readers = inputs::Readers::default();
        for input in &self.proto.input {
            if let Some(value) = self.stored(&input.name) {
                inputs::check_default(input, value)?;
            } else if !self.bindings.contains_key(input.name.as_str()) {
                let ty = self.input_type(input, &mut readers)?;
                let id = self.builder.input(&input.name, ty)?;
                self.bind(&input.name, Binding::Value(id))?;
            }
        }
        self.all_readers = readers;
        self.constants_of_codes()?;
        let grouped = self.grouped_steps();
        self.absorbed.extend(grouped.values().flatten());
        for (index, node) in self.proto.node.iter().enumerate() {
            match grouped.get(&index) {
                Some(&steps) => self.grouped(index, steps)?,
                None if node.op_type == "Constant" || self.absorbed.contains(&index) => {}
                None => self.node(index, node)?,
            }
        }
        for output in &self.proto.output {
            let id = self.value(&output.name)?.ok_or_else(|| Error::Tensor {
                name: output.name.clone(),
                reason: "is an output of the model, but no node makes it".to_owned(),
            })?;
            let (dtype, code) = (self.builder.value(id).ty().dtype(), self.narrow.get(output.name.as_str()).copied());
            inputs::check_output(output, dtype, code)?;
            if let Some(code) = code {
                self.note(format!("inputs and outputs of {} are {dtype} here", data_type::name_of(code)));
            }
            self.builder.output(id);
        }
        if self.border.is_double {
            self.note("it computes in float64; fourfold computes in float32, to which its numbers are rounded");
        }
        if let [first, more @ ..] = self.beyond.as_slice() {
            let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
            self.note(format!("numbers of its constant `{first}`{more} are beyond float32 and became infinite"));
        }
        let graph = self.builder.finish()?;
        let graph = if self.is_folding { graph } else { graph.canonical()? };
        Ok(Imported { graph, notes: self.notes.into_iter().collect(), defaults: Vec::new() })
    }

    /// Says something of the model that its user should know; the same thing once.
    fn note(&mut self, text: impl Into<String>) {
        self.notes.insert(text.into());
    }

    /// Takes in what quantizes and dequantizes constants, so that they are known as constants wherever the nodes stand.
    fn constants_of_codes(&mut self) -> Result<(), Error> {
        for (index, node) in self.proto.node.iter().enumerate() {
            let is_cast = matches!(node.op_type.as_str(), "QuantizeLinear" | "DequantizeLinear");
            if is_cast && node.input.first().is_some_and(|name| self.constant_shape(name).is_some()) {
                self.node(index, node)?;
                self.absorbed.insert(index);
            }
        }
        Ok(())
    }

    /// Whether a name is one of the model's outputs.
    fn is_output(&self, name: &str) -> bool {
        self.outputs.contains(name)
    }
}
