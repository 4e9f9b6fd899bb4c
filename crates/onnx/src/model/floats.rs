//! Models in `float16`, `bfloat16` or `double` compute in `float`; only inputs and outputs keep their type.
//!
//! ```text
//! x: float16 -> Conv(x, w: float16) -> y: float16
//! becomes
//! x: float16 -> Cast(x) = x.float -> Conv(x.float, w) = y.float -> Cast(y.float) = y: float16
//! ```
//!
//! Casts between float types inside the model are dropped, so that it computes like the same model in `float`. Casts at
//! the border stay: those of inputs and outputs, and those of an input or constant to integers or bools. Other
//! constants become `float` when they are read.

use std::collections::{HashMap, HashSet};

use crate::proto::{AttributeProto, GraphProto, NodeProto, attribute_type, data_type};

/// Attributes that name the type of a result or of a computation.
const TYPES: [&str; 4] = ["dtype", "output_dtype", "precision", "stash_type"];

/// What remains of the other float types.
#[derive(Debug, Default)]
pub(crate) struct Border {
    /// The constants that keep their type.
    pub(crate) constants: HashSet<String>,
    /// Whether the model computes in double precision.
    pub(crate) is_double: bool,
}

/// An owned copy of the types of all values; empty if `float` is the only float type.
pub(crate) fn owned(types: HashMap<&str, i32>) -> HashMap<String, i32> {
    if !types.values().any(|&ty| is_other(ty)) {
        return HashMap::new();
    }
    types.into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect()
}

/// Makes a model compute in `float`; `types` are those of its values in the file.
pub(crate) fn keep_at_border(graph: &mut GraphProto, types: &HashMap<String, i32>) -> Border {
    if types.is_empty() {
        return Border::default();
    }
    let mut border = Border { is_double: graph.node.iter().any(|node| is_double(node, types)), ..Border::default() };
    let nodes = core::mem::take(&mut graph.node);
    let mut rewriter = Rewriter::new(graph, &nodes, types);
    rewriter.sources(graph, &nodes, &mut border);
    for (index, node) in nodes.into_iter().enumerate() {
        if !rewriter.hoisted.contains(&index) {
            rewriter.node(node);
        }
    }
    graph.node = rewriter.finish();
    border
}

/// Whether a type is a float type other than `float`.
pub(crate) fn is_other(ty: i32) -> bool {
    matches!(ty, data_type::FLOAT16 | data_type::BFLOAT16 | data_type::DOUBLE)
}

fn is_float(ty: i32) -> bool {
    ty == data_type::FLOAT || is_other(ty)
}

/// Whether a node computes in double precision.
fn is_double(node: &NodeProto, types: &HashMap<String, i32>) -> bool {
    let is_double = |name: &String| types.get(name) == Some(&data_type::DOUBLE);
    let moves = matches!(node.op_type.as_str(), "Cast" | "Constant" | "Identity" | "Shape" | "Size");
    !moves && node.input.iter().chain(&node.output).any(is_double)
}

/// The target type of a Cast; `None` for other nodes.
fn target(node: &NodeProto) -> Option<i32> {
    let to = node.attribute.iter().find(|attribute| attribute.name == "to")?;
    i32::try_from(to.i).ok().filter(|_| node.op_type == "Cast")
}

struct Rewriter<'t> {
    types: &'t HashMap<String, i32>,
    /// All names of the file and of what is added.
    names: HashSet<String>,
    outputs: HashSet<String>,
    /// How many nodes read each name.
    reads: HashMap<String, usize>,
    /// Inputs and constants that keep their type.
    sources: HashSet<String>,
    /// For names of values of other float types, the name of the same value in `float`.
    floats: HashMap<String, String>,
    /// The indices of Casts that were moved to the beginning.
    hoisted: HashSet<usize>,
    /// The results of the nodes.
    made: HashSet<String>,
    /// Results that are outputs of the model under another name.
    renamed: HashMap<String, String>,
    nodes: Vec<NodeProto>,
}

