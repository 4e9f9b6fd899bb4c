//! The finished graph.

use core::fmt;
use std::sync::Arc;

use fourfold_tensor::Tensor;

use crate::readers::Readers;
use crate::{Op, ValueType};

/// A value of one graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub(crate) usize);

/// A node of one graph.
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

/// Something that nodes read or write.
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

    /// The node that makes the value; `None` for graph inputs and constants.
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

/// A valid graph: nodes in an order in which every operand stands before its use.
///
/// Two graphs are equal if they have the same nodes, values and constants, bit for bit. A clone shares them.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    pub(crate) parts: Arc<Parts>,
}

/// What a graph consists of.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Parts {
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
        &self.parts.name
    }

    /// The nodes, every operand before its use.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.parts.nodes
    }

    /// Every value: inputs, constants and results.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.parts.values
    }

    /// The values that a caller brings.
    #[must_use]
    pub fn inputs(&self) -> &[ValueId] {
        &self.parts.inputs
    }

    /// The values that a caller gets.
    #[must_use]
    pub fn outputs(&self) -> &[ValueId] {
        &self.parts.outputs
    }

    /// One value.
    ///
    /// # Panics
    ///
    /// If the id is of another, larger graph.
    #[must_use]
    pub fn value(&self, id: ValueId) -> &Value {
        &self.parts.values[id.0]
    }

    /// One node.
    ///
    /// # Panics
    ///
    /// If the id is of another, larger graph.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &Node {
        &self.parts.nodes[id.0]
    }

    /// Every value's id, in the order of [`Graph::values`].
    pub fn value_ids(&self) -> impl Iterator<Item = ValueId> + use<> {
        (0..self.parts.values.len()).map(ValueId)
    }

    /// The nodes that read a value, once for each operand that is the value, in the order of the nodes.
    ///
    /// They are looked up, not searched for: asking for the readers of all values takes time linear in the graph.
    pub fn consumers(&self, id: ValueId) -> impl Iterator<Item = &Node> {
        self.parts.readers.nodes(id).iter().map(|&node| self.node(node))
    }

    /// The node that reads a value, if only one does, once, and the caller does not get the value.
    #[must_use]
    pub fn sole_consumer(&self, id: ValueId) -> Option<&Node> {
        match self.parts.readers.nodes(id) {
            &[node] if !self.is_output(id) => Some(self.node(node)),
            _ => None,
        }
    }

    /// Whether a value is among [`Graph::outputs`]; looked up as [`Graph::consumers`] are.
    #[must_use]
    pub fn is_output(&self, id: ValueId) -> bool {
        self.parts.readers.is_output(id)
    }

    /// Whether a node of the graph only makes real numbers of another type: behind an input, or before an output, that
    /// is not `f32`.
    #[must_use]
    pub fn is_conversion(&self, node: &Node) -> bool {
        let is_real = |id: ValueId| self.value(id).ty().dtype().is_float();
        matches!(node.op, Op::Cast(_)) && is_real(node.output) && node.inputs.iter().all(|&id| is_real(id))
    }

    /// Whether some value of the graph has quantization parameters; inputs do not count, as a float model may take
    /// codes and dequantize them.
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
