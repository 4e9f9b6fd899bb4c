//! Which nodes read a value.

use crate::graph::GraphData;
use crate::{NodeId, ValueId};

/// For every value, the nodes that read it and whether it is a graph output, so that passes need not search for them.
///
/// Made once, when the graph is finished, in time linear in the number of operands.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Readers {
    /// The readers of value `v` are `nodes[starts[v]..starts[v + 1]]`.
    starts: Vec<usize>,
    /// The readers of all values, value by value; a node that reads a value twice is there twice.
    nodes: Vec<NodeId>,
    /// For every value, whether it is a graph output.
    is_output: Vec<bool>,
}

impl Readers {
    /// The readers of a graph whose operands and outputs are all among its values.
    pub(crate) fn of(graph: &GraphData) -> Self {
        let mut starts = vec![0; graph.values.len() + 1];
        let operands = graph.nodes.iter().flat_map(|node| &node.inputs);
        operands.for_each(|id| starts[id.0 + 1] += 1);
        for value in 0..graph.values.len() {
            starts[value + 1] += starts[value];
        }
        let mut nodes = vec![NodeId(0); starts[graph.values.len()]];
        // Where the next reader of each value goes.
        let mut next = starts.clone();
        for (index, node) in graph.nodes.iter().enumerate() {
            for id in &node.inputs {
                nodes[next[id.0]] = NodeId(index);
                next[id.0] += 1;
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

    /// Whether a value is a graph output.
    pub(crate) fn is_output(&self, id: ValueId) -> bool {
        self.is_output.get(id.0) == Some(&true)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Activation, Add, Dim, Graph, GraphBuilder, Op, ValueId, ValueType};

    /// Sums of values chosen by a fixed sequence, some of which are outputs, one of them twice.
    fn sums(nodes: usize) -> Graph {
        let mut builder = GraphBuilder::new("sums");
        let mut values = vec![builder.input("x", ValueType::f32(&[Dim::symbol("n")])).expect("valid")];
        for number in 0..nodes {
            let operands = [number * 7919 % values.len(), number * 104_729 % values.len()].map(|at| values[at]);
            let op = Op::Add(Add { activation: Activation::None });
            values.push(builder.node(&format!("sum.{number}"), op, &operands).expect("valid"));
        }
        values.iter().skip(1).step_by(5).for_each(|&id| builder.output(id));
        builder.output(values[1]);
        builder.finish().expect("valid")
    }

    #[test]
    fn readers_are_those_that_a_search_finds() {
        let graph = sums(200);
        for id in graph.value_ids() {
            let reads = |node: &&crate::Node| node.inputs().contains(&id);
            let twice = |node: &crate::Node| node.inputs().iter().filter(|input| **input == id).count();
            let found: Vec<&str> = graph
                .nodes()
                .iter()
                .filter(reads)
                .flat_map(|node| core::iter::repeat_n(node.name(), twice(node)))
                .collect();
            let known: Vec<&str> = graph.consumers(id).map(crate::Node::name).collect();
            assert_eq!(known, found);
            assert_eq!(graph.is_output(id), graph.outputs().contains(&id));
            let sole = if known.len() == 1 && !graph.is_output(id) { known.first() } else { None };
            assert_eq!(graph.sole_consumer(id).map(crate::Node::name), sole.copied());
        }
        let of_another = ValueId(1000);
        assert!(graph.consumers(of_another).next().is_none() && !graph.is_output(of_another));
    }

    #[test]
    fn the_index_has_one_entry_for_each_operand() {
        for nodes in [0, 1, 5_000, 20_000] {
            let graph = if nodes == 0 {
                let mut builder = GraphBuilder::new("none");
                let x = builder.input("x", ValueType::f32(&[1.into()])).expect("valid");
                builder.output(x);
                builder.finish().expect("valid")
            } else {
                sums(nodes)
            };
            let readers = &graph.data.readers;
            let sizes = (readers.starts.len(), readers.nodes.len(), readers.is_output.len());
            assert_eq!(sizes, (nodes + 2, 2 * nodes, nodes + 1));
        }
    }
}
