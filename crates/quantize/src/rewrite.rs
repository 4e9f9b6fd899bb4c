//! Building one graph while reading another.

use std::collections::HashSet;

use crate::Error;
use fourfold_graph::{Graph, GraphBuilder, NewNode, Node, OutputParams, Value, ValueId};
use fourfold_tensor::Tensor;

/// A graph under construction, and which of its values replace which of the source's.
pub(crate) struct Rewrite<'g> {
    pub(crate) source: &'g Graph,
    pub(crate) builder: GraphBuilder,
    values: Vec<Option<ValueId>>,
    /// The names of the source's values and nodes; empty until a fresh name is asked for.
    names: HashSet<&'g str>,
}

impl<'g> Rewrite<'g> {
    /// A graph with the inputs of the source, and those of its constants that are outputs: these keep their names,
    /// whatever is made of them as operands.
    pub(crate) fn new(source: &'g Graph) -> Result<Self, Error> {
        let mut builder = GraphBuilder::new(source.name());
        builder.reserve(source.nodes().len(), source.values().len());
        let mut values = vec![None; source.values().len()];
        for &input in source.inputs() {
            let value = source.value(input);
            values[input.index()] = Some(builder.input(value.name(), value.ty().clone())?);
        }
        for &output in source.outputs() {
            let value = source.value(output);
            if let (Some(constant), None) = (value.constant(), values[output.index()]) {
                values[output.index()] = Some(copied(&mut builder, value.name(), value, constant)?);
            }
        }
        Ok(Self { source, builder, values, names: HashSet::new() })
    }

    /// The new value that replaces an old one; constants are copied when they are first asked for.
    pub(crate) fn get(&mut self, old: ValueId) -> Result<ValueId, Error> {
        if let Some(new) = self.values[old.index()] {
            return Ok(new);
        }
        let value = self.source.value(old);
        let Some(constant) = value.constant() else {
            let (index, count) = (old.index(), self.source.values().len());
            return Err(fourfold_graph::Error::UnknownValue { index, count }.into());
        };
        let name = self.builder.unique_name(value.name());
        let new = copied(&mut self.builder, &name, value, constant)?;
        self.set(old, new);
        Ok(new)
    }

    /// Whether a new value replaces an old one already.
    pub(crate) fn has(&self, old: ValueId) -> bool {
        self.values[old.index()].is_some()
    }

    /// Lets a new value replace an old one from now on.
    pub(crate) fn set(&mut self, old: ValueId, new: ValueId) {
        self.values[old.index()] = Some(new);
    }

    /// A name that neither graph has: `base` itself if it is free.
    pub(crate) fn fresh_name(&mut self, base: &str) -> String {
        if self.names.is_empty() {
            self.names.reserve(self.source.values().len() + self.source.nodes().len());
            self.names.extend(self.source.values().iter().map(Value::name));
            self.names.extend(self.source.nodes().iter().map(Node::name));
        }
        let mut name = base.to_owned();
        while self.names.contains(&*name) || self.builder.unique_name(&name) != name {
            name.push('_');
        }
        name
    }

    /// Adds a node with the names of an old one, and its parameters where it has some of its own.
    pub(crate) fn copy(&mut self, node: &Node) -> Result<(), Error> {
        let inputs = node.inputs().iter().map(|&input| self.get(input)).collect::<Result<Vec<_>, _>>()?;
        let (name, op, result) = (node.name(), node.op().clone(), self.source.value(node.output()));
        let own = (op.kind().output_params() == OutputParams::Own).then(|| result.ty().params().cloned());
        let new = NewNode { name, output: result.name(), op, inputs: &inputs, params: own.flatten() };
        let new = self.builder.add(new)?;
        self.set(node.output(), new);
        Ok(())
    }

    /// The finished graph, with the outputs of the source.
    pub(crate) fn finish(mut self) -> Result<Graph, Error> {
        for &output in self.source.outputs() {
            let new = self.get(output)?;
            self.builder.output(new);
        }
        Ok(self.builder.finish()?)
    }
}

/// A constant under a name of its own.
fn copied(builder: &mut GraphBuilder, name: &str, value: &Value, constant: &Tensor) -> Result<ValueId, Error> {
    Ok(match value.ty().params() {
        None => builder.constant(name, constant.clone())?,
        Some(params) => builder.quantized_constant(name, constant.clone(), params.clone())?,
    })
}
