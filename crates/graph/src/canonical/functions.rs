//! Functions that are written out in steps.
//!
//! ```text
//! GELU            x * 0.5 * (1 + erf(x / sqrt(2)))                              in any order of the factors
//! GELU, tanh      x * 0.5 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))
//! SiLU            x * sigmoid(x)
//! HardSigmoid     clip(x + b, 0, c) / c,  clip(a * x + b, 0, 1)
//! HardSwish       x * hard_sigmoid(x) with a = 1/6, b = 1/2
//! Reciprocal      1 / x
//! Clip, Relu      max(x, a), min(x, b), and one of the other
//! ```

use core::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};
use std::collections::HashMap;

use super::steps::{Steps, is_near};
use super::{Operand, Replacement, Step, joins, layer_norm, neighbours};
use crate::{Clip, Graph, Op, Unary, ValueId};

/// A sixth, the slope of the hard sigmoid that PyTorch has.
const SLOPE: f32 = 1.0 / 6.0;

/// The most clamps that become one.
const CLAMPS: usize = 16;

/// The functions that are written out, by the places of their last nodes.
pub(super) fn in_steps(graph: &Graph) -> HashMap<usize, Replacement> {
    let (mut found, mut is_taken) = (HashMap::new(), vec![false; graph.nodes().len()]);
    // The end of a function comes first, so that a part of it that is one, too, is not taken for the whole.
    for place in (0..graph.nodes().len()).rev() {
        if is_taken[place] {
            continue;
        }
        let Some(replacement) = SEARCHES.iter().find_map(|function| function(graph, place)) else { continue };
        if replacement.inner.iter().all(|&inner| !is_taken[inner]) {
            replacement.inner.iter().for_each(|&inner| is_taken[inner] = true);
            found.insert(place, replacement);
        }
    }
    found
}

/// Looks for a function that ends at a place.
type Search = fn(&Graph, usize) -> Option<Replacement>;

const SEARCHES: [Search; 11] = [
    gelu,
    gelu_tanh,
    gated,
    hard_sigmoid,
    clamp,
    reciprocal,
    layer_norm::at,
    joins::at,
    neighbours::mean,
    neighbours::reduction,
    neighbours::padded_convolution,
];

/// One function of `x` in the place of steps; numbers among them may have given the result more axes.
fn whole(steps: Steps<'_>, place: usize, function: Unary, x: ValueId) -> Option<Replacement> {
    let output = steps.graph.nodes()[place].output();
    let is_alike = steps.graph.value(x).ty() == steps.graph.value(output).ty();
    let ops = vec![Step::new(Op::Unary(function), place)];
    Some(Replacement { operands: vec![Operand::Value(x)], ops, inner: steps.closed(place).filter(|_| is_alike)? })
}

/// The product of `x`, a number and one other factor that ends at a place, for both orders of the two.
fn two_factors(graph: &Graph, place: usize) -> Vec<(Steps<'_>, f32, [ValueId; 2])> {
    let mut steps = Steps::of(graph);
    let product = steps.product(graph.nodes()[place].output());
    match *product.factors.as_slice() {
        [a, b] => [[a, b], [b, a]].map(|order| (steps.clone(), product.number, order)).to_vec(),
        _ => Vec::new(),
    }
}

fn gelu(graph: &Graph, place: usize) -> Option<Replacement> {
    two_factors(graph, place).into_iter().find_map(|(mut steps, number, [x, sum])| {
        let erf = steps.plus(sum, 1.0).filter(|_| is_near(number, 0.5))?;
        let scaled = steps.operand_of(erf, &Op::Unary(Unary::Erf))?;
        let product = steps.product(scaled);
        let fits = product.factors == [x] && is_near(product.number, FRAC_1_SQRT_2);
        if fits { whole(steps, place, Unary::Gelu, x) } else { None }
    })
}

fn gelu_tanh(graph: &Graph, place: usize) -> Option<Replacement> {
    two_factors(graph, place).into_iter().find_map(|(mut steps, number, [x, sum])| {
        let tanh = steps.plus(sum, 1.0).filter(|_| is_near(number, 0.5))?;
        let inside = steps.operand_of(tanh, &Op::Unary(Unary::Tanh))?;
        let product = steps.product(inside);
        // sqrt(2 / pi)
        if !is_near(product.number, FRAC_2_SQRT_PI * FRAC_1_SQRT_2) {
            return None;
        }
        let (polynomial, power) = match *product.factors.as_slice() {
            // x + 0.044715 * x^3
            [sum] => (steps.terms(sum)?, 3),
            // x * (1 + 0.044715 * x^2)
            [a, b] => ([x, steps.plus(if a == x { b } else { a }, 1.0)?], 2),
            _ => return None,
        };
        let has_x = power == 3 || product.factors.contains(&x);
        let term = if polynomial[0] == x { polynomial[1] } else { polynomial[0] };
        let cubic = steps.product(term);
        let fits = is_near(cubic.number, 0.044_715) && cubic.factors == vec![x; power];
        if fits && has_x && polynomial.contains(&x) { whole(steps, place, Unary::GeluTanh, x) } else { None }
    })
}

