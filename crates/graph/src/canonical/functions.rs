//! Functions that are written as several nodes.
//!
//! ```text
//! GELU            x * 0.5 * (1 + erf(x / sqrt(2)))                              factors in any order
//! GELU, tanh      x * 0.5 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))
//! SiLU            x * sigmoid(x)
//! HardSigmoid     clip(x + b, 0, c) / c,  clip(a * x + b, 0, 1)
//! HardSwish       x * hard_sigmoid(x) with a = 1/6, b = 1/2
//! Reciprocal      1 / x
//! Clip, Relu      max(x, a), min(x, b), and compositions of them
//! ```

use core::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};
use std::collections::HashMap;

use super::matcher::{Matcher, is_near};
use super::{NamedOp, Operand, Replacement, joins, layer_norm, neighbours};
use crate::{Clip, Graph, Op, Unary, ValueId};

/// The slope of PyTorch's hard sigmoid.
const SLOPE: f32 = 1.0 / 6.0;

/// The max number of clamps that become one.
const CLAMPS: usize = 16;

/// The functions that are found, by the indices of their last nodes.
pub(super) fn replacements(graph: &Graph) -> HashMap<usize, Replacement> {
    let (mut found, mut is_taken) = (HashMap::new(), vec![false; graph.nodes().len()]);
    // From the last node to the first, so that a function is found before a smaller one inside it.
    for index in (0..graph.nodes().len()).rev() {
        if is_taken[index] {
            continue;
        }
        let Some(replacement) = SEARCHES.iter().find_map(|function| function(graph, index)) else { continue };
        if replacement.inner.iter().all(|&inner| !is_taken[inner]) {
            replacement.inner.iter().for_each(|&inner| is_taken[inner] = true);
            found.insert(index, replacement);
        }
    }
    found
}

/// Looks for a function whose last node has the given index.
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

/// Replaces the nodes of a match by one function of `x`; `None` if broadcasting gave the result another type.
fn whole(matcher: Matcher<'_>, index: usize, function: Unary, x: ValueId) -> Option<Replacement> {
    let output = matcher.graph.nodes()[index].output();
    let is_alike = matcher.graph.value(x).ty() == matcher.graph.value(output).ty();
    let ops = vec![NamedOp::new(Op::Unary(function), index)];
    Some(Replacement { operands: vec![Operand::Value(x)], ops, inner: matcher.closed(index).filter(|_| is_alike)? })
}

/// `number * factors[0] * factors[1]`, and the match so far.
struct TwoFactors<'g> {
    matcher: Matcher<'g>,
    number: f32,
    factors: [ValueId; 2],
}

/// The product of a number and two factors that a node computes, with the factors in both orders.
fn two_factors(graph: &Graph, index: usize) -> Vec<TwoFactors<'_>> {
    let mut matcher = Matcher::of(graph);
    let product = matcher.product(graph.nodes()[index].output());
    match *product.factors.as_slice() {
        [a, b] => {
            let number = product.number;
            [[a, b], [b, a]].map(|factors| TwoFactors { matcher: matcher.clone(), number, factors }).into()
        }
        _ => Vec::new(),
    }
}

fn gelu(graph: &Graph, index: usize) -> Option<Replacement> {
    two_factors(graph, index).into_iter().find_map(|TwoFactors { mut matcher, number, factors: [x, sum] }| {
        let erf = matcher.plus(sum, 1.0).filter(|_| is_near(number, 0.5))?;
        let scaled = matcher.operand_of(erf, &Op::Unary(Unary::Erf))?;
        let product = matcher.product(scaled);
        let fits = product.factors == [x] && is_near(product.number, FRAC_1_SQRT_2);
        if fits { whole(matcher, index, Unary::Gelu, x) } else { None }
    })
}

fn gelu_tanh(graph: &Graph, index: usize) -> Option<Replacement> {
    two_factors(graph, index).into_iter().find_map(|TwoFactors { mut matcher, number, factors: [x, sum] }| {
        let tanh = matcher.plus(sum, 1.0).filter(|_| is_near(number, 0.5))?;
        let inside = matcher.operand_of(tanh, &Op::Unary(Unary::Tanh))?;
        let product = matcher.product(inside);
        // sqrt(2 / pi)
        if !is_near(product.number, FRAC_2_SQRT_PI * FRAC_1_SQRT_2) {
            return None;
        }
        let (polynomial, power) = match *product.factors.as_slice() {
            // x + 0.044715 * x^3
            [sum] => (matcher.terms(sum)?, 3),
            // x * (1 + 0.044715 * x^2)
            [a, b] => ([x, matcher.plus(if a == x { b } else { a }, 1.0)?], 2),
            _ => return None,
        };
        let has_x = power == 3 || product.factors.contains(&x);
        let term = if polynomial[0] == x { polynomial[1] } else { polynomial[0] };
        let cubic = matcher.product(term);
        let fits = is_near(cubic.number, 0.044_715) && cubic.factors == vec![x; power];
        if fits && has_x && polynomial.contains(&x) { whole(matcher, index, Unary::GeluTanh, x) } else { None }
    })
}

