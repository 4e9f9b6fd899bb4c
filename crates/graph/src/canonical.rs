//! The canonical form of a graph: one form for what exporters write in many.
//!
//! Exporters, and versions of the same exporter, write a function as one operator or as several, and the same movement
//! of elements as different chains of Reshape and Transpose. Quantization should not depend on that. A graph in
//! canonical form has
//!
//! - GELU, SiLU, HardSwish, HardSigmoid, clamps and layer normalizations as one operator each;
//! - a GlobalAveragePool before a Reshape that keeps batch and channels, not behind it;
//! - no Reshape behind a reduction that only puts its axes back or takes them away;
//! - zeros around the operand of a convolution as the convolution's padding;
//! - one Concat instead of a Concat of Concats;
//! - for each chain of Reshape, Flatten, Transpose and Identity the shortest chain that moves the elements alike. It is
//!   the same for all chains that do. A Gather of all elements in their order, and an Expand, Slice or Pad that changes
//!   no size, belong to such chains.
//!
//! A chain that moves nothing is removed, unless its result is a graph output; an Identity of the model stays. Nodes
//! that no output needs are removed. Several nodes become one only if no other node reads the values between them.

mod functions;
mod joins;
mod layer_norm;
mod matcher;
mod movement;
mod neighbours;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use fourfold_tensor::Tensor;

use crate::{Error, Graph, GraphBuilder, Limits, NewNode, Node, NodeId, Op, OutputParams, Value, ValueId};

/// The max number of passes over the graph. A replaced function may belong to a larger one, which the next pass finds.
const ROUNDS: usize = 4;

/// What replaces a node and some of the nodes before it.
struct Replacement {
    operands: Vec<Operand>,
    /// A chain of operators: the first reads the operands, each other one the result before it. If there are none, the
    /// only operand replaces the node's result.
    ops: Vec<NamedOp>,
    /// The indices of the nodes that are removed, without the node itself.
    inner: Vec<usize>,
}

/// An operator of a replacement, which takes its names from the nodes that it replaces.
struct NamedOp {
    op: Op,
    /// The index of the node whose name the new node has.
    node: usize,
    /// The index of the node whose result's name the new result has.
    result: usize,
}

impl NamedOp {
    /// An operator that takes both names from one node.
    fn new(op: Op, index: usize) -> Self {
        Self { op, node: index, result: index }
    }
}

/// An operand of a replacement.
enum Operand {
    Value(ValueId),
    /// A constant that the graph does not have; its name is `base`, or begins with it.
    Constant {
        tensor: Tensor,
        base: String,
    },
}

impl Graph {
    /// The graph in canonical form. It has the same inputs and outputs, computes the same up to rounding, and has no
    /// more nodes.
    ///
    /// - Functions that are written as several nodes (GELU, SiLU, HardSwish, HardSigmoid, clamps, layer normalization)
    ///   become one node, with the name of the last.
    /// - Chains of nodes that move elements (Reshape, Transpose and the like) become the shortest chain that moves them
    ///   alike.
    /// - Nodes that no output needs are removed.
    ///
    /// # Errors
    ///
    /// [`Error::Tensor`] if there is no memory for the graph.
    pub fn canonical(&self) -> Result<Graph, Error> {
        let mut whole = replaced(self, HashMap::new())?;
        for _ in 0..ROUNDS {
            let functions = functions::replacements(&whole);
            let is_done = functions.is_empty();
            whole = replaced(&whole, functions)?;
            let chains = movement::replacements(&whole);
            if is_done && chains.is_empty() {
                break;
            }
            whole = replaced(&whole, chains)?;
        }
        Ok(whole)
    }
}

/// The graph with replacements, by the index of the node that is replaced, and without the nodes that no output needs.
fn replaced(source: &Graph, replacements: HashMap<usize, Replacement>) -> Result<Graph, Error> {
    let mut is_gone = unneeded(source);
    if replacements.is_empty() && !is_gone.contains(&true) {
        return Ok(source.clone());
    }
    replacements.values().flat_map(|replacement| &replacement.inner).for_each(|&index| is_gone[index] = true);
    let mut rebuild = Rebuild::of(source)?;
    for (index, node) in source.nodes().iter().enumerate().filter(|(index, _)| !is_gone[*index]) {
        let new = match replacements.get(&index) {
            Some(replacement) => rebuild.replacement(index, replacement)?,
            None => {
                let operands = node.inputs().iter().map(|&id| rebuild.get(id)).collect::<Result<Vec<_>, _>>()?;
                rebuild.add(index, &NamedOp::new(node.op().clone(), index), &operands)?
            }
        };
        rebuild.values[node.output().index()] = Some(new);
    }
    rebuild.finish()
}