/// A sigmoid, soft or hard.
enum Gate {
    Sigmoid,
    Hard { alpha: f32, beta: f32 },
}

/// The sigmoid that `number` times a value is, and what it is one of.
fn gate(steps: &mut Steps<'_>, value: ValueId, number: f32) -> Option<(ValueId, Gate)> {
    let node = steps.made(value)?;
    match *node.op() {
        Op::Unary(Unary::Sigmoid) if number == 1.0 => Some((node.inputs()[0], Gate::Sigmoid)),
        Op::Unary(Unary::HardSigmoid { alpha, beta }) if number == 1.0 => {
            Some((node.inputs()[0], Gate::Hard { alpha, beta }))
        }
        Op::Clip(Clip { min: 0.0, max }) if is_near(number * max, 1.0) => {
            let (term, offset) = steps.sum_with_number(node.inputs()[0])?;
            let product = steps.product(term);
            let [x] = *product.factors.as_slice() else { return None };
            Some((x, Gate::Hard { alpha: number * product.number, beta: number * offset }))
        }
        _ => None,
    }
}

/// `x` times a sigmoid of `x`.
fn gated(graph: &Graph, place: usize) -> Option<Replacement> {
    two_factors(graph, place).into_iter().find_map(|(mut steps, number, [x, value])| {
        let (of, gate) = gate(&mut steps, value, number)?;
        let function = match gate {
            Gate::Sigmoid => Unary::Silu,
            Gate::Hard { alpha, beta } if is_near(alpha, SLOPE) && is_near(beta, 0.5) => Unary::HardSwish,
            Gate::Hard { .. } => return None,
        };
        if of == x { whole(steps, place, function, x) } else { None }
    })
}

fn hard_sigmoid(graph: &Graph, place: usize) -> Option<Replacement> {
    let mut steps = Steps::of(graph);
    let product = steps.product(graph.nodes()[place].output());
    let [value] = *product.factors.as_slice() else { return None };
    match gate(&mut steps, value, product.number)? {
        // A slope of 1 is a clamp.
        (x, Gate::Hard { alpha, beta }) if alpha != 1.0 && steps.inner.len() > 1 => {
            whole(steps, place, Unary::HardSigmoid { alpha, beta }, x)
        }
        _ => None,
    }
}

fn reciprocal(graph: &Graph, place: usize) -> Option<Replacement> {
    let mut steps = Steps::of(graph);
    let x = steps.divisor(graph.nodes()[place].output())?;
    whole(steps, place, Unary::Reciprocal, x)
}

/// Clamps within each other, of whatever form.
fn clamp(graph: &Graph, place: usize) -> Option<Replacement> {
    let mut steps = Steps::of(graph);
    let (mut x, mut bounds) = (graph.nodes()[place].output(), (f32::NEG_INFINITY, f32::INFINITY));
    for inner in 0..CLAMPS {
        // What others read, too, is not clamped again.
        let next = if inner == 0 || graph.sole_consumer(x).is_some() { steps.clamped(x) } else { None };
        let Some((of, (min, max))) = next else {
            steps.inner.truncate(inner);
            break;
        };
        bounds = (min.max(bounds.0).min(bounds.1), max.min(bounds.1).max(bounds.0));
        x = of;
    }
    let op = match bounds {
        (0.0, f32::INFINITY) => Op::Relu,
        (min, max) => Op::Clip(Clip { min, max }),
    };
    let output = graph.nodes()[place].output();
    let is_new = !steps.inner.is_empty() && *graph.nodes()[place].op() != op;
    let is_alike = graph.value(x).ty() == graph.value(output).ty();
    let ops = vec![Step::new(op, place)];
    let inner = steps.closed(place).filter(|inner| is_alike && (is_new || !inner.is_empty()))?;
    Some(Replacement { operands: vec![Operand::Value(x)], ops, inner })
}