/// A sigmoid of `x`.
struct Gate {
    x: ValueId,
    sigmoid: Sigmoid,
}

enum Sigmoid {
    /// `1 / (1 + e^-x)`.
    Soft,
    /// `clamp(alpha * x + beta, 0, 1)`.
    Hard { alpha: f32, beta: f32 },
}

/// The sigmoid that `number * value` is.
fn gate(matcher: &mut Matcher<'_>, value: ValueId, number: f32) -> Option<Gate> {
    let node = matcher.made(value)?;
    match *node.op() {
        Op::Unary(Unary::Sigmoid) if number == 1.0 => Some(Gate { x: node.inputs()[0], sigmoid: Sigmoid::Soft }),
        Op::Unary(Unary::HardSigmoid { alpha, beta }) if number == 1.0 => {
            Some(Gate { x: node.inputs()[0], sigmoid: Sigmoid::Hard { alpha, beta } })
        }
        Op::Clip(Clip { min: 0.0, max }) if is_near(number * max, 1.0) => {
            let sum = matcher.sum_with_number(node.inputs()[0])?;
            let product = matcher.product(sum.term);
            let [x] = *product.factors.as_slice() else { return None };
            let (alpha, beta) = (number * product.number, number * sum.number);
            Some(Gate { x, sigmoid: Sigmoid::Hard { alpha, beta } })
        }
        _ => None,
    }
}

/// SiLU and HardSwish: `x` times a sigmoid of `x`.
fn gated(graph: &Graph, index: usize) -> Option<Replacement> {
    two_factors(graph, index).into_iter().find_map(|TwoFactors { mut matcher, number, factors: [x, value] }| {
        let gate = gate(&mut matcher, value, number)?;
        let function = match gate.sigmoid {
            Sigmoid::Soft => Unary::Silu,
            Sigmoid::Hard { alpha, beta } if is_near(alpha, SLOPE) && is_near(beta, 0.5) => Unary::HardSwish,
            Sigmoid::Hard { .. } => return None,
        };
        if gate.x == x { whole(matcher, index, function, x) } else { None }
    })
}

fn hard_sigmoid(graph: &Graph, index: usize) -> Option<Replacement> {
    let mut matcher = Matcher::of(graph);
    let product = matcher.product(graph.nodes()[index].output());
    let [value] = *product.factors.as_slice() else { return None };
    match gate(&mut matcher, value, product.number)? {
        // A slope of 1 is a clamp.
        Gate { x, sigmoid: Sigmoid::Hard { alpha, beta } } if alpha != 1.0 && matcher.inner.len() > 1 => {
            whole(matcher, index, Unary::HardSigmoid { alpha, beta }, x)
        }
        _ => None,
    }
}

fn reciprocal(graph: &Graph, index: usize) -> Option<Replacement> {
    let mut matcher = Matcher::of(graph);
    let x = matcher.divisor(graph.nodes()[index].output())?;
    whole(matcher, index, Unary::Reciprocal, x)
}

/// Clamps of clamps, in any form, as one.
fn clamp(graph: &Graph, index: usize) -> Option<Replacement> {
    let mut matcher = Matcher::of(graph);
    let (mut x, mut bounds) = (graph.nodes()[index].output(), (f32::NEG_INFINITY, f32::INFINITY));
    for inner in 0..CLAMPS {
        // A clamp that other nodes read too stays a node of its own.
        let next = if inner == 0 || graph.sole_consumer(x).is_some() { matcher.clamped(x) } else { None };
        let Some(clamp) = next else {
            matcher.inner.truncate(inner);
            break;
        };
        bounds = (clamp.min.max(bounds.0).min(bounds.1), clamp.max.min(bounds.1).max(bounds.0));
        x = clamp.x;
    }
    let op = match bounds {
        (0.0, f32::INFINITY) => Op::Relu,
        (min, max) => Op::Clip(Clip { min, max }),
    };
    let output = graph.nodes()[index].output();
    let is_new = !matcher.inner.is_empty() && *graph.nodes()[index].op() != op;
    let is_alike = graph.value(x).ty() == graph.value(output).ty();
    let ops = vec![NamedOp::new(op, index)];
    let inner = matcher.closed(index).filter(|inner| is_alike && (is_new || !inner.is_empty()))?;
    Some(Replacement { operands: vec![Operand::Value(x)], ops, inner })
}
