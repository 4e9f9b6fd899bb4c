//! The graph under construction, and what the names of the file stand for in it.

pub(crate) mod binding;
pub(crate) mod node;
pub(crate) mod sizes;

use std::collections::HashMap;

use fourfold_graph::{FIX_SIZES, Graph, GraphBuilder, Limits, NewNode, Node, Op, Value, ValueId, ValueType};
use fourfold_schemes::QuantParams;
use fourfold_tensor::Tensor;

use super::Importer;
use crate::Error;
use binding::{Binding, Dequantized, Source};

/// The graph, and for each name of the file what it stands for.
pub(super) struct Emission<'a> {
    builder: GraphBuilder,
    bindings: HashMap<&'a str, Binding<'a>>,
}

impl<'a> Emission<'a> {
    pub(super) fn new(name: &str, limits: Limits) -> Self {
        Self { builder: GraphBuilder::with_limits(name, limits), bindings: HashMap::new() }
    }

    /// Makes room for so many nodes and values.
    pub(super) fn reserve(&mut self, nodes: usize, values: usize) {
        self.builder.reserve(nodes, values);
        self.bindings.reserve(values);
    }

    /// What a name stands for, `None` if nothing made it before.
    pub(super) fn binding(&self, name: &str) -> Option<&Binding<'a>> {
        self.bindings.get(name)
    }

    pub(super) fn is_bound(&self, name: &str) -> bool {
        self.bindings.contains_key(name)
    }

    /// What is known of the result of a DequantizeLinear, `None` if the name stands for something else.
    pub(super) fn dequantized(&self, name: &str) -> Option<&Dequantized<'a>> {
        match self.bindings.get(name)? {
            Binding::Dequantized(found) => Some(found),
            Binding::Value(_) | Binding::Constant | Binding::Deferred(_) | Binding::Sizes(_) => None,
        }
    }

    /// Gives a name its meaning; a name has one only.
    pub(super) fn bind(&mut self, name: &'a str, binding: Binding<'a>) -> Result<(), Error> {
        match self.bindings.insert(name, binding) {
            None => Ok(()),
            Some(_) => Err(fourfold_graph::Error::DuplicateName { name: name.to_owned() }.into()),
        }
    }

    /// A value of the graph.
    pub(super) fn value(&self, id: ValueId) -> &Value {
        self.builder.value(id)
    }

    /// The type of a value of the graph.
    pub(super) fn ty(&self, id: ValueId) -> &ValueType {
        self.builder.value(id).ty()
    }

    /// The node that makes a value of the graph.
    pub(super) fn producer(&self, id: ValueId) -> Option<&Node> {
        self.builder.producer(id)
    }

    /// Adds an input of the model.
    pub(super) fn input(&mut self, name: &str, ty: ValueType) -> Result<ValueId, Error> {
        Ok(self.builder.input(name, ty)?)
    }

    /// Adds a constant that stands for itself.
    pub(super) fn constant(&mut self, name: &str, tensor: Tensor) -> Result<ValueId, Error> {
        Ok(self.builder.constant(name, tensor)?)
    }

    /// Adds a quantized constant.
    pub(super) fn quantized_constant(
        &mut self,
        name: &str,
        quantized: Tensor,
        params: QuantParams,
    ) -> Result<ValueId, Error> {
        Ok(self.builder.quantized_constant(name, quantized, params)?)
    }

    /// Adds a node.
    pub(super) fn add(&mut self, node: NewNode<'_>) -> Result<ValueId, Error> {
        Ok(self.builder.add(node)?)
    }

    /// Adds a node whose result has its name.
    pub(super) fn node(&mut self, name: &str, op: Op, inputs: &[ValueId]) -> Result<ValueId, Error> {
        Ok(self.builder.node(name, op, inputs)?)
    }

    /// Makes a value an output of the model.
    pub(super) fn output(&mut self, id: ValueId) {
        self.builder.output(id);
    }

    /// The graph.
    pub(super) fn finish(self) -> Result<Graph, Error> {
        Ok(self.builder.finish()?)
    }
}

impl<'a> Importer<'a> {
    /// Gives a name its meaning; a name has one only.
    pub(super) fn bind(&mut self, name: &'a str, binding: Binding<'a>) -> Result<(), Error> {
        if let Binding::Dequantized(Dequantized { source: Source::Constant(stored), params, .. }) = &binding {
            self.constants.insert_dequantized(name, *stored, params.clone());
        }
        self.emission.bind(name, binding)
    }

    /// Gives a name the elements of a constant, which enters the graph when a node asks for it.
    pub(super) fn bind_stored(&mut self, name: &'a str, tensor: Tensor) -> Result<(), Error> {
        self.emission.bind(name, Binding::Constant)?;
        self.constants.insert(name, tensor);
        Ok(())
    }

    /// Gives a name a constant that the file does not hold; one that is an output of the model enters the graph at
    /// once.
    pub(super) fn bind_constant(&mut self, name: &'a str, tensor: Tensor) -> Result<(), Error> {
        self.constants.count(&tensor)?;
        self.bind_stored(name, tensor)?;
        if self.names.is_output(name) {
            self.value(name)?;
        }
        Ok(())
    }

    /// The value of that name, `None` if nothing made it before; constants, the floats of quantized values and what
    /// patterns held back enter the graph here.
    pub(super) fn value(&mut self, name: &'a str) -> Result<Option<ValueId>, Error> {
        let id = match self.emission.bindings.get(name) {
            None => return Ok(None),
            Some(Binding::Value(id)) => return Ok(Some(*id)),
            Some(Binding::Dequantized(Dequantized { float: Some(id), .. })) => return Ok(Some(*id)),
            Some(Binding::Deferred(deferred)) => {
                let make = deferred.make;
                return make(self, name).map(Some);
            }
            Some(Binding::Sizes(sizes)) => {
                let what = format!("the use of sizes that the inputs bring ({sizes}; {FIX_SIZES}) as numbers");
                return Err(Error::UnsupportedTensor { name: name.to_owned(), what });
            }
            Some(Binding::Constant) => {
                let Some(tensor) = self.constants.stored(name).cloned() else { return Ok(None) };
                let unique = if self.names.is_output(name) { name.to_owned() } else { self.constant_name(name) };
                let id = self.emission.constant(&unique, tensor)?;
                self.emission.bindings.insert(name, Binding::Value(id));
                return Ok(Some(id));
            }
            Some(Binding::Dequantized(found)) => match found.source {
                Source::Value(quantized) => {
                    let node = found.node.clone();
                    let new =
                        NewNode { name: &node, output: name, op: Op::Dequantize, inputs: &[quantized], params: None };
                    self.emission.add(new)?
                }
                Source::Constant(_) => {
                    let Some(floats) = self.constants.get(name)? else { return Ok(None) };
                    self.emission.constant(name, floats)?
                }
            },
        };
        if let Some(Binding::Dequantized(found)) = self.emission.bindings.get_mut(name) {
            found.float = Some(id);
        }
        Ok(Some(id))
    }

    /// A name for a constant of the graph that follows from the file's constant `base`: that name, if nothing has it
    /// yet.
    pub(super) fn constant_name(&mut self, base: &str) -> String {
        let name = self.emission.builder.unique_name(base);
        if name == base { name } else { self.fresh_name(base) }
    }

    /// A name that neither the graph nor the file has.
    pub(super) fn fresh_name(&mut self, base: &str) -> String {
        let mut base = base.to_owned();
        loop {
            let name = self.emission.builder.unique_name(&base);
            if !self.names.is_taken(&name) {
                return name;
            }
            base.push('_');
        }
    }
}
