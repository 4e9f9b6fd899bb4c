//! [`Statistics`]: how many parameters a graph has, and how many multiply-accumulates it costs.
//!
//! Multiply-accumulates are the products that operators sum: those of matrix products, convolutions and recurrent
//! layers. `k` below is the number of elements of a kernel, `d` the number of directions; sizes are those of the
//! operands as [`Op`](crate::Op) lists them.
//!
//! ```text
//! Conv            elements of the result * (in / groups) * k
//! ConvTranspose   elements of the operand * (out / groups) * k
//! Linear          elements of the result * in
//! MatMul          elements of the result * depth
//! Recurrent       steps * batch * d * gates * hidden * (in + hidden)
//! ```
//!
//! All other operators have none: not those that work element by element, normalize, pool, compare or move elements,
//! and not embeddings, whose rows are only looked up.

use crate::{Dim, Graph, Node, ValueType};

/// What one node costs, with 1 for every symbolic size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeStatistics {
    /// Elements of the node's constant operands.
    pub parameters: u64,
    /// Bytes of the node's constant operands.
    pub parameter_bytes: u64,
    /// Multiply-accumulates.
    pub macs: u64,
}

/// What a graph costs, with 1 for every symbolic size; a constant that is read twice counts once.
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
    /// The parameters and multiply-accumulates of one node.
    #[must_use]
    pub fn node_statistics(&self, node: &Node) -> NodeStatistics {
        let constants = node.inputs.iter().filter_map(|&id| self.value(id).constant());
        let (parameters, parameter_bytes) = constants.fold((0, 0), |(elements, bytes), tensor| {
            (elements + tensor.len() as u64, bytes + tensor.bytes().len() as u64)
        });
        NodeStatistics { parameters, parameter_bytes, macs: self.macs(node) }
    }

    /// The parameters and multiply-accumulates of the graph.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let constants = self.values().iter().filter_map(|value| value.constant());
        let (parameters, parameter_bytes) = constants.fold((0, 0), |(elements, bytes), tensor| {
            (elements + tensor.len() as u64, bytes + tensor.bytes().len() as u64)
        });
        let macs = self.nodes().iter().map(|node| self.macs(node)).fold(0, u64::saturating_add);
        Statistics { parameters, parameter_bytes, macs }
    }

    /// The multiply-accumulates of one node.
    fn macs(&self, node: &Node) -> u64 {
        let operands: Vec<&ValueType> = node.inputs.iter().map(|&id| self.value(id).ty()).collect();
        node.op.operator().macs(&operands, self.value(node.output).ty())
    }
}

/// The number of elements of a value.
pub(crate) fn count(ty: &ValueType) -> u64 {
    elements(ty.dims())
}

/// The number of elements of a shape.
pub(crate) fn elements(dims: &[Dim]) -> u64 {
    dims.iter().map(size).fold(1, u64::saturating_mul)
}

/// The size of an axis with 1 for every symbol, and at least 1 if it has symbols.
fn size(dim: &Dim) -> u64 {
    match dim {
        Dim::Fixed(size) => *size as u64,
        other => other.evaluate(|_| Some(1)).map_or(1, |size| size.max(1) as u64),
    }
}

#[cfg(test)]
mod tests {
    use fourfold_tensor::{DType, Tensor};

    use super::*;
    use crate::{
        Cell, Conv, ConvTranspose, Direction, Gather, GraphBuilder, LayerNorm, Op, Recurrent, ValueType, Window,
    };

    fn zeros(shape: &[usize]) -> Tensor {
        Tensor::zeros(DType::F32, shape).expect("small")
    }

    /// The multiply-accumulates of an operator, for inputs and constants of these shapes; the first axis of inputs is
    /// symbolic.
    fn macs(op: Op, inputs: &[&[usize]], constants: &[&[usize]]) -> u64 {
        let mut builder = GraphBuilder::new("test");
        let mut operands = Vec::new();
        for (index, shape) in inputs.iter().enumerate() {
            let mut dims: Vec<Dim> = shape.iter().map(|&size| size.into()).collect();
            dims[0] = Dim::symbol("n");
            operands.push(builder.input(&format!("x{index}"), ValueType::f32(&dims)).expect("valid"));
        }
        for (index, shape) in constants.iter().enumerate() {
            operands.push(builder.constant(&format!("c{index}"), zeros(shape)).expect("valid"));
        }
        let y = builder.node("y", op, &operands).expect("valid");
        builder.output(y);
        let graph = builder.finish().expect("valid");
        let statistics = graph.statistics();
        assert_eq!(statistics.macs, graph.node_statistics(&graph.nodes()[0]).macs);
        let elements = constants.iter().map(|shape| shape.iter().product::<usize>() as u64).sum();
        assert_eq!((statistics.parameters, statistics.parameter_bytes), (elements, 4 * elements));
        statistics.macs
    }

