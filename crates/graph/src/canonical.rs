//! One form for what models write in many.
//!
//! Exporters, and versions of the same exporter, write the same function as one operator or in steps, and the same
//! movement of elements in other chains of Reshape and Transpose. What comes of them should not depend on that: a graph
//! in canonical form has
//!
//! - GELU, SiLU, HardSwish, HardSigmoid, clamps and layer normalizations as one operator each, where they were written
//!   in steps;
//! - a GlobalAveragePool before a Reshape that leaves batch and channels, not behind it; no Reshape behind a reduction
//!   that puts its axes back or takes them away; zeros around the operand of a convolution as its padding;
//! - one Concat in the place of several within each other;
//! - in the place of a chain of Reshape, Flatten, Transpose and Identity the shortest one that moves elements to the
//!   same places, which is the same for all chains that do. A Gather of all elements in their order, and an Expand,
//!   Slice or Pad that changes no size, move nothing. What moves nothing is left out, unless the caller gets its
//!   result; an Identity that the model has stays.
//!
//! Nodes that no output needs, of whose results only the shapes were asked for, are left out. Steps become one only if
//! nothing else reads what lies between them.

mod functions;
mod joins;
mod layer_norm;
mod movement;
mod neighbours;
mod steps;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use fourfold_tensor::Tensor;

use crate::{Error, Graph, GraphBuilder, Limits, NewNode, Node, NodeId, Op, OutputParams, Value, ValueId};

/// What was replaced may be a step of something larger; so often it is looked at.
const ROUNDS: usize = 4;

/// What stands in the place of a node and of the steps before it.
struct Replacement {
    operands: Vec<Operand>,
    /// Each but the first reads what the one before it makes; none leave the operand. Those before the last have the
    /// names of nodes that are left out.
    ops: Vec<Step>,
    /// The nodes that are left out, by their places in the graph.
    inner: Vec<usize>,
}

/// An operator of a replacement, with the places of the nodes whose name it has and whose result's name its result has.
struct Step {
    op: Op,
    node: usize,
    result: usize,
}

impl Step {
    /// An operator with both names of one node.
    fn new(op: Op, place: usize) -> Self {
        Self { op, node: place, result: place }
    }
}

/// An operand of a replacement.
enum Operand {
    Value(ValueId),
    /// A constant that the source does not hold, with a name to begin with.
    Constant(Tensor, String),
}

impl Graph {
    /// The graph in canonical form: at most as many nodes, which compute the same within rounding, with the same inputs
    /// and outputs.
    ///
    /// A node in the place of several has the name of the last.
    ///
    /// # Errors
    ///
    /// [`Error::Tensor`] if there is no memory for the graph.
    pub fn canonical(&self) -> Result<Graph, Error> {
        let mut whole = replaced(self, HashMap::new())?;
        for _ in 0..ROUNDS {
            let functions = functions::in_steps(&whole);
            let is_done = functions.is_empty();
            whole = replaced(&whole, functions)?;
            let chains = movement::chains(&whole);
            if is_done && chains.is_empty() {
                break;
            }
            whole = replaced(&whole, chains)?;
        }
        Ok(whole)
    }
}

/// The graph without the nodes that no output needs, and with some, by their places, replaced.
fn replaced(source: &Graph, replacements: HashMap<usize, Replacement>) -> Result<Graph, Error> {
    let mut is_gone = unneeded(source);
    if replacements.is_empty() && !is_gone.contains(&true) {
        return Ok(source.clone());
    }
    replacements.values().flat_map(|replacement| &replacement.inner).for_each(|&place| is_gone[place] = true);
    let mut rebuild = Rebuild::of(source)?;
    for (place, node) in source.nodes().iter().enumerate().filter(|(place, _)| !is_gone[*place]) {
        let new = match replacements.get(&place) {
            Some(replacement) => rebuild.replacement(place, replacement)?,
            None => {
                let operands = node.inputs().iter().map(|&id| rebuild.get(id)).collect::<Result<Vec<_>, _>>()?;
                rebuild.add(place, &Step::new(node.op().clone(), place), &operands)?
            }
        };
        rebuild.values[node.output().index()] = Some(new);
    }
    rebuild.finish()
}

/// For every node whether no output needs it.
fn unneeded(graph: &Graph) -> Vec<bool> {
    let mut is_gone = vec![false; graph.nodes().len()];
    for (place, node) in graph.nodes().iter().enumerate().rev() {
        let output = node.output();
        is_gone[place] =
            !graph.is_output(output) && graph.parts.readers.nodes(output).iter().all(|&NodeId(reader)| is_gone[reader]);
    }
    is_gone
}

/// A graph under construction, and which of its values stand for which of the source's.
struct Rebuild<'g> {
    source: &'g Graph,
    names: HashSet<&'g str>,
    builder: GraphBuilder,
    values: Vec<Option<ValueId>>,
}

impl<'g> Rebuild<'g> {
    /// The inputs, and the constants that are outputs.
    fn of(source: &'g Graph) -> Result<Self, Error> {
        // What the source has was within the limits of whoever made it.
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

    /// The new value that stands for an old one; a constant is taken over when it is first asked for.
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

    /// Adds a step in the place of a node; it has the parameters of the node's result, if it has parameters of its own.
    fn add(&mut self, place: usize, step: &Step, inputs: &[ValueId]) -> Result<ValueId, Error> {
        let result = |place: usize| self.source.value(self.source.nodes()[place].output());
        let own = step.op.kind().output_params() == OutputParams::Own;
        let params = result(place).ty().params().filter(|_| own).cloned();
        let (name, output) = (self.source.nodes()[step.node].name(), result(step.result).name());
        self.builder.add(NewNode { name, output, op: step.op.clone(), inputs, params })
    }

    fn replacement(&mut self, place: usize, replacement: &Replacement) -> Result<ValueId, Error> {
        let mut operands = Vec::with_capacity(replacement.operands.len());
        for operand in &replacement.operands {
            operands.push(match operand {
                Operand::Value(id) => self.get(*id)?,
                Operand::Constant(tensor, base) => {
                    let name = self.fresh_name(base);
                    self.builder.constant(&name, tensor.clone())?
                }
            });
        }
        for step in &replacement.ops {
            operands = vec![self.add(place, step, &operands)?];
        }
        Ok(operands[0])
    }

    /// A name that neither graph has.
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