/// For every node, whether no output needs it.
fn unneeded(graph: &Graph) -> Vec<bool> {
    let mut is_gone = vec![false; graph.nodes().len()];
    for (index, node) in graph.nodes().iter().enumerate().rev() {
        let output = node.output();
        is_gone[index] =
            !graph.is_output(output) && graph.data.readers.nodes(output).iter().all(|&NodeId(reader)| is_gone[reader]);
    }
    is_gone
}

/// A new graph under construction, made from an old one.
struct Rebuild<'g> {
    source: &'g Graph,
    /// All names of the source.
    names: HashSet<&'g str>,
    builder: GraphBuilder,
    /// For every value of the source, the new value that replaces it, once there is one.
    values: Vec<Option<ValueId>>,
}

impl<'g> Rebuild<'g> {
    /// The inputs of a graph.
    fn of(source: &'g Graph) -> Result<Self, Error> {
        // The source was checked against the limits when it was made.
        let any = u64::MAX;
        let limits =
            Limits { nodes: any, values: any, elements: any, name_bytes: any, window: any, ..Limits::default() };
        let mut builder = GraphBuilder::with_limits(source.name(), limits);
        builder.reserve(source.nodes().len(), source.values().len());
        let names = source.values().iter().map(Value::name).chain(source.nodes().iter().map(Node::name)).collect();
        let mut rebuild = Self { source, names, builder, values: vec![None; source.values().len()] };
        for &id in source.inputs() {
            let value = source.value(id);
            rebuild.values[id.index()] = Some(rebuild.builder.input(value.name(), value.ty().clone())?);
        }
        Ok(rebuild)
    }

    /// The new value that replaces an old one. A constant is copied when it is first read.
    fn get(&mut self, old: ValueId) -> Result<ValueId, Error> {
        if let Some(new) = self.values[old.index()] {
            return Ok(new);
        }
        let value = self.source.value(old);
        let (index, count) = (old.index(), self.source.values().len());
        let constant = value.constant().ok_or(Error::UnknownValue { index, count })?.clone();
        let new = match value.ty().params() {
            None => self.builder.constant(value.name(), constant)?,
            Some(params) => self.builder.quantized_constant(value.name(), constant, params.clone())?,
        };
        self.values[old.index()] = Some(new);
        Ok(new)
    }

    /// Adds an operator that replaces a node, and takes the parameters of the node's result if it needs any.
    fn add(&mut self, index: usize, new: &NamedOp, inputs: &[ValueId]) -> Result<ValueId, Error> {
        let result = |index: usize| self.source.value(self.source.nodes()[index].output());
        let own = new.op.kind().output_params() == OutputParams::Own;
        let params = result(index).ty().params().filter(|_| own).cloned();
        let (name, output) = (self.source.nodes()[new.node].name(), result(new.result).name());
        self.builder.add(NewNode { name, output, op: new.op.clone(), inputs, params })
    }

    /// Adds a replacement and returns the new result of its node.
    fn replacement(&mut self, index: usize, replacement: &Replacement) -> Result<ValueId, Error> {
        let mut operands = Vec::with_capacity(replacement.operands.len());
        for operand in &replacement.operands {
            operands.push(match operand {
                Operand::Value(id) => self.get(*id)?,
                Operand::Constant { tensor, base } => {
                    let name = self.fresh_name(base);
                    self.builder.constant(&name, tensor.clone())?
                }
            });
        }
        for new in &replacement.ops {
            operands = vec![self.add(index, new, &operands)?];
        }
        Ok(operands[0])
    }

    /// A name that neither the source nor the new graph has.
    fn fresh_name(&mut self, base: &str) -> String {
        let mut name = self.builder.unique_name(base);
        while self.names.contains(name.as_str()) {
            name.push('_');
            name = self.builder.unique_name(&name);
        }
        name
    }

    fn finish(mut self) -> Result<Graph, Error> {
        for &output in self.source.outputs() {
            let new = self.get(output)?;
            self.builder.output(new);
        }
        self.builder.finish()
    }
}
