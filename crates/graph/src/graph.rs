//! The finished [`Graph`]: its values and its nodes.

use core::fmt;
use std::sync::Arc;

use fourfold_tensor::Tensor;

use crate::readers::Readers;
use crate::{Op, ValueType};

/// The id of a value, within one graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub(crate) usize);

/// The id of a node, within one graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) usize);

impl ValueId {
    /// The position in [`Graph::values`].
    #[must_use]
    pub fn index(self) -> usize {
        self.0
    }
}

impl NodeId {
    /// The position in [`Graph::nodes`].
    #[must_use]
    pub fn index(self) -> usize {
        self.0
    }
}

/// A value: a graph input, a constant, or the result of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    pub(crate) name: Arc<str>,
    pub(crate) ty: ValueType,
    pub(crate) constant: Option<Tensor>,
    pub(crate) producer: Option<NodeId>,
}

impl Value {
    /// The name, unique among the graph's values.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type.
    #[must_use]
    pub fn ty(&self) -> &ValueType {
        &self.ty
    }

    /// The elements, if the value is a constant.
    #[must_use]
    pub fn constant(&self) -> Option<&Tensor> {
        self.constant.as_ref()
    }

    /// The node whose result the value is; `None` for graph inputs and constants.
    #[must_use]
    pub fn producer(&self) -> Option<NodeId> {
        self.producer
    }
}

/// One operator and its operands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub(crate) name: Arc<str>,
    pub(crate) op: Op,
    pub(crate) inputs: Vec<ValueId>,
    pub(crate) output: ValueId,
}

impl Node {
    /// The name, unique among the graph's nodes.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The operator.
    #[must_use]
    pub fn op(&self) -> &Op {
        &self.op
    }

    /// The operands, in the order that [`Op`] lists.
    #[must_use]
    pub fn inputs(&self) -> &[ValueId] {
        &self.inputs
    }

    /// The result.
    #[must_use]
    pub fn output(&self) -> ValueId {
        self.output
    }
}

/// A valid graph, whose nodes stand behind the nodes that make their operands.
///
/// Two graphs are equal if they have equal nodes, values and constants, bit for bit, in the same order. Cloning is
/// cheap: a clone shares them.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    pub(crate) data: Arc<GraphData>,
}

/// What a [`Graph`] shares with its clones, and what a builder fills.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct GraphData {
    pub(crate) name: String,
    pub(crate) nodes: Vec<Node>,
    pub(crate) values: Vec<Value>,
    pub(crate) inputs: Vec<ValueId>,
    pub(crate) outputs: Vec<ValueId>,
    /// Empty while the graph is being built.
    pub(crate) readers: Readers,
}

impl Graph {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.data.name
    }

    /// The nodes, in an order in which they can run.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.data.nodes
    }

    /// All values: inputs, constants and results, in the order in which they were added.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.data.values
    }

    /// The graph inputs: the values that the caller passes when the graph runs.
    #[must_use]
    pub fn inputs(&self) -> &[ValueId] {
        &self.data.inputs
    }

    /// The graph outputs: the values that the caller gets back.
    #[must_use]
    pub fn outputs(&self) -> &[ValueId] {
        &self.data.outputs
    }

    /// One value.
    ///
    /// # Panics
    ///
    /// If the id is of another, larger graph.
    #[must_use]
    pub fn value(&self, id: ValueId) -> &Value {
        &self.data.values[id.0]
    }

    /// One node.
    ///
    /// # Panics
    ///
    /// If the id is of another, larger graph.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &Node {
        &self.data.nodes[id.0]
    }

    /// The ids of all values, in the order of [`Graph::values`].
    pub fn value_ids(&self) -> impl Iterator<Item = ValueId> + use<> {
        (0..self.data.values.len()).map(ValueId)
    }

    /// The nodes that read a value, in the order of the nodes; a node that reads it twice comes twice.
    ///
    /// They are looked up in a table: asking for the readers of all values takes time linear in the graph.
    pub fn consumers(&self, id: ValueId) -> impl Iterator<Item = &Node> {
        self.data.readers.nodes(id).iter().map(|&node| self.node(node))
    }

    /// The only reader of a value: `None` if several nodes read it, one reads it twice, or it is a graph output.
    #[must_use]
    pub fn sole_consumer(&self, id: ValueId) -> Option<&Node> {
        match self.data.readers.nodes(id) {
            &[node] if !self.is_output(id) => Some(self.node(node)),
            _ => None,
        }
    }

    /// Whether a value is among [`Graph::outputs`]; constant time.
    #[must_use]
    pub fn is_output(&self, id: ValueId) -> bool {
        self.data.readers.is_output(id)
    }

    /// Whether a node only converts between float types, as it does behind an input and before an output that are not
    /// `f32`.
    #[must_use]
    pub fn is_conversion(&self, node: &Node) -> bool {
        let is_float = |id: ValueId| self.value(id).ty().dtype().is_float();
        matches!(node.op, Op::Cast(_)) && is_float(node.output) && node.inputs.iter().all(|&id| is_float(id))
    }

    /// Whether a constant or a result has quantization parameters. Inputs do not count: a float model may take
    /// quantized inputs and dequantize them.
    #[must_use]
    pub fn is_quantized(&self) -> bool {
        let inner = self.values().iter().filter(|value| value.producer.is_some() || value.constant.is_some());
        inner.into_iter().any(|value| value.ty.params().is_some())
    }
}

impl fmt::Display for Graph {
    /// One line per input, node and output.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |id: &ValueId| format!("{}: {}", self.value(*id).name(), self.value(*id).ty());
        writeln!(f, "graph {}", self.name())?;
        for input in self.inputs() {
            writeln!(f, "  input  {}", named(input))?;
        }
        for node in self.nodes() {
            let operands: Vec<&str> = node.inputs.iter().map(|&id| self.value(id).name()).collect();
            writeln!(f, "  {} = {} {}({})", named(&node.output), node.op.kind(), node.name, operands.join(", "))?;
        }
        for output in self.outputs() {
            writeln!(f, "  output {}", named(output))?;
        }
        Ok(())
    }
}
