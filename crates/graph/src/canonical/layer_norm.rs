//! Layer normalization that is written as several nodes.
//!
//! ```text
//! d = x - mean(x)      y = d / sqrt(mean(d * d) + epsilon) [* scale] [+ bias]
//! ```
//!
//! over all axes from some axis on. The division may also be a multiplication by the reciprocal.

use fourfold_tensor::Tensor;

use super::matcher::{Matcher, Mean, Sum};
use super::{NamedOp, Operand, Replacement};
use crate::{Binary, Dim, Graph, LayerNorm, Node, Op, Unary, ValueId};

/// The max number of elements of a scale of ones, which is made where the model has no scale.
const MAX_ONES: usize = 1 << 16;

/// Replaces the last node of a layer normalization.
pub(super) fn at(graph: &Graph, index: usize) -> Option<Replacement> {
    let mut matcher = Matcher::of(graph);
    let output = graph.nodes()[index].output();
    let (scaled, bias) = match graph.nodes()[index].op() {
        Op::Add(_) => {
            let terms = matcher.terms(output)?;
            beside_constant(&matcher, terms)?
        }
        _ => (output, None),
    };
    let factors = matcher.made(scaled).filter(|node| *node.op() == Op::Binary(Binary::Mul)).map(operands);
    let scale = factors.and_then(|factors| beside_constant(&matcher, factors));
    let (core, scale) = scale.unwrap_or((scaled, None));
    let Normalized { x, axis, epsilon } = normalized(&mut matcher, core)?;
    let sizes: Vec<usize> = graph.value(x).ty().dims()[axis..].iter().map(Dim::fixed).collect::<Option<_>>()?;
    let scale = match scale {
        Some(scale) => fitted(&matcher, scale, &sizes)?,
        None => {
            let count = sizes.iter().try_fold(1_usize, |count, &size| count.checked_mul(size))?;
            let ones = (count <= MAX_ONES).then(|| Tensor::from_vec(&sizes, vec![1.0_f32; count]))?.ok()?;
            Operand::Constant { tensor: ones, base: format!("{}.scale", graph.nodes()[index].name()) }
        }
    };
    let mut operands = vec![Operand::Value(x), scale];
    if let Some(id) = bias {
        let bias = fitted(&matcher, id, &sizes)?;
        let is_zero = |bias: &Tensor| bias.as_slice::<f32>().is_ok_and(|bias| bias.iter().all(|&number| number == 0.0));
        if !graph.value(id).constant().is_some_and(is_zero) {
            operands.push(bias);
        }
    }
    let is_alike = graph.value(x).ty() == graph.value(output).ty();
    let ops = vec![NamedOp::new(Op::LayerNorm(LayerNorm { axis, epsilon }), index)];
    Some(Replacement { operands, ops, inner: matcher.closed(index).filter(|_| is_alike)? })
}

fn operands(node: &Node) -> [ValueId; 2] {
    [node.inputs()[0], node.inputs()[1]]
}

/// Of two operands the one that is computed, and the other one, which is a constant.
fn beside_constant(matcher: &Matcher<'_>, [a, b]: [ValueId; 2]) -> Option<(ValueId, Option<ValueId>)> {
    match (matcher.constant(a), matcher.constant(b)) {
        (None, Some(_)) => Some((a, Some(b))),
        (Some(_), None) => Some((b, Some(a))),
        _ => None,
    }
}

/// `(x - mean) / sqrt(variance + epsilon)` over all axes from `axis` on.
struct Normalized {
    x: ValueId,
    axis: usize,
    epsilon: f32,
}

/// The normalization without scale and bias whose result is the value.
fn normalized(matcher: &mut Matcher<'_>, id: ValueId) -> Option<Normalized> {
    let node = matcher.made(id)?;
    let [a, b] = operands(Some(node).filter(|node| node.inputs().len() == 2)?);
    let (centred, deviation) = match node.op() {
        Op::Binary(Binary::Div) => (a, b),
        Op::Binary(Binary::Mul) => {
            let divisor = |id: ValueId| {
                let mut matcher = matcher.clone();
                matcher.divisor(id).map(|divisor| (matcher, divisor))
            };
            let (centred, (inside, divisor)) = match (divisor(a), divisor(b)) {
                (_, Some(found)) => (a, found),
                (Some(found), None) => (b, found),
                (None, None) => return None,
            };
            *matcher = inside;
            (centred, divisor)
        }
        _ => return None,
    };
    let sum = matcher.operand_of(deviation, &Op::Unary(Unary::Sqrt))?;
    let Sum { term: variance, number: epsilon } = matcher.sum_with_number(sum)?;
    let Mean { x: square, axes } = matcher.mean(variance)?;
    let [left, right] = operands(matcher.made(square).filter(|node| *node.op() == Op::Binary(Binary::Mul))?);
    let mean = difference(matcher, centred)?;
    let is_same = left == right && (left == centred || difference(matcher, left)? == mean);
    let x = mean.x;
    let rank = matcher.graph.value(x).ty().rank();
    let axis = *axes.first()?;
    let are_last = axes == mean.axes && axes.iter().copied().eq(axis..rank);
    (is_same && are_last && epsilon.is_finite() && epsilon >= 0.0).then_some(Normalized { x, axis, epsilon })
}

/// The mean in `x - mean(x)`.
fn difference(matcher: &mut Matcher<'_>, id: ValueId) -> Option<Mean> {
    let [x, mean] = operands(matcher.made(id).filter(|node| *node.op() == Op::Binary(Binary::Sub))?);
    matcher.mean(mean).filter(|mean| mean.x == x)
}

/// A scale or bias of shape `sizes`, after axes of size 1 in front are removed; `None` if it has another shape.
fn fitted(matcher: &Matcher<'_>, id: ValueId, sizes: &[usize]) -> Option<Operand> {
    let constant = matcher.constant(id)?;
    let before = constant.shape().len().checked_sub(sizes.len())?;
    let (ones, last) = constant.shape().split_at(before);
    match ones.is_empty() {
        _ if last != sizes || ones.iter().any(|&size| size != 1) => None,
        true => Some(Operand::Value(id)),
        false => {
            let base = matcher.graph.value(id).name().to_owned();
            Some(Operand::Constant { tensor: constant.reshape(sizes).ok()?, base })
        }
    }
}
