//! Who reads what.

use crate::{Graph, NodeId, ValueId};

/// For every value the nodes that read it and whether the caller gets it, so that no pass needs to search the nodes for them.
///
/// It follows from the nodes and the outputs, and is made once, when the graph is finished, in time linear in their operands.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Readers {
    /// The readers of value `v` are `nodes[starts[v]..starts[v + 1]]`.
    starts: Vec<usize>,
    /// Once for each operand that is the value, in the order of the nodes.
    nodes: Vec<NodeId>,
    /// Of every value.
    is_output: Vec<bool>,
}

impl Readers {
    /// The readers of a graph whose operands and outputs are all among its values.
    pub(crate) fn of(graph: &Graph) -> Self {
        let mut starts = vec![0; graph.values.len() + 1];
        let operands = graph.nodes.iter().flat_map(|node| &node.inputs);
        operands.for_each(|id| starts[id.0 + 1] += 1);
        for value in 0..graph.values.len() {
            starts[value + 1] += starts[value];
        }
        let mut nodes = vec![NodeId(0); starts[graph.values.len()]];
        let mut ends = starts.clone();
        for (index, node) in graph.nodes.iter().enumerate() {
            for id in &node.inputs {
                nodes[ends[id.0]] = NodeId(index);
                ends[id.0] += 1;
            }
        }
        let mut is_output = vec![false; graph.values.len()];
        graph.outputs.iter().for_each(|id| is_output[id.0] = true);
        Self { starts, nodes, is_output }
    }

    /// The nodes that read a value; none for a value of another, larger graph.
    pub(crate) fn nodes(&self, id: ValueId) -> &[NodeId] {
        let range = self.starts.get(id.0).zip(self.starts.get(id.0 + 1));
        range.map_or(&[], |(&start, &end)| &self.nodes[start..end])
    }

    /// Whether the caller gets a value.
    pub(crate) fn is_output(&self, id: ValueId) -> bool {
        self.is_output.get(id.0) == Some(&true)
    }
}
