//! Pairs of neighbouring operators that have a simpler form.

use super::{NamedOp, Operand, Replacement};
use crate::{Conv, Dim, Graph, Limits, Node, NodeId, Op, Pad, PadMode, Reduce, Reshape, ValueId};

/// The index of the node that makes the first operand of another, and the node, if no other node reads its result.
fn before<'g>(graph: &'g Graph, node: &Node) -> Option<(usize, &'g Node)> {
    let x = node.inputs()[0];
    graph.sole_consumer(x)?;
    let NodeId(index) = graph.value(x).producer()?;
    Some((index, &graph.nodes()[index]))
}

fn dims(graph: &Graph, id: ValueId) -> &[Dim] {
    graph.value(id).ty().dims()
}

/// A GlobalAveragePool behind a Reshape of the spatial axes, which the mean does not need.
pub(super) fn mean(graph: &Graph, index: usize) -> Option<Replacement> {
    let node = &graph.nodes()[index];
    let (before, reshape) = before(graph, node).filter(|_| *node.op() == Op::GlobalAveragePool)?;
    let Op::Reshape(Reshape { dims: reshaped }) = reshape.op() else { return None };
    let x = reshape.inputs()[0];
    let [batch, channels, positions @ ..] = dims(graph, x) else { return None };
    // The Reshape keeps the number of elements, so the spatial sizes have the same product before and after it, unless
    // a size is 0.
    let is_known = channels.fixed().is_some_and(|size| size > 0) && positions.iter().all(|size| *size != Dim::Fixed(0));
    if !is_known || reshaped[..2] != [batch.clone(), channels.clone()] || !(1..=3).contains(&positions.len()) {
        return None;
    }
    let result = dims(graph, node.output()).to_vec();
    let ops = match result.len() == positions.len() + 2 {
        true => vec![NamedOp::new(Op::GlobalAveragePool, index)],
        false => vec![
            NamedOp { op: Op::GlobalAveragePool, node: index, result: before },
            NamedOp { op: Op::Reshape(Reshape { dims: result }), node: before, result: index },
        ],
    };
    Some(Replacement { operands: vec![Operand::Value(x)], ops, inner: vec![before] })
}

/// A Reshape behind a reduction that only puts its axes back or takes them away.
pub(super) fn reduction(graph: &Graph, index: usize) -> Option<Replacement> {
    let node = &graph.nodes()[index];
    let Op::Reshape(Reshape { dims: reshaped }) = node.op() else { return None };
    let (before, reduce) = before(graph, node)?;
    let &Op::Reduce(Reduce { reduction, ref axes, keep }) = reduce.op() else { return None };
    let x = reduce.inputs()[0];
    let size = |(axis, dim): (usize, &Dim)| match (axes.contains(&axis), keep) {
        (false, _) => Some(dim.clone()),
        (true, true) => None,
        (true, false) => Some(Dim::Fixed(1)),
    };
    let other: Vec<Dim> = dims(graph, x).iter().enumerate().filter_map(size).collect();
    let op = Op::Reduce(Reduce { reduction, axes: axes.clone(), keep: !keep });
    let ops = vec![NamedOp { op, node: before, result: index }];
    (other == *reshaped).then(|| Replacement { operands: vec![Operand::Value(x)], ops, inner: vec![before] })
}

/// A convolution behind a Pad with zeros, which becomes the convolution's padding.
pub(super) fn padded_convolution(graph: &Graph, index: usize) -> Option<Replacement> {
    let node = &graph.nodes()[index];
    let Op::Conv(conv) = node.op() else { return None };
    let (before, pad) = before(graph, node)?;
    let Op::Pad(Pad { begin, end, mode: PadMode::Constant(0.0) }) = pad.op() else { return None };
    let x = pad.inputs()[0];
    let is_around = begin[..2].iter().chain(&end[..2]).all(|&count| count == 0);
    if !is_around || !graph.value(x).ty().is_f32() {
        return None;
    }
    let mut window = conv.window.clone();
    let sides = [(&mut window.pad_begin, begin), (&mut window.pad_end, end)];
    for (pads, more) in sides {
        for (pad, more) in pads.iter_mut().zip(&more[2..]) {
            *pad = pad.checked_add(*more).filter(|&sum| sum as u64 <= Limits::default().window)?;
        }
    }
    let op = Op::Conv(Conv { window, ..conv.clone() });
    let operands = [x].iter().chain(&node.inputs()[1..]).map(|&id| Operand::Value(id)).collect();
    Some(Replacement { operands, ops: vec![NamedOp::new(op, index)], inner: vec![before] })
}
