//! Where int8 pays: which values a product reads, directly or through other operators.
//!
//! A sum or a join costs no more in float than on quantized values. It earns its Quantize nodes where a convolution, a
//! linear layer or a matrix product reads what comes of it. Where the reader is a softmax, a normalization or the
//! caller, int8 only costs accuracy: the scores of attention plus a mask of -1e9 need one scale for both, and so do the
//! boxes and the scores of a detector in one output.

use fourfold_graph::{Graph, Node, OpKind, OutputParams};

use super::{activations, is_weighted};

/// For every value: whether a product that may run in int8 reads it, directly or through operators that can take
/// quantized values. `is_allowed` says which nodes are not excluded.
pub(super) fn demand(graph: &Graph, is_allowed: impl Fn(&Node) -> bool) -> Vec<bool> {
    let mut demanded = vec![false; graph.values().len()];
    for node in graph.nodes().iter().rev() {
        let kind = node.op().kind();
        let demands = match kind {
            // The caller asked for int8 up to here.
            OpKind::DeQuantStub => true,
            OpKind::MatMul => is_allowed(node),
            _ if is_weighted(kind) => is_allowed(node),
            _ if kind.output_params() == OutputParams::Float => false,
            _ => demanded[node.output().index()] && is_allowed(node),
        };
        if demands {
            activations(node).for_each(|id| demanded[id.index()] = true);
        }
    }
    demanded
}
