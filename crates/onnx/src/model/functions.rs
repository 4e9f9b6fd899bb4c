//! Inlines the functions of a model.
//!
//! ```text
//! y = f<alpha = 0.1>(a)              f(x) { h = Relu(x); y = LeakyRelu<alpha = @alpha>(h) }
//! becomes
//! f/h = Relu(a);  y = LeakyRelu<alpha = 0.1>(f/h)
//! ```
//!
//! An attribute that refers to one of the function takes its value from the call, else the function's default; without
//! either it is dropped. Functions may call others, 32 deep; all inlined nodes count against the limit `nodes`.

use std::collections::{HashMap, HashSet};

use fourfold_graph::Limits;

use crate::Error;
use crate::proto::{AttributeProto, FunctionProto, GraphProto, NodeProto};

/// How deep functions may call each other.
const DEEPEST: usize = 32;

/// Replaces calls by the nodes of their functions; `opset` is the version of the model's operators.
pub(crate) fn inline(
    graph: &mut GraphProto,
    functions: &[FunctionProto],
    opset: i64,
    limits: &Limits,
) -> Result<(), Error> {
    if functions.is_empty() {
        return Ok(());
    }
    let mut known: HashMap<[&str; 3], &FunctionProto> = HashMap::new();
    for function in functions {
        if known.insert([&function.domain, &function.name, &function.overload], function).is_some() {
            return Err(Error::Function { name: function.name.clone(), reason: "is defined twice".to_owned() });
        }
    }
    let given = graph.input.iter().map(|input| &input.name);
    let given = given.chain(graph.initializer.iter().map(|initializer| &initializer.name));
    let names = given.chain(graph.node.iter().flat_map(|node| &node.output));
    let names: HashSet<String> = names.cloned().collect();
    let mut inliner = Inliner { known, opset, limits, names, nodes: Vec::new() };
    for node in core::mem::take(&mut graph.node) {
        inliner.node(node, 0)?;
    }
    graph.node = inliner.nodes;
    Ok(())
}

struct Inliner<'f> {
    /// The functions by domain, name and overload.
    known: HashMap<[&'f str; 3], &'f FunctionProto>,
    opset: i64,
    limits: &'f Limits,
    /// All names in use: of values, and prefixes of inlined calls.
    names: HashSet<String>,
    nodes: Vec<NodeProto>,
}

impl Inliner<'_> {
    /// Adds a node, or the nodes of the function that it calls.
    fn node(&mut self, node: NodeProto, depth: usize) -> Result<(), Error> {
        let called = self.known.get(&[node.domain.as_str(), &node.op_type, &node.overload]).copied();
        let Some(function) = called else {
            Limits::check("nodes", self.nodes.len() as u64 + 1, self.limits.nodes)?;
            self.nodes.push(node);
            return Ok(());
        };
        self.check(function, &node, depth)?;
        let base = if node.name.is_empty() { &node.op_type } else { &node.name };
        let prefix = self.fresh(base.clone());
        let mut names: HashMap<String, String> = HashMap::new();
        for (index, name) in function.input.iter().enumerate() {
            names.insert(name.clone(), node.input.get(index).cloned().unwrap_or_default());
        }
        let mut copies = Vec::new();
        for (name, output) in function.output.iter().zip(&node.output).filter(|(_, output)| !output.is_empty()) {
            // An output that is also an input, or that occurs twice, is a copy.
            match names.get(name) {
                Some(source) => copies.push((source.clone(), output.clone())),
                None => drop(names.insert(name.clone(), output.clone())),
            }
        }
        for inner in &function.node {
            let mut inner = inner.clone();
            for name in inner.output.iter().filter(|name| !name.is_empty()) {
                if !names.contains_key(name) {
                    names.insert(name.clone(), self.fresh(format!("{prefix}/{name}")));
                }
            }
            for name in inner.input.iter_mut().chain(&mut inner.output).filter(|name| !name.is_empty()) {
                let unknown = || format!("reads `{name}`, which is neither an input nor the result of an earlier node");
                *name = names.get(name).cloned().ok_or_else(|| invalid(function, unknown()))?;
            }
            let own = if inner.name.is_empty() { &inner.op_type } else { &inner.name };
            inner.name = format!("{prefix}/{own}");
            inner.attribute = attributes(inner.attribute, &node, function);
            self.node(inner, depth + 1)?;
        }
        for (source, output) in copies {
            let (name, op_type) = (output.clone(), "Identity".to_owned());
            let copy = NodeProto { name, op_type, input: vec![source], output: vec![output], ..NodeProto::default() };
            self.node(copy, depth + 1)?;
        }
        Ok(())
    }

    /// Checks that `node` may call `function`.
    fn check(&self, function: &FunctionProto, node: &NodeProto, depth: usize) -> Result<(), Error> {
        if depth >= DEEPEST {
            return Err(invalid(function, format!("is called more than {DEEPEST} functions deep, or recursively")));
        }
        for (what, given, taken) in
            [("inputs", node.input.len(), function.input.len()), ("outputs", node.output.len(), function.output.len())]
        {
            if given > taken {
                return Err(invalid(function, format!("has {taken} {what}, but is called with {given}")));
            }
        }
        let versions = function.opset_import.iter().filter(|set| matches!(set.domain.as_str(), "" | "ai.onnx"));
        match versions.map(|set| set.version).find(|&version| version != self.opset) {
            None => Ok(()),
            Some(version) => Err(Error::Unsupported {
                node: node.name.clone(),
                operator: node.op_type.clone(),
                what: format!("a function of opset {version} in a model of opset {}", self.opset),
            }),
        }
    }

    /// The name, followed by underscores if it is in use.
    fn fresh(&mut self, mut name: String) -> String {
        while !self.names.insert(name.clone()) {
            name.push('_');
        }
        name
    }
}

fn invalid(function: &FunctionProto, reason: String) -> Error {
    Error::Function { name: function.name.clone(), reason }
}

/// The attributes of a function's node, with references resolved by the call.
fn attributes(own: Vec<AttributeProto>, call: &NodeProto, function: &FunctionProto) -> Vec<AttributeProto> {
    let resolve = |attribute: AttributeProto| {
        if attribute.ref_attr_name.is_empty() {
            return Some(attribute);
        }
        let mut given = call.attribute.iter().chain(&function.attribute_proto);
        let given = given.find(|given| given.name == attribute.ref_attr_name)?;
        Some(AttributeProto { name: attribute.name, ..given.clone() })
    };
    own.into_iter().filter_map(resolve).collect()
}
