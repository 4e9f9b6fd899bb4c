//! Concat of what Concat makes along the same axis, and of a single operand.

use super::{Operand, Replacement, Step};
use crate::{Concat, Graph, MAX_CONCAT, NodeId, Op, ValueId};

/// The join that ends at a place, if another one makes one of its operands or it joins nothing.
pub(super) fn at(graph: &Graph, place: usize) -> Option<Replacement> {
    let node = &graph.nodes()[place];
    let Op::Concat(Concat { axis }) = *node.op() else { return None };
    let (mut operands, mut inner) = (Vec::new(), Vec::new());
    let mut open: Vec<ValueId> = node.inputs().iter().rev().copied().collect();
    while let Some(id) = open.pop() {
        let room = MAX_CONCAT - operands.len() - open.len();
        match joined(graph, id, axis).filter(|(_, parts)| parts.len() <= room) {
            Some((place, parts)) => {
                inner.push(place);
                open.extend(parts.iter().rev());
            }
            None => operands.push(id),
        }
    }
    let is_alone = node.inputs().len() == 1 && graph.value(node.output()).ty() == graph.value(node.inputs()[0]).ty();
    let ops = match (inner.is_empty(), is_alone) {
        (false, _) => vec![Step::new(Op::Concat(Concat { axis }), place)],
        (true, false) => return None,
        // A value that the caller gets has a node that makes it.
        (true, true) if graph.is_output(node.output()) => vec![Step::new(Op::Identity, place)],
        (true, true) => Vec::new(),
    };
    let operands = operands.into_iter().map(Operand::Value).collect();
    Some(Replacement { operands, ops, inner })
}

/// The operands of the Concat along an axis that makes a value for one reader. Codes are joined with parameters of
/// their own.
fn joined(graph: &Graph, id: ValueId, axis: usize) -> Option<(usize, &[ValueId])> {
    let NodeId(place) = graph.value(id).producer()?;
    let node = &graph.nodes()[place];
    let is_plain = graph.value(id).ty().params().is_none() && graph.sole_consumer(id).is_some();
    (*node.op() == Op::Concat(Concat { axis }) && is_plain).then(|| (place, node.inputs()))
}
