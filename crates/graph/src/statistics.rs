//! Sizes and multiply-accumulates.
//!
//! Multiply-accumulates are the products that operators add up: those of matrices, convolutions and recurrent layers. `k` below is the
//! kernel's number of elements, `d` the number of directions; sizes are those of the operands as [`Op`] lists them.
//!
//! ```text
//! Conv            elements of the result * (in / groups) * k
//! ConvTranspose   elements of the operand * (out / groups) * k
//! Linear          elements of the result * in
//! MatMul          elements of the result * depth
//! Recurrent       steps * batch * d * gates * hidden * (in + hidden)
//! ```
//!
//! Operators that work element by element, normalize, pool, compare or move elements have none, and neither has a table of embeddings,
//! whose rows are only chosen.

use crate::{Dim, Graph, Node, Op, ValueType};

/// What one node costs, symbols counted as 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeStatistics {
    /// Elements of the node's constant operands.
    pub parameters: u64,
    /// Bytes of the node's constant operands.
    pub parameter_bytes: u64,
    /// Multiply-accumulates.
    pub macs: u64,
}

/// What a graph costs, symbols counted as 1; a constant used twice counts once.
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
        let macs = self.nodes.iter().map(|node| self.macs(node)).fold(0, u64::saturating_add);
        Statistics { parameters, parameter_bytes, macs }
    }

    /// Products of the node that are added up.
    fn macs(&self, node: &Node) -> u64 {
        let operand = |index: usize| &self.value(node.inputs[index]).ty;
        let (sums, depth) = match &node.op {
            Op::Conv(_) | Op::Linear(_) => (self.value(node.output).ty(), elements(&operand(1).dims()[1..])),
            Op::MatMul => (self.value(node.output).ty(), elements(&operand(0).dims()[operand(0).rank() - 1..])),
            // Every element of the operand is multiplied by the weights of its channel.
            Op::ConvTranspose(_) => (operand(0), elements(&operand(1).dims()[1..])),
            Op::Recurrent(_) => {
                let runs = elements(&operand(0).dims()[..2]);
                return runs.saturating_mul(count(operand(1)).saturating_add(count(operand(2))));
            }
            _ => return 0,
        };
        depth.saturating_mul(count(sums))
    }
}

fn count(ty: &ValueType) -> u64 {
    elements(ty.dims())
}

fn elements(dims: &[Dim]) -> u64 {
    dims.iter().map(size).fold(1, u64::saturating_mul)
}

/// The size of an axis where every symbol is 1; a size that would be nothing then is 1 too.
fn size(dim: &Dim) -> u64 {
    match dim {
        Dim::Fixed(size) => *size as u64,
        other => other.evaluate(|_| Some(1)).map_or(1, |size| size.max(1) as u64),
    }
}
