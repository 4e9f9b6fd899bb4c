//! [`Matcher`], which recognizes a function by following it from its last node back to its operands.

use fourfold_tensor::Tensor;

use crate::{Binary, Clip, Graph, Node, NodeId, Op, Reduce, Reduction, Unary, ValueId};

/// The max number of factors of a product; functions have four.
const FACTORS: usize = 8;

/// A match in progress: a graph, and the nodes that belong to the function.
#[derive(Clone)]
pub(super) struct Matcher<'g> {
    pub(super) graph: &'g Graph,
    /// The indices of the nodes that belong to the function so far.
    pub(super) inner: Vec<usize>,
}

/// `number * factors[0] * factors[1] * ...`.
pub(super) struct Product {
    pub(super) number: f32,
    pub(super) factors: Vec<ValueId>,
}

/// `term + number`.
pub(super) struct Sum {
    pub(super) term: ValueId,
    pub(super) number: f32,
}

/// `min(max(x, min), max)`.
pub(super) struct Clamp {
    pub(super) x: ValueId,
    pub(super) min: f32,
    pub(super) max: f32,
}

/// The mean of `x` over some axes.
#[derive(PartialEq)]
pub(super) struct Mean {
    pub(super) x: ValueId,
    pub(super) axes: Vec<usize>,
}

impl<'g> Matcher<'g> {
    pub(super) fn of(graph: &'g Graph) -> Self {
        Self { graph, inner: Vec::new() }
    }

