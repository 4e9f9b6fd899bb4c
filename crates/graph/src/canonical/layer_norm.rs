//! Layer normalization that is written out in steps.
//!
//! ```text
//! d = x - mean(x)      y = d / sqrt(mean(d * d) + epsilon) [* scale] [+ bias]
//! ```
//!
//! over all axes from some axis on; the quotient may be a product with the reciprocal.

use fourfold_tensor::Tensor;

use super::steps::Steps;
use super::{Operand, Replacement, Step};
use crate::{Binary, Dim, Graph, LayerNorm, Node, Op, Unary, ValueId};

/// The most numbers that are normalized together if there is no scale, which has to be made.
const MOST: usize = 1 << 16;

/// The normalization that ends at a place.
pub(super) fn at(graph: &Graph, place: usize) -> Option<Replacement> {
    let mut steps = Steps::of(graph);
    let output = graph.nodes()[place].output();
    let (scaled, bias) = match graph.nodes()[place].op() {
        Op::Add(_) => {
            let terms = steps.terms(output)?;
            beside_constant(&steps, terms)?
        }
        _ => (output, None),
    };
    let factors = steps.made(scaled).filter(|node| *node.op() == Op::Binary(Binary::Mul)).map(operands);
    let scale = factors.and_then(|factors| beside_constant(&steps, factors));
    let (core, scale) = scale.unwrap_or((scaled, None));
    let (x, axis, epsilon) = normalized(&mut steps, core)?;
    let sizes: Vec<usize> = graph.value(x).ty().dims()[axis..].iter().map(Dim::fixed).collect::<Option<_>>()?;
    let scale = match scale {
        Some(scale) => fitted(&steps, scale, &sizes)?,
        None => {
            let count = sizes.iter().try_fold(1_usize, |count, &size| count.checked_mul(size))?;
            let ones = (count <= MOST).then(|| Tensor::from_vec(&sizes, vec![1.0_f32; count]))?.ok()?;
            Operand::Constant(ones, format!("{}.scale", graph.nodes()[place].name()))
        }
    };
    let mut operands = vec![Operand::Value(x), scale];
    if let Some(id) = bias {
        let bias = fitted(&steps, id, &sizes)?;
        let is_zero = |bias: &Tensor| bias.as_slice::<f32>().is_ok_and(|bias| bias.iter().all(|&number| number == 0.0));
        if !graph.value(id).constant().is_some_and(is_zero) {
            operands.push(bias);
        }
    }
    let is_alike = graph.value(x).ty() == graph.value(output).ty();
    let ops = vec![Step::new(Op::LayerNorm(LayerNorm { axis, epsilon }), place)];
    Some(Replacement { operands, ops, inner: steps.closed(place).filter(|_| is_alike)? })
}

fn operands(node: &Node) -> [ValueId; 2] {
    [node.inputs()[0], node.inputs()[1]]
}

/// The operand that is computed, and the constant beside it.
fn beside_constant(steps: &Steps<'_>, [a, b]: [ValueId; 2]) -> Option<(ValueId, Option<ValueId>)> {
    match (steps.constant(a), steps.constant(b)) {
        (None, Some(_)) => Some((a, Some(b))),
        (Some(_), None) => Some((b, Some(a))),
        _ => None,
    }
}

/// `x`, the first axis and `epsilon` of `(x - mean) / sqrt(variance + epsilon)`.
fn normalized(steps: &mut Steps<'_>, id: ValueId) -> Option<(ValueId, usize, f32)> {
    let node = steps.made(id)?;
    let [a, b] = operands(Some(node).filter(|node| node.inputs().len() == 2)?);
    let (centred, deviation) = match node.op() {
        Op::Binary(Binary::Div) => (a, b),
        Op::Binary(Binary::Mul) => {
            let divisor = |id: ValueId| {
                let mut steps = steps.clone();
                steps.divisor(id).map(|divisor| (steps, divisor))
            };
            let (centred, (inside, divisor)) = match (divisor(a), divisor(b)) {
                (_, Some(found)) => (a, found),
                (Some(found), None) => (b, found),
                (None, None) => return None,
            };
            *steps = inside;
            (centred, divisor)
        }
        _ => return None,
    };
    let sum = steps.operand_of(deviation, &Op::Unary(Unary::Sqrt))?;
    let (variance, epsilon) = steps.sum_with_number(sum)?;
    let (square, axes) = steps.mean(variance)?;
    let [left, right] = operands(steps.made(square).filter(|node| *node.op() == Op::Binary(Binary::Mul))?);
    let (x, of_mean) = difference(steps, centred)?;
    let is_same = left == right && (left == centred || difference(steps, left)? == (x, of_mean.clone()));
    let rank = steps.graph.value(x).ty().rank();
    let first = *axes.first()?;
    let are_last = axes == of_mean && axes.iter().copied().eq(first..rank);
    (is_same && are_last && epsilon.is_finite() && epsilon >= 0.0).then_some((x, first, epsilon))
}

/// `x` and the axes of `x - mean(x)`.
fn difference(steps: &mut Steps<'_>, id: ValueId) -> Option<(ValueId, Vec<usize>)> {
    let [x, mean] = operands(steps.made(id).filter(|node| *node.op() == Op::Binary(Binary::Sub))?);
    steps.mean(mean).filter(|&(of, _)| of == x)
}

/// A constant that has the last axes of what it is multiplied with or added to, and others of size 1 before them.
fn fitted(steps: &Steps<'_>, id: ValueId, sizes: &[usize]) -> Option<Operand> {
    let constant = steps.constant(id)?;
    let before = constant.shape().len().checked_sub(sizes.len())?;
    let (ones, last) = constant.shape().split_at(before);
    match ones.is_empty() {
        _ if last != sizes || ones.iter().any(|&size| size != 1) => None,
        true => Some(Operand::Value(id)),
        false => {
            let name = steps.graph.value(id).name().to_owned();
            Some(Operand::Constant(constant.reshape(sizes).ok()?, name))
        }
    }
}