impl<'t> Rewriter<'t> {
    fn new(graph: &GraphProto, nodes: &[NodeProto], types: &'t HashMap<String, i32>) -> Self {
        let mut names: HashSet<String> = graph.input.iter().map(|input| input.name.clone()).collect();
        names.extend(graph.initializer.iter().map(|initializer| initializer.name.clone()));
        let mut reads: HashMap<String, usize> = HashMap::new();
        for node in nodes {
            names.extend(node.output.iter().chain([&node.name]).cloned());
            node.input.iter().for_each(|name| *reads.entry(name.clone()).or_default() += 1);
        }
        Self {
            types,
            names,
            outputs: graph.output.iter().map(|output| output.name.clone()).collect(),
            reads,
            sources: HashSet::new(),
            floats: HashMap::new(),
            hoisted: HashSet::new(),
            made: HashSet::new(),
            renamed: HashMap::new(),
            nodes: Vec::new(),
        }
    }

    fn ty(&self, name: &str) -> i32 {
        self.types.get(name).copied().unwrap_or(0)
    }

    fn is_output(&self, node: &NodeProto) -> bool {
        node.output.first().is_some_and(|output| self.outputs.contains(output))
    }

    /// Whether a node reads a source in its own type: it casts it to integers, or makes it an output.
    fn reads_raw(&self, node: &NodeProto) -> bool {
        match target(node) {
            Some(to) => !is_float(to) || self.is_output(node),
            None => node.op_type == "Identity" && self.is_output(node),
        }
    }

    /// Finds the inputs and constants that keep their type, and adds one Cast for all nodes that read it in `float`.
    fn sources(&mut self, graph: &GraphProto, nodes: &[NodeProto], border: &mut Border) {
        let mut raw: HashSet<&str> = HashSet::new();
        let mut in_float: HashSet<&str> = HashSet::new();
        let mut conversions: HashMap<&str, usize> = HashMap::new();
        for (index, node) in nodes.iter().enumerate() {
            let first = node.input.first().map_or("", String::as_str);
            if target(node) == Some(data_type::FLOAT) {
                conversions.entry(first).or_insert(index);
            }
            if self.reads_raw(node) {
                raw.insert(first);
                // Readers of a result of another float type will read the `float` of its source.
                let output = node.output.first().map_or("", String::as_str);
                if is_other(self.ty(output)) && self.reads.contains_key(output) {
                    in_float.insert(first);
                }
            } else {
                in_float.extend(node.input.iter().map(String::as_str));
            }
        }
        let constants: HashSet<&str> = graph.initializer.iter().map(|initializer| initializer.name.as_str()).collect();
        let brought = graph.input.iter().map(|input| input.name.as_str()).filter(|name| !constants.contains(name));
        let made = nodes.iter().filter(|node| node.op_type == "Constant").flat_map(|node| &node.output);
        let stored = graph.initializer.iter().map(|initializer| &initializer.name).chain(made).map(String::as_str);
        let stored = stored.filter(|name| raw.contains(name) || self.outputs.contains(*name));
        let sources = brought.map(|name| (name, false)).chain(stored.map(|name| (name, true)));
        let sources: Vec<(&str, bool)> = sources.filter(|(name, _)| is_other(self.ty(name))).collect();
        for (name, is_constant) in sources {
            self.sources.insert(name.to_owned());
            if is_constant {
                border.constants.insert(name.to_owned());
            }
            match conversions.get(name) {
                Some(&index) => {
                    self.hoisted.insert(index);
                    self.push(nodes[index].clone());
                    self.floats.insert(name.to_owned(), nodes[index].output.first().cloned().unwrap_or_default());
                }
                None if in_float.contains(name) => {
                    let (node, float) = (self.fresh(format!("{name}.cast")), self.fresh(format!("{name}.float")));
                    self.push(cast(node, name.to_owned(), float.clone(), data_type::FLOAT));
                    self.floats.insert(name.to_owned(), float);
                }
                None => {}
            }
        }
    }

