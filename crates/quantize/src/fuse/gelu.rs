//! GELU that is written out: `x * (erf(x / sqrt(2)) + 1) * 0.5`, in any order of the factors.

use std::collections::HashMap;

use fourfold_graph::{Binary, Graph, Node, Op, Unary, ValueId};
use fourfold_tensor::Tensor;

/// The written-out functions of a graph.
pub(super) struct Gelus {
    /// The index of the last node of each, and its operand.
    pub(super) last: HashMap<usize, ValueId>,
    /// For every node whether it is one of the others.
    pub(super) inner: Vec<bool>,
}

impl Gelus {
    pub(super) fn of(graph: &Graph) -> Self {
        let mut found = Self { last: HashMap::new(), inner: vec![false; graph.nodes().len()] };
        for (index, node) in graph.nodes().iter().enumerate() {
            let mut inner = Vec::new();
            if let Some(x) = operand(graph, node, &mut inner) {
                found.last.insert(index, x);
                for id in inner {
                    if let Some(producer) = graph.value(id).producer() {
                        found.inner[producer.index()] = true;
                    }
                }
            }
        }
        found
    }
}

/// The `x` of a product that is a GELU; `inner` gets the values that only the product needs.
fn operand(graph: &Graph, product: &Node, inner: &mut Vec<ValueId>) -> Option<ValueId> {
    let mut factors = operands(product, Binary::Mul)?.to_vec();
    // One of the two is a product again.
    let nested = (0..2).find_map(|place| {
        let node = inside(graph, factors[place])?;
        operands(node, Binary::Mul).map(|operands| (place, operands))
    });
    let (place, of_nested) = nested?;
    inner.push(factors.remove(place));
    factors.extend(of_nested);
    let half = factors.iter().position(|&id| is_number(graph, id, 0.5))?;
    factors.remove(half);
    let [a, b] = factors.try_into().ok()?;
    [(a, b), (b, a)].into_iter().find_map(|(x, sum)| {
        let one_more = inside(graph, sum).filter(|node| matches!(node.op(), Op::Add { .. }))?;
        let erf = with_number(graph, one_more.inputs(), 1.0)?;
        let scaled = inside(graph, erf).filter(|node| *node.op() == Op::Unary(Unary::Erf))?.inputs()[0];
        let scaling = inside(graph, scaled)?;
        let of_scaling = match scaling.op() {
            Op::Binary(Binary::Mul) => with_number(graph, scaling.inputs(), core::f32::consts::FRAC_1_SQRT_2)?,
            Op::Binary(Binary::Div) if is_number(graph, scaling.inputs()[1], core::f32::consts::SQRT_2) => {
                scaling.inputs()[0]
            }
            _ => return None,
        };
        (of_scaling == x).then(|| {
            inner.extend([sum, erf, scaled]);
            x
        })
    })
}

/// The node that makes a value which one node reads and the caller does not get.
fn inside(graph: &Graph, id: ValueId) -> Option<&Node> {
    graph.sole_consumer(id)?;
    graph.value(id).producer().map(|producer| &graph.nodes()[producer.index()])
}

fn operands(node: &Node, function: Binary) -> Option<&[ValueId]> {
    (*node.op() == Op::Binary(function)).then(|| node.inputs())
}

/// The operand beside a number.
fn with_number(graph: &Graph, operands: &[ValueId], number: f32) -> Option<ValueId> {
    let place = operands.iter().position(|&id| is_number(graph, id, number))?;
    operands.get(1 - place).copied()
}

/// Whether a value is a constant within a millionth of `number`.
fn is_number(graph: &Graph, id: ValueId, number: f32) -> bool {
    let elements = graph.value(id).constant().map(Tensor::as_slice::<f32>);
    matches!(elements, Some(Ok([x])) if (x - number).abs() <= 1e-6 * number)
}
