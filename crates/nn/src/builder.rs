//! The way from modules to a graph.

use std::collections::BTreeMap;

use fourfold_graph::{Graph, GraphBuilder, Op, ValueId, ValueType};
use fourfold_tensor::{DType, Tensor};

use crate::{Error, StateDict};

/// A layer or a block of layers: the parameters it takes from the state dict, and the nodes that it becomes.
pub trait Module {
    /// Adds the module's nodes for the operand `x`, and returns the result.
    ///
    /// # Errors
    ///
    /// [`Error::Module`] and [`Error::Graph`] where the module does not fit its operand. Parameters that do not fit are
    /// no error here: they are collected, and all are reported by [`Builder::finish`].
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error>;
}

impl<M: Module + ?Sized> Module for Box<M> {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        (**self).forward(builder, x)
    }
}

/// The graph of a module with one operand, named `input`, with the parameters of the state dict.
///
/// Networks with more operands or results use a [`Builder`].
///
/// # Errors
///
/// [`Error::StateDict`] with everything that is missing, unexpected or of another shape, and the errors of
/// [`Module::forward`].
pub fn build(name: &str, module: &impl Module, input: ValueType, state: StateDict) -> Result<Graph, Error> {
    let mut builder = Builder::new(name, state);
    let x = builder.input("input", input)?;
    let y = module.forward(&mut builder, x)?;
    builder.output(y);
    builder.finish()
}

/// A graph under construction, the state dict that its parameters come from, and the path of the module at work.
#[derive(Debug)]
pub struct Builder {
    graph: GraphBuilder,
    state: StateDict,
    path: String,
    /// The parameters that are constants already, so that a module applied twice has its weights once.
    constants: BTreeMap<String, ValueId>,
}

impl Builder {
    /// An empty graph, and the state dict for its parameters.
    #[must_use]
    pub fn new(name: &str, state: StateDict) -> Self {
        Self { graph: GraphBuilder::new(name), state, path: String::new(), constants: BTreeMap::new() }
    }

    /// Adds an input of the graph.
    ///
    /// # Errors
    ///
    /// [`Error::Graph`] if the name is taken or invalid.
    pub fn input(&mut self, name: &str, ty: ValueType) -> Result<ValueId, Error> {
        Ok(self.graph.input(name, ty)?)
    }

    /// Applies a module under a name, which is added to the path: that of the attribute in PyTorch. The empty name adds
    /// nothing.
    ///
    /// # Errors
    ///
    /// As [`Module::forward`].
    pub fn apply(&mut self, name: &str, module: &(impl Module + ?Sized), x: ValueId) -> Result<ValueId, Error> {
        self.within(name, |builder| module.forward(builder, x))
    }

    /// Calls `forward` with a name added to the path, for modules with several operands.
    ///
    /// # Errors
    ///
    /// Those of `forward`.
    pub fn within<T>(&mut self, name: &str, forward: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        let outer = self.path.len();
        self.path = self.join(name);
        let result = forward(self);
        self.path.truncate(outer);
        result
    }

    /// The path of the module at work, such as `features.0.conv`; empty for the outermost.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// A parameter or buffer of the module at work, `f32` of that shape; `name` is added to the path.
    ///
    /// # Errors
    ///
    /// [`Error::Tensor`] if the shape cannot be held.
    pub fn parameter(&mut self, name: &str, shape: &[usize]) -> Result<ValueId, Error> {
        self.constant(name, |builder| builder.tensor(name, shape))
    }

    /// The elements of a parameter, for modules that compute something from them; zeros where the state dict does not
    /// fit.
    ///
    /// # Errors
    ///
    /// [`Error::Tensor`] if the shape cannot be held.
    pub fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, Error> {
        let key = self.join(name);
        match self.state.take(&key, shape)? {
            Some(tensor) => Ok(tensor),
            None => Ok(Tensor::zeros(DType::F32, shape)?),
        }
    }

    /// A constant of the module at work, which is made once however often the module is applied; `name` is added to the
    /// path.
    ///
    /// # Errors
    ///
    /// Those of `make`, and [`Error::Graph`] for an invalid name.
    pub fn constant(
        &mut self,
        name: &str,
        make: impl FnOnce(&mut Self) -> Result<Tensor, Error>,
    ) -> Result<ValueId, Error> {
        let key = self.join(name);
        if let Some(&id) = self.constants.get(&key) {
            return Ok(id);
        }
        let tensor = make(self)?;
        let unique = self.graph.unique_name(&key);
        let id = self.graph.constant(&unique, tensor)?;
        self.constants.insert(key, id);
        Ok(id)
    }

    /// Says that the state dict may have a tensor that inference does not need, such as `num_batches_tracked`.
    pub fn ignore(&mut self, name: &str) {
        let key = self.join(name);
        self.state.ignore(key);
    }

    /// Adds a node named like the module at work, for modules of one node.
    ///
    /// # Errors
    ///
    /// [`Error::Graph`] if the operator does not fit its operands.
    pub fn node(&mut self, op: Op, inputs: &[ValueId]) -> Result<ValueId, Error> {
        self.named_node("", op, inputs)
    }

    /// Adds a node inside of the module at work; `name` is added to the path, and a number if the name is taken.
    ///
    /// # Errors
    ///
    /// [`Error::Graph`] if the operator does not fit its operands.
    pub fn named_node(&mut self, name: &str, op: Op, inputs: &[ValueId]) -> Result<ValueId, Error> {
        let mut base = self.join(name);
        if base.is_empty() {
            base = op.kind().to_string();
        }
        let name = self.graph.unique_name(&base);
        Ok(self.graph.node(&name, op, inputs)?)
    }

    /// The type of a value.
    ///
    /// # Panics
    ///
    /// If the id is of another, larger graph.
    #[must_use]
    pub fn ty(&self, id: ValueId) -> &ValueType {
        self.graph.value(id).ty()
    }

    /// Makes a value an output of the graph.
    pub fn output(&mut self, id: ValueId) {
        self.graph.output(id);
    }

    /// The finished graph.
    ///
    /// # Errors
    ///
    /// [`Error::StateDict`] with everything that is missing, unexpected or of another shape, [`Error::Graph`] without
    /// an output.
    pub fn finish(self) -> Result<Graph, Error> {
        match self.state.mismatch() {
            Some(mismatch) => Err(Error::StateDict(mismatch)),
            None => Ok(self.graph.finish()?),
        }
    }

    /// An error of the module at work.
    #[must_use]
    pub fn error(&self, reason: impl Into<String>) -> Error {
        Error::Module { module: self.path.clone(), reason: reason.into() }
    }

    fn join(&self, name: &str) -> String {
        match (self.path.as_str(), name) {
            ("", name) => name.to_owned(),
            (path, "") => path.to_owned(),
            (path, name) => format!("{path}.{name}"),
        }
    }
}
