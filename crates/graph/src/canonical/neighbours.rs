//! Operators that one of their neighbours makes simpler.

use super::{Operand, Replacement, Step};
use crate::{Conv, Dim, Graph, Limits, Node, NodeId, Op, Pad, PadMode, Reduce, Reshape, ValueId};

/// The node that makes the first operand of another, and nothing but that.
fn before<'g>(graph: &'g Graph, node: &Node) -> Option<(usize, &'g Node)> {
    let x = node.inputs()[0];
    graph.sole_consumer(x)?;
    let NodeId(place) = graph.value(x).producer()?;
    Some((place, &graph.nodes()[place]))
}

fn dims(graph: &Graph, id: ValueId) -> &[Dim] {
    graph.value(id).ty().dims()
}

/// A mean over an image whose positions alone had another shape before: the mean is the same without that.
pub(super) fn mean(graph: &Graph, place: usize) -> Option<Replacement> {
    let node = &graph.nodes()[place];
    let (before, reshape) = before(graph, node).filter(|_| *node.op() == Op::GlobalAveragePool)?;
    let Op::Reshape(Reshape { dims: reshaped }) = reshape.op() else { return None };
    let x = reshape.inputs()[0];
    let [batch, channels, positions @ ..] = dims(graph, x) else { return None };
    // Where all sizes but one are known and not 0, so is that one; batches of other sizes may have as many elements.
    let is_known = channels.fixed().is_some_and(|size| size > 0) && positions.iter().all(|size| *size != Dim::Fixed(0));
    if !is_known || reshaped[..2] != [batch.clone(), channels.clone()] || !(1..=3).contains(&positions.len()) {
        return None;
    }
    let result = dims(graph, node.output()).to_vec();
    let ops = match result.len() == positions.len() + 2 {
        true => vec![Step::new(Op::GlobalAveragePool, place)],
        false => vec![
            Step { op: Op::GlobalAveragePool, node: place, result: before },
            Step { op: Op::Reshape(Reshape { dims: result }), node: before, result: place },
        ],
    };
    Some(Replacement { operands: vec![Operand::Value(x)], ops, inner: vec![before] })
}

/// A reduction whose axes are put back, or taken away, by a Reshape behind it.
pub(super) fn reduction(graph: &Graph, place: usize) -> Option<Replacement> {
    let node = &graph.nodes()[place];
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
    let ops = vec![Step { op, node: before, result: place }];
    (other == *reshaped).then(|| Replacement { operands: vec![Operand::Value(x)], ops, inner: vec![before] })
}

/// A convolution of what zeros were put around, which are its padding.
pub(super) fn padded_convolution(graph: &Graph, place: usize) -> Option<Replacement> {
    let node = &graph.nodes()[place];
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
    Some(Replacement { operands, ops: vec![Step::new(op, place)], inner: vec![before] })
}
