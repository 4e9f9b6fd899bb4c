//! Means over images whose positions were given another shape before.

use super::{Operand, Replacement, Step};
use crate::{Dim, Graph, NodeId, Op};

/// The mean that ends at a place, if a Reshape of positions alone stands before it: the mean is the same without it.
pub(super) fn at(graph: &Graph, place: usize) -> Option<Replacement> {
    let node = &graph.nodes()[place];
    let reshaped = node.inputs()[0];
    let NodeId(before) = graph.value(reshaped).producer().filter(|_| *node.op() == Op::GlobalAveragePool)?;
    let Op::Reshape { dims } = graph.nodes()[before].op() else { return None };
    let x = graph.nodes()[before].inputs()[0];
    let of_x = graph.value(x).ty().dims();
    let (images, [_, channels, positions @ ..]) = (of_x.get(..2)?, of_x) else { return None };
    // Without elements, batches are not the same because all elements are.
    let is_known = channels.fixed().is_some_and(|size| size > 0) && positions.iter().all(|size| *size != Dim::Fixed(0));
    let is_alone = graph.sole_consumer(reshaped).is_some();
    if !is_alone || !is_known || images != &dims[..2] || !(1..=3).contains(&positions.len()) {
        return None;
    }
    let result = graph.value(node.output()).ty().dims().to_vec();
    let mut ops = vec![Step { op: Op::GlobalAveragePool, node: place, result: before }];
    match result.len() == of_x.len() {
        true => ops[0].result = place,
        false => ops.push(Step { op: Op::Reshape { dims: result }, node: before, result: place }),
    }
    Some(Replacement { operands: vec![Operand::Value(x)], ops, inner: vec![before] })
}
