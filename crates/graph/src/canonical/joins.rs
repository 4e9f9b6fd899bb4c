//! A Concat of Concats along the same axis, and a Concat of a single operand.

use super::{NamedOp, Operand, Replacement};
use crate::{Concat, Graph, MAX_CONCAT, NodeId, Op, ValueId};

/// Replaces a Concat of which an operand is a Concat, or which has only one operand.
pub(super) fn at(graph: &Graph, index: usize) -> Option<Replacement> {
    let node = &graph.nodes()[index];
    let Op::Concat(Concat { axis }) = *node.op() else { return None };
    let (mut operands, mut inner) = (Vec::new(), Vec::new());
    let mut open: Vec<ValueId> = node.inputs().iter().rev().copied().collect();
    while let Some(id) = open.pop() {
        let room = MAX_CONCAT - operands.len() - open.len();
        match joined(graph, id, axis).filter(|(_, operands)| operands.len() <= room) {
            Some((index, operands)) => {
                inner.push(index);
                open.extend(operands.iter().rev());
            }
            None => operands.push(id),
        }
    }
    let is_alone = node.inputs().len() == 1 && graph.value(node.output()).ty() == graph.value(node.inputs()[0]).ty();
    let ops = match (inner.is_empty(), is_alone) {
        (false, _) => vec![NamedOp::new(Op::Concat(Concat { axis }), index)],
        (true, false) => return None,
        // A graph output keeps its name, so it must be the result of a node.
        (true, true) if graph.is_output(node.output()) => vec![NamedOp::new(Op::Identity, index)],
        (true, true) => Vec::new(),
    };
    let operands = operands.into_iter().map(Operand::Value).collect();
    Some(Replacement { operands, ops, inner })
}

/// The index and the operands of the Concat along `axis` whose result is the value, if only one node reads it. A
/// quantized Concat has output parameters of its own, so it stays.
fn joined(graph: &Graph, id: ValueId, axis: usize) -> Option<(usize, &[ValueId])> {
    let NodeId(index) = graph.value(id).producer()?;
    let node = &graph.nodes()[index];
    let is_plain = graph.value(id).ty().params().is_none() && graph.sole_consumer(id).is_some();
    (*node.op() == Op::Concat(Concat { axis }) && is_plain).then(|| (index, node.inputs()))
}