    /// The node whose result is the value, if the node computes in `f32`. It belongs to the function from now on.
    pub(super) fn made(&mut self, id: ValueId) -> Option<&'g Node> {
        let NodeId(index) = self.graph.value(id).producer()?;
        let node = &self.graph.nodes()[index];
        let is_float = |id: ValueId| self.graph.value(id).ty().is_f32();
        if !is_float(id) || !node.inputs().iter().copied().all(is_float) {
            return None;
        }
        self.inner.push(index);
        Some(node)
    }

    /// `x`, if the value is `op(x)`.
    pub(super) fn operand_of(&mut self, id: ValueId, op: &Op) -> Option<ValueId> {
        let node = self.made(id)?;
        (node.op() == op).then(|| node.inputs()[0])
    }

    /// `x`, if the value is `1 / x`.
    pub(super) fn divisor(&mut self, id: ValueId) -> Option<ValueId> {
        let node = self.made(id)?;
        match *node.op() {
            Op::Unary(Unary::Reciprocal) => Some(node.inputs()[0]),
            Op::Binary(Binary::Div) if self.number(node.inputs()[0]) == Some(1.0) => Some(node.inputs()[1]),
            _ => None,
        }
    }

    /// The clamp that the value is: a Relu, a Clip, or a min or max with a number.
    pub(super) fn clamped(&mut self, id: ValueId) -> Option<Clamp> {
        let node = self.made(id)?;
        let with_number = |x: ValueId, function: Binary, number: f32| match function {
            Binary::Max if !number.is_nan() => Some(Clamp { x, min: number, max: f32::INFINITY }),
            Binary::Min if !number.is_nan() => Some(Clamp { x, min: f32::NEG_INFINITY, max: number }),
            _ => None,
        };
        match (node.op(), node.inputs()) {
            (Op::Relu, &[x]) => Some(Clamp { x, min: 0.0, max: f32::INFINITY }),
            (&Op::Clip(Clip { min, max }), &[x]) => Some(Clamp { x, min, max }),
            (&Op::Binary(function), &[a, b]) => match (self.number(a), self.number(b)) {
                (None, Some(number)) => with_number(a, function, number),
                (Some(number), None) => with_number(b, function, number),
                _ => None,
            },
            _ => None,
        }
    }

    /// `a` and `b`, if the value is `a + b` without a clamp.
    pub(super) fn terms(&mut self, id: ValueId) -> Option<[ValueId; 2]> {
        let node = self.made(id)?;
        let is_sum = matches!(node.op(), Op::Add(_)) && node.op().activation() == crate::Activation::None;
        is_sum.then(|| [node.inputs()[0], node.inputs()[1]])
    }

    /// The sum with a number that the value is.
    pub(super) fn sum_with_number(&mut self, id: ValueId) -> Option<Sum> {
        let [a, b] = self.terms(id)?;
        match (self.number(a), self.number(b)) {
            (None, Some(number)) => Some(Sum { term: a, number }),
            (Some(number), None) => Some(Sum { term: b, number }),
            _ => None,
        }
    }

    /// `x`, if the value is `x + number`, with a number that is near.
    pub(super) fn plus(&mut self, id: ValueId, number: f32) -> Option<ValueId> {
        self.sum_with_number(id).filter(|sum| is_near(sum.number, number)).map(|sum| sum.term)
    }

    /// The value as a product: all constant numbers multiplied, and the other factors. A product that other nodes read
    /// too is one factor.
    pub(super) fn product(&mut self, id: ValueId) -> Product {
        let (mut product, mut open) = (Product { number: 1.0, factors: Vec::new() }, vec![id]);
        while let Some(factor) = open.pop() {
            let is_only_here = factor == id || self.graph.sole_consumer(factor).is_some();
            let room = product.factors.len() + open.len() + 2 <= FACTORS;
            let producer = self.graph.value(factor).producer().filter(|_| is_only_here && room);
            let node = producer.map(|NodeId(index)| (index, &self.graph.nodes()[index]));
            let Some((index, node)) = node.filter(|_| self.graph.value(factor).ty().is_f32()) else {
                product.factors.push(factor);
                continue;
            };
            let numbers = |operand: usize| node.inputs().get(operand).and_then(|&id| self.number(id));
            match node.op() {
                Op::Binary(Binary::Mul) => {
                    product.number *= numbers(0).unwrap_or(1.0) * numbers(1).unwrap_or(1.0);
                    // `open` is a stack: the first factor is taken apart first.
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
            self.inner.push(index);
        }
        product
    }

    /// The element of a constant of one float.
    pub(super) fn number(&self, id: ValueId) -> Option<f32> {
        match self.graph.value(id).constant()?.as_slice::<f32>() {
            Ok(&[number]) => Some(number),
            _ => None,
        }
    }

    /// The mean that the value is, over axes that stay with size 1.
    pub(super) fn mean(&mut self, id: ValueId) -> Option<Mean> {
        let node = self.made(id)?;
        let axes = match node.op() {
            Op::Reduce(Reduce { reduction: Reduction::Mean, axes, keep: true }) => axes.clone(),
            Op::GlobalAveragePool => (2..self.graph.value(id).ty().rank()).collect(),
            _ => return None,
        };
        Some(Mean { x: node.inputs()[0], axes })
    }

    /// The elements of a constant of floats.
    pub(super) fn constant(&self, id: ValueId) -> Option<&'g Tensor> {
        self.graph.value(id).constant().filter(|constant| constant.as_slice::<f32>().is_ok())
    }

    /// The nodes of the function without the last, if no other nodes read their results; else `None`.
    pub(super) fn closed(mut self, last: usize) -> Option<Vec<usize>> {
        self.inner.retain(|&index| index != last);
        self.inner.sort_unstable();
        self.inner.dedup();
        let graph = self.graph;
        let is_read_inside = |&index: &usize| {
            let output = graph.nodes()[index].output();
            let is_inside = |NodeId(reader): &NodeId| *reader == last || self.inner.binary_search(reader).is_ok();
            !graph.is_output(output) && graph.data.readers.nodes(output).iter().all(is_inside)
        };
        self.inner.iter().all(is_read_inside).then(|| self.inner.clone())
    }
}

/// Whether two numbers are equal up to a relative error of 1e-6.
pub(super) fn is_near(a: f32, b: f32) -> bool {
    (a - b).abs() <= 1e-6 * b.abs()
}
