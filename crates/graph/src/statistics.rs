//! Sizes and multiply-accumulates.

use crate::{Dim, Graph, Node, Op, ValueType};

/// What one node costs, symbolic dimensions counted as 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeStatistics {
    /// Elements of the node's constant operands.
    pub parameters: u64,
    /// Bytes of the node's constant operands.
    pub parameter_bytes: u64,
    /// Multiply-accumulates.
    pub macs: u64,
}

/// What a graph costs, symbolic dimensions counted as 1; a constant used twice counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Elements of all constants.
    pub parameters: u64,
    /// Bytes of all constants.
    pub parameter_bytes: u64,
    /// Multiply-accumulates of all nodes.
    pub macs: u64,
}

impl Graph {
    /// What the node costs.
    #[must_use]
    pub fn node_statistics(&self, node: &Node) -> NodeStatistics {
        let constants = node.inputs.iter().filter_map(|&id| self.value(id).constant());
        let (parameters, parameter_bytes) = constants.fold((0, 0), |(elements, bytes), tensor| {
            (elements + tensor.len() as u64, bytes + tensor.bytes().len() as u64)
        });
        NodeStatistics { parameters, parameter_bytes, macs: self.macs(node) }
    }

    /// What the graph costs.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let constants = self.values.iter().filter_map(|value| value.constant());
        let (parameters, parameter_bytes) = constants.fold((0, 0), |(elements, bytes), tensor| {
            (elements + tensor.len() as u64, bytes + tensor.bytes().len() as u64)
        });
        Statistics { parameters, parameter_bytes, macs: self.nodes.iter().map(|node| self.macs(node)).sum() }
    }

    /// Products of the node: elements of the result times the depth of one sum.
    fn macs(&self, node: &Node) -> u64 {
        let operand = |index: usize| &self.value(node.inputs[index]).ty;
        let depth = match node.op {
            Op::Conv(_) | Op::Linear(_) => elements(&operand(1).dims()[1..]),
            Op::MatMul => elements(&operand(0).dims()[operand(0).rank() - 1..]),
            _ => 0,
        };
        depth.saturating_mul(count(self.value(node.output).ty()))
    }
}

fn count(ty: &ValueType) -> u64 {
    elements(ty.dims())
}

fn elements(dims: &[Dim]) -> u64 {
    dims.iter().map(|dim| dim.fixed().unwrap_or(1) as u64).fold(1, u64::saturating_mul)
}
