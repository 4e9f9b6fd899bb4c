//! Looking at the steps before a value.

use fourfold_tensor::Tensor;

use crate::{Binary, Clip, Graph, Node, NodeId, Op, Reduce, Reduction, Unary, ValueId};

/// The most factors of a product; functions have four.
const FACTORS: usize = 8;

/// A graph, and the nodes that were looked at on the way to a function.
#[derive(Clone)]
pub(super) struct Steps<'g> {
    pub(super) graph: &'g Graph,
    /// The places of the nodes that belong to the function.
    pub(super) inner: Vec<usize>,
}

/// `number * factors`.
pub(super) struct Product {
    pub(super) number: f32,
    pub(super) factors: Vec<ValueId>,
}

impl<'g> Steps<'g> {
    pub(super) fn of(graph: &'g Graph) -> Self {
        Self { graph, inner: Vec::new() }
    }

    /// The node that makes a value of real numbers; it belongs to the function from now on.
    pub(super) fn made(&mut self, id: ValueId) -> Option<&'g Node> {
        let NodeId(place) = self.graph.value(id).producer()?;
        let node = &self.graph.nodes()[place];
        let is_real = |id: ValueId| self.graph.value(id).ty().is_f32();
        if !is_real(id) || !node.inputs().iter().copied().all(is_real) {
            return None;
        }
        self.inner.push(place);
        Some(node)
    }

    /// The operand of the operator that makes a value.
    pub(super) fn operand_of(&mut self, id: ValueId, op: &Op) -> Option<ValueId> {
        let node = self.made(id)?;
        (node.op() == op).then(|| node.inputs()[0])
    }

    /// The operand of the reciprocal, or quotient of 1, that makes a value.
    pub(super) fn divisor(&mut self, id: ValueId) -> Option<ValueId> {
        let node = self.made(id)?;
        match *node.op() {
            Op::Unary(Unary::Reciprocal) => Some(node.inputs()[0]),
            Op::Binary(Binary::Div) if self.number(node.inputs()[0]) == Some(1.0) => Some(node.inputs()[1]),
            _ => None,
        }
    }

    /// The operand and the bounds of the clamp that makes a value.
    pub(super) fn clamped(&mut self, id: ValueId) -> Option<(ValueId, (f32, f32))> {
        let node = self.made(id)?;
        let of_number = |function: Binary, number: f32| match function {
            Binary::Max if !number.is_nan() => Some((number, f32::INFINITY)),
            Binary::Min if !number.is_nan() => Some((f32::NEG_INFINITY, number)),
            _ => None,
        };
        match (node.op(), node.inputs()) {
            (Op::Relu, &[x]) => Some((x, (0.0, f32::INFINITY))),
            (&Op::Clip(Clip { min, max }), &[x]) => Some((x, (min, max))),
            (&Op::Binary(function), &[a, b]) => match (self.number(a), self.number(b)) {
                (None, Some(number)) => Some((a, of_number(function, number)?)),
                (Some(number), None) => Some((b, of_number(function, number)?)),
                _ => None,
            },
            _ => None,
        }
    }

    /// The operands of a sum without a clamp that makes a value.
    pub(super) fn terms(&mut self, id: ValueId) -> Option<[ValueId; 2]> {
        let node = self.made(id)?;
        let is_sum = matches!(node.op(), Op::Add(_)) && node.op().activation() == crate::Activation::None;
        is_sum.then(|| [node.inputs()[0], node.inputs()[1]])
    }

    /// The operand and the number of a sum with one number.
    pub(super) fn sum_with_number(&mut self, id: ValueId) -> Option<(ValueId, f32)> {
        let [a, b] = self.terms(id)?;
        match (self.number(a), self.number(b)) {
            (None, Some(number)) => Some((a, number)),
            (Some(number), None) => Some((b, number)),
            _ => None,
        }
    }

    /// Whether a value is the sum of a number, within a millionth, and one other, which is returned.
    pub(super) fn plus(&mut self, id: ValueId, number: f32) -> Option<ValueId> {
        self.sum_with_number(id).filter(|&(_, found)| is_near(found, number)).map(|(other, _)| other)
    }

    /// A value as a product of numbers and factors that are none; a product that others read, too, is a factor.
    pub(super) fn product(&mut self, id: ValueId) -> Product {
        let (mut product, mut open) = (Product { number: 1.0, factors: Vec::new() }, vec![id]);
        while let Some(factor) = open.pop() {
            let is_only_here = factor == id || self.graph.sole_consumer(factor).is_some();
            let room = product.factors.len() + open.len() + 2 <= FACTORS;
            let producer = self.graph.value(factor).producer().filter(|_| is_only_here && room);
            let node = producer.map(|NodeId(place)| (place, &self.graph.nodes()[place]));
            let Some((place, node)) = node.filter(|_| self.graph.value(factor).ty().is_f32()) else {
                product.factors.push(factor);
                continue;
            };
            let numbers = |operand: usize| node.inputs().get(operand).and_then(|&id| self.number(id));
            match node.op() {
                Op::Binary(Binary::Mul) => {
                    product.number *= numbers(0).unwrap_or(1.0) * numbers(1).unwrap_or(1.0);
                    // The first factor is looked at first.
                    open.extend([1, 0].into_iter().filter(|&at| numbers(at).is_none()).map(|at| node.inputs()[at]));
                }
                Op::Binary(Binary::Div) if numbers(1).is_some() => {
                    product.number /= numbers(1).unwrap_or(1.0);
                    open.push(node.inputs()[0]);
                }
                _ => {
                    product.factors.push(factor);
                    continue;
                }
            }
            self.inner.push(place);
        }
        product
    }

    /// The only element of a constant of real numbers.
    pub(super) fn number(&self, id: ValueId) -> Option<f32> {
        match self.graph.value(id).constant()?.as_slice::<f32>() {
            Ok(&[number]) => Some(number),
            _ => None,
        }
    }

    /// What a value is the mean of, and over which axes; they stay, with size 1.
    pub(super) fn mean(&mut self, id: ValueId) -> Option<(ValueId, Vec<usize>)> {
        let node = self.made(id)?;
        let axes = match node.op() {
            Op::Reduce(Reduce { reduction: Reduction::Mean, axes, keep: true }) => axes.clone(),
            Op::GlobalAveragePool => (2..self.graph.value(id).ty().rank()).collect(),
            _ => return None,
        };
        Some((node.inputs()[0], axes))
    }

    /// The constant real numbers that a value is.
    pub(super) fn constant(&self, id: ValueId) -> Option<&'g Tensor> {
        self.graph.value(id).constant().filter(|constant| constant.as_slice::<f32>().is_ok())
    }

    /// The nodes but the one at the end, if nothing but them reads what they make; `None` if something else does.
    pub(super) fn closed(mut self, last: usize) -> Option<Vec<usize>> {
        self.inner.retain(|&place| place != last);
        self.inner.sort_unstable();
        self.inner.dedup();
        let graph = self.graph;
        let is_read_inside = |&place: &usize| {
            let output = graph.nodes()[place].output();
            let is_inside = |NodeId(reader): &NodeId| *reader == last || self.inner.binary_search(reader).is_ok();
            !graph.is_output(output) && graph.parts.readers.nodes(output).iter().all(is_inside)
        };
        self.inner.iter().all(is_read_inside).then(|| self.inner.clone())
    }
}

/// Whether two numbers are the same within a millionth.
pub(super) fn is_near(a: f32, b: f32) -> bool {
    (a - b).abs() <= 1e-6 * b.abs()
}
