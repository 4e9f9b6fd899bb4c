//! Neighbouring layers between which scales can be moved.

use fourfold_graph::{Clip, Flatten, Graph, Node, Op, ValueId};

use crate::assign::{check_weight, has_rows};

/// Two layers of which the second alone reads what the first makes.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    /// The index of the first node.
    pub(super) first: usize,
    /// The index of the second node.
    pub(super) second: usize,
    /// The smallest upper bound of the clamps between them, infinite for ReLU.
    pub(super) bound: f32,
    /// How many inputs of the second layer, side by side, are one channel of the first: more than one behind a Flatten.
    pub(super) block: usize,
}

impl Pair {
    /// All pairs, in the order of their second layers.
    pub(super) fn all(graph: &Graph) -> Vec<Self> {
        let search = Search { graph };
        (0..graph.nodes().len()).filter_map(|second| search.pair(second)).collect()
    }

    /// The name of the first layer.
    pub(super) fn name<'g>(&self, graph: &'g Graph) -> &'g str {
        graph.nodes()[self.first].name()
    }
}

struct Search<'g> {
    graph: &'g Graph,
}

impl Search<'_> {
    /// The pair whose second layer this node is.
    fn pair(&self, second: usize) -> Option<Pair> {
        let node = &self.graph.nodes()[second];
        if !self.has_own_constants(node) {
            return None;
        }
        let (mut value, mut between, mut bound) = (node.inputs()[0], Vec::new(), f32::INFINITY);
        let first = loop {
            self.graph.sole_consumer(value)?;
            let maker = self.graph.value(value).producer()?.index();
            let node = &self.graph.nodes()[maker];
            bound = bound.min(upper_bound(node.op())?);
            if has_rows(node.op().kind()) {
                break maker;
            }
            match node.op() {
                Op::Relu | Op::Clip(_) | Op::MaxPool(_) | Op::AveragePool(_) | Op::GlobalAveragePool => {}
                Op::Flatten(Flatten { axis: 1 }) | Op::Identity => {}
                _ => return None,
            }
            between.push(maker);
            value = node.inputs()[0];
        };
        between.reverse();
        let maker = &self.graph.nodes()[first];
        if !self.has_own_constants(maker) {
            return None;
        }
        let block = self.block(maker, &between, node)?;
        Some(Pair { first, second, bound, block })
    }

    /// How many inputs of the second layer are one channel of the first; `None` if they do not lie side by side.
    fn block(&self, first: &Node, between: &[usize], second: &Node) -> Option<usize> {
        let rank = |id: ValueId| self.graph.value(id).ty().rank();
        let mut axis = if matches!(first.op(), Op::Conv(_)) { 1 } else { rank(first.output()) - 1 };
        let mut block = 1_usize;
        for &index in between {
            let node = &self.graph.nodes()[index];
            match node.op() {
                Op::Relu | Op::Clip(_) | Op::Identity => {}
                _ if axis != 1 => return None,
                Op::Flatten(_) => {
                    for dim in &self.graph.value(node.inputs()[0]).ty().dims()[2..] {
                        block = block.checked_mul(dim.fixed()?)?;
                    }
                }
                _ => {}
            }
        }
        if matches!(second.op(), Op::Conv(_)) {
            return (axis == 1 && block == 1).then_some(1);
        }
        axis += 1;
        (axis == rank(second.inputs()[0]) && block > 0).then_some(block)
    }

    /// Whether a node is a layer whose weight and bias are constants that only it reads.
    fn has_own_constants(&self, node: &Node) -> bool {
        let is_own = |&id: &ValueId| {
            let value = self.graph.value(id);
            value.constant().is_some() && value.ty().is_f32() && self.graph.sole_consumer(id).is_some()
        };
        has_rows(node.op().kind()) && check_weight(self.graph, node).is_ok() && node.inputs()[1..].iter().all(is_own)
    }
}

/// The upper bound of an operator's clamp, infinite if there is none; `None` if the lower bound does not commute with a
/// factor.
fn upper_bound(op: &Op) -> Option<f32> {
    let (min, max) = if let Op::Clip(Clip { min, max }) = *op { (min, max) } else { op.activation().bounds() };
    ((min == 0.0 || min == f32::NEG_INFINITY) && max > 0.0).then_some(max)
}