    #[test]
    fn convolutions_multiply_windows() {
        let window = Window::new(&[3, 3]).with_padding(1);
        let conv = |groups| Op::Conv(Conv::new(window.clone(), groups));
        assert_eq!(macs(conv(1), &[&[1, 4, 8, 8]], &[&[6, 4, 3, 3], &[6]]), 6 * 64 * 4 * 9);
        assert_eq!(macs(conv(4), &[&[1, 4, 8, 8]], &[&[4, 1, 3, 3]]), 4 * 64 * 9, "depthwise");
        let transposed = |groups, activation| {
            let window = Window::new(&[2, 2]).with_stride(2);
            Op::ConvTranspose(ConvTranspose { window, output_padding: vec![0, 0], groups, activation })
        };
        // Each of 4 * 25 elements is multiplied by 2 * 2 weights for each of 6 channels, or for the 3 of its group.
        assert_eq!(macs(transposed(1, Default::default()), &[&[1, 4, 5, 5]], &[&[4, 6, 2, 2], &[6]]), 100 * 6 * 4);
        assert_eq!(macs(transposed(2, Default::default()), &[&[1, 4, 5, 5]], &[&[4, 3, 2, 2]]), 100 * 3 * 4);
    }

    #[test]
    fn products_multiply_rows() {
        assert_eq!(macs(Op::Linear(Default::default()), &[&[1, 7, 5]], &[&[3, 5], &[3]]), 7 * 3 * 5);
        assert_eq!(macs(Op::MatMul, &[&[1, 2, 7, 5], &[1, 2, 5, 3]], &[]), 2 * 7 * 3 * 5);
        assert_eq!(macs(Op::MatMul, &[&[1, 7, 5]], &[&[5, 3]]), 7 * 3 * 5);
    }

    #[test]
    fn recurrent_layers_multiply_by_both_weights_in_every_step() {
        for (cell, gates) in
            [(Cell::Lstm, 4), (Cell::Gru, 3), (Cell::GruResetBefore, 3), (Cell::Tanh, 1), (Cell::Relu, 1)]
        {
            for (direction, ways) in [(Direction::Forward, 1), (Direction::Reverse, 1), (Direction::Bidirectional, 2)] {
                let layer = Recurrent { cell, direction, with_cell_state: false, dynamic: None };
                let rows = ways * gates * 6;
                let weights: [&[usize]; 3] = [&[rows, 5], &[rows, 6], &[2, rows]];
                // One step, of a batch of 3.
                let expected = 3 * ways * gates * 6 * (5 + 6);
                assert_eq!(
                    macs(Op::Recurrent(layer), &[&[1, 3, 5]], &weights),
                    expected as u64,
                    "{cell:?} {direction:?}"
                );
            }
        }
    }

    #[test]
    fn what_adds_no_products_has_none() {
        assert_eq!(macs(Op::Relu, &[&[1, 7]], &[]), 0);
        assert_eq!(macs(Op::GlobalAveragePool, &[&[1, 7, 3, 3]], &[]), 0);
        assert_eq!(macs(Op::LayerNorm(LayerNorm { axis: 1, epsilon: 1e-5 }), &[&[1, 7]], &[&[7], &[7]]), 0);
        let mut builder = GraphBuilder::new("embedding");
        let table = builder.constant("table", zeros(&[100, 8])).expect("valid");
        let indices = builder.input("indices", ValueType::plain(DType::I64, &["n".into(), 16.into()])).expect("valid");
        let rows = builder.node("rows", Op::Gather(Gather { axis: 0 }), &[table, indices]).expect("valid");
        // What is computed from symbols counts with every symbol 1: two sequences of 16, of 8 features in 2 heads.
        let heads = builder.reshape("heads", rows, &[-1, 16, 4]).expect("valid");
        let product = builder.linear("product", heads, zeros(&[4, 4]), None).expect("valid");
        builder.output(product);
        let graph = builder.finish().expect("valid");
        let of_nodes: Vec<u64> = graph.nodes().iter().map(|node| graph.node_statistics(node).macs).collect();
        assert_eq!(of_nodes, [0, 0, 2 * 16 * 4 * 4]);
        assert_eq!(graph.statistics().macs, 512);
    }
}