    fn node(&mut self, mut node: NodeProto) {
        let is_raw = self.reads_raw(&node) && self.sources.contains(node.input.first().map_or("", String::as_str));
        let source = node.input.first().map(|name| self.float(name)).unwrap_or_default();
        let from = node.input.first().map_or(0, |name| self.ty(name));
        if !is_raw {
            node.input.iter_mut().for_each(|name| *name = self.float(name));
        }
        let output = node.output.first().cloned().unwrap_or_default();
        match target(&node) {
            Some(to) if is_float(from) && is_float(to) => {
                let is_output = self.is_output(&node);
                if !is_output || is_other(to) {
                    self.floats.insert(output, source);
                } else if !is_raw && self.may_be_renamed(&source) {
                    self.renamed.insert(source, output);
                    return;
                } else if !is_raw {
                    node = NodeProto { op_type: "Identity".to_owned(), attribute: Vec::new(), ..node };
                }
                if is_output {
                    self.push(node);
                }
            }
            Some(to) if is_other(to) && self.is_output(&node) && !self.reads.contains_key(&output) => {
                self.push(node);
            }
            None if is_raw => {
                self.floats.insert(output, source);
                self.push(node);
            }
            _ => self.inside(node),
        }
    }

    /// Adds a node that computes, and Casts for its results that are outputs of another float type.
    fn inside(&mut self, mut node: NodeProto) {
        if node.op_type != "Constant" {
            for attribute in &mut node.attribute {
                let names_type = TYPES.contains(&attribute.name.as_str()) || attribute.name == "to";
                if names_type && i32::try_from(attribute.i).is_ok_and(is_other) {
                    attribute.i = data_type::FLOAT.into();
                }
            }
        }
        let mut casts = Vec::new();
        for name in node.output.iter_mut().filter(|_| node.op_type != "Constant") {
            let ty = self.ty(name);
            if is_other(ty) && self.outputs.contains(name) {
                let (caster, float) = (self.fresh(format!("{name}.cast")), self.fresh(format!("{name}.float")));
                self.floats.insert(name.clone(), float.clone());
                let made = core::mem::replace(name, float.clone());
                casts.push(cast(caster, float, made, ty));
            }
        }
        self.push(node);
        casts.into_iter().for_each(|cast| self.push(cast));
    }

    /// Whether a value may take an output's name: a node's result that is not an output yet.
    fn may_be_renamed(&self, name: &str) -> bool {
        let is_known = self.outputs.contains(name) || self.renamed.contains_key(name);
        !is_known && self.made.contains(name)
    }

    fn push(&mut self, node: NodeProto) {
        self.made.extend(node.output.iter().cloned());
        self.nodes.push(node);
    }

    /// The nodes, with results renamed that are outputs.
    fn finish(mut self) -> Vec<NodeProto> {
        let renamed = self.renamed;
        for name in self.nodes.iter_mut().flat_map(|node| node.input.iter_mut().chain(&mut node.output)) {
            if let Some(output) = renamed.get(name) {
                name.clone_from(output);
            }
        }
        self.nodes
    }

    /// The name of the same value in `float`.
    fn float(&self, name: &str) -> String {
        self.floats.get(name).map_or(name, String::as_str).to_owned()
    }

    /// The name, followed by underscores if it is in use.
    fn fresh(&mut self, mut name: String) -> String {
        while !self.names.insert(name.clone()) {
            name.push('_');
        }
        name
    }
}

fn cast(name: String, from: String, to: String, ty: i32) -> NodeProto {
    let to_type = AttributeProto {
        name: "to".to_owned(),
        r#type: attribute_type::INT,
        i: ty.into(),
        ..AttributeProto::default()
    };
    let op_type = "Cast".to_owned();
    NodeProto { name, op_type, input: vec![from], output: vec![to], attribute: vec![to_type], ..NodeProto::default() }
}
