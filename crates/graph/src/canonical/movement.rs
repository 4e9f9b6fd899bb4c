//! Chains of operators that move elements.
//!
//! Such a chain cuts axes into parts, brings the parts into another order and joins them. Parts and order are followed through the chain, of
//! whatever operators it consists; the shortest chain that does the same takes its place:
//!
//! ```text
//! nothing    Reshape or Flatten    Transpose    Reshape, Transpose    Transpose, Reshape    Reshape, Transpose, Reshape
//! ```
//!
//! Axes of size 1 are no parts: moving them moves nothing.

use std::collections::{HashMap, VecDeque};

use super::{Operand, Replacement};
use crate::{Dim, Graph, NodeId, Op, Polynomial};

/// The chains that have a shorter form, or another one of the same length, by the places of their last nodes.
pub(super) fn chains(graph: &Graph) -> HashMap<usize, Replacement> {
    let (mut found, mut is_taken) = (HashMap::new(), vec![false; graph.nodes().len()]);
    for last in (0..graph.nodes().len()).rev() {
        if is_taken[last] || !is_movement(graph.nodes()[last].op()) {
            continue;
        }
        let mut chain = VecDeque::from([last]);
        let mut first = last;
        while let Some(before) = before(graph, first) {
            chain.push_front(before);
            first = before;
        }
        chain.iter().for_each(|&place| is_taken[place] = true);
        cut(graph, chain.make_contiguous(), &mut found);
    }
    found
}

fn is_movement(op: &Op) -> bool {
    matches!(op, Op::Reshape { .. } | Op::Flatten { .. } | Op::Transpose { .. } | Op::Identity)
}

/// The place of the node that moves the elements which the one at `place` alone moves on.
fn before(graph: &Graph, place: usize) -> Option<usize> {
    let x = graph.nodes()[place].inputs()[0];
    let NodeId(before) = graph.value(x).producer()?;
    (is_movement(graph.nodes()[before].op()) && graph.sole_consumer(x).is_some()).then_some(before)
}

/// Replaces a chain, in pieces where its parts cannot be followed through all of it.
fn cut(graph: &Graph, mut chain: &[usize], found: &mut HashMap<usize, Replacement>) {
    while !chain.is_empty() {
        let dims = |place: usize| graph.value(graph.nodes()[place].output()).ty().dims();
        let x = graph.nodes()[chain[0]].inputs()[0];
        let from = graph.value(x).ty().dims();
        let (mut parts, mut length) = (Parts::of(from), 0);
        for &place in chain {
            let moved = parts.as_ref().and_then(|parts| parts.moved(graph.nodes()[place].op(), dims(place)));
            if moved.is_none() {
                break;
            }
            (parts, length) = (moved, length + 1);
        }
        let (piece, rest) = chain.split_at(length.max(1));
        chain = rest;
        let (Some(parts), Some(&last)) = (parts.filter(|_| length > 0), piece.last()) else { continue };
        let old: Vec<&Op> = piece.iter().map(|&place| graph.nodes()[place].op()).collect();
        let Some(ops) = parts.chain(from, dims(last)).filter(|ops| ops.len() <= old.len()) else { continue };
        if ops.iter().eq(old) || result(&ops, from).as_deref() != Some(dims(last)) {
            continue;
        }
        let names = &piece[piece.len() - ops.len()..];
        let ops = ops.into_iter().zip(names.iter().copied()).collect();
        let inner = piece[..piece.len() - 1].to_vec();
        found.insert(last, Replacement { operands: vec![Operand::Value(x)], ops, inner });
    }
}

/// The shape of what a chain makes of a value.
fn result(ops: &[Op], x: &[Dim]) -> Option<Vec<Dim>> {
    ops.iter().try_fold(x.to_vec(), |x, op| crate::infer::moved(op, &x))
}

/// The parts of the axes of a value, and where they are now.
#[derive(Clone, Debug)]
struct Parts {
    /// The size of each part, and the axis of the value that it is one of.
    sizes: Vec<(Polynomial, usize)>,
    /// The parts in their first order.
    source: Vec<usize>,
    /// The parts that each axis has now.
    axes: Vec<Vec<usize>>,
}

impl Parts {
    /// One part for each axis, `None` if an axis is empty.
    fn of(dims: &[Dim]) -> Option<Self> {
        let mut parts = Self { sizes: Vec::new(), source: Vec::new(), axes: Vec::new() };
        for (axis, dim) in dims.iter().enumerate() {
            let part = match dim {
                Dim::Fixed(0) => return None,
                Dim::Fixed(1) => Vec::new(),
                dim => {
                    parts.sizes.push((dim.polynomial()?, axis));
                    vec![parts.sizes.len() - 1]
                }
            };
            parts.axes.push(part);
        }
        parts.source = (0..parts.sizes.len()).collect();
        Some(parts)
    }

    /// Where the parts are after an operator with a result of that shape.
    fn moved(&self, op: &Op, dims: &[Dim]) -> Option<Self> {
        match op {
            Op::Identity => Some(self.clone()),
            Op::Transpose { axes } => {
                let axes = axes.iter().map(|&axis| self.axes.get(axis).cloned()).collect::<Option<_>>()?;
                Some(Self { axes, ..self.clone() })
            }
            _ => self.clone().reshaped(dims),
        }
    }

    /// The axes filled with parts, in order; one that does not fit an axis is cut.
    fn reshaped(mut self, dims: &[Dim]) -> Option<Self> {
        let one = Polynomial::constant(1);
        let mut parts: VecDeque<usize> = self.axes.concat().into();
        self.axes = Vec::new();
        for dim in dims {
            let (mut missing, mut axis) = (dim.polynomial()?, Vec::new());
            while missing != one {
                let part = parts.pop_front()?;
                let size = self.sizes[part].0.clone();
                if let Some(rest) = missing.div(&size) {
                    missing = rest;
                } else {
                    let rest = size.div(&missing)?;
                    self.sizes.push((rest, self.sizes[part].1));
                    self.sizes[part].0 = missing;
                    let new = self.sizes.len() - 1;
                    let place = self.source.iter().position(|&known| known == part)?;
                    self.source.insert(place + 1, new);
                    parts.push_front(new);
                    missing = one.clone();
                }
                axis.push(part);
            }
            self.axes.push(axis);
        }
        parts.is_empty().then_some(self)
    }

    /// The shortest chain from `x` to `y` that moves the parts to where they are.
    fn chain(&self, x: &[Dim], y: &[Dim]) -> Option<Vec<Op>> {
        let target = self.axes.concat();
        let of_x = |axis: usize| self.source.iter().copied().filter(|&part| self.sizes[part].1 == axis).collect();
        let x_axes: Vec<Vec<usize>> = (0..x.len()).map(of_x).collect();
        if target == self.source {
            return Some(vec![in_shape(y, x)]);
        }
        let whole = self.axes.iter().filter(|axis| !axis.is_empty()).all(|axis| x_axes.contains(axis));
        if whole && x.len() == y.len() {
            let mut ones = (0..x.len()).filter(|&axis| x_axes[axis].is_empty());
            let place = |axis: &Vec<usize>| match axis.is_empty() {
                true => ones.next(),
                false => x_axes.iter().position(|known| known == axis),
            };
            return Some(vec![Op::Transpose { axes: self.axes.iter().map(place).collect::<Option<_>>()? }]);
        }
        if self.axes.iter().all(|axis| is_run(axis, &self.source)) {
            let order = order(&self.axes, &self.source);
            let between: Vec<Dim> = order.iter().map(|&axis| y[axis].clone()).collect();
            let axes = (0..y.len()).map(|axis| order.iter().position(|&from| from == axis)).collect::<Option<_>>()?;
            return Some(vec![in_shape(&between, x), Op::Transpose { axes }]);
        }
        if x_axes.iter().all(|axis| is_run(axis, &target)) {
            let axes = order(&x_axes, &target);
            let between: Vec<Dim> = axes.iter().map(|&axis| x[axis].clone()).collect();
            return Some(vec![Op::Transpose { axes }, in_shape(y, &between)]);
        }
        // Neighbours that stay neighbours move together.
        let mut runs: Vec<Vec<usize>> = Vec::new();
        for &part in &self.source {
            match runs.last_mut() {
                Some(run) if is_run(&[run.as_slice(), &[part]].concat(), &target) => run.push(part),
                _ => runs.push(vec![part]),
            }
        }
        let size = |run: &Vec<usize>| {
            let one = Polynomial::constant(1);
            Dim::computed(run.iter().try_fold(one, |product, &part| product.mul(&self.sizes[part].0))?)
        };
        let cut: Vec<Dim> = runs.iter().map(size).collect::<Option<_>>()?;
        let axes = order(&runs, &target);
        let between: Vec<Dim> = axes.iter().map(|&axis| cut[axis].clone()).collect();
        Some(vec![in_shape(&cut, x), Op::Transpose { axes }, in_shape(y, &between)])
    }
}

/// Whether parts stand side by side in a list.
fn is_run(parts: &[usize], list: &[usize]) -> bool {
    let Some(first) = parts.first() else { return true };
    let place = list.iter().position(|part| part == first);
    place.is_some_and(|place| list[place..].starts_with(parts))
}

/// The axes by the places of their parts in a list; of those without parts, the ones at the beginning stay there, the others come last.
fn order(axes: &[Vec<usize>], list: &[usize]) -> Vec<usize> {
    let leading = axes.iter().take_while(|axis| axis.is_empty()).count();
    let place = |axis: usize| match axes[axis].first() {
        None if axis < leading => 0,
        None => list.len() + 1,
        Some(first) => 1 + list.iter().position(|part| part == first).unwrap_or(list.len()),
    };
    let mut order: Vec<usize> = (0..axes.len()).collect();
    order.sort_by_key(|&axis| place(axis));
    order
}

/// What gives elements of shape `x` the shape `dims`, of as many: nothing if it is theirs, Flatten if all axes but the first become one.
fn in_shape(dims: &[Dim], x: &[Dim]) -> Op {
    let product = |axes: &[Dim]| {
        let one = Polynomial::constant(1);
        Dim::computed(axes.iter().try_fold(one, |product, dim| product.mul(&dim.polynomial()?))?)
    };
    match (dims, x) {
        (same, x) if same == x => Op::Identity,
        ([first, rest], [batch, axes @ ..])
            if axes.len() > 1 && first == batch && product(axes).as_ref() == Some(rest) =>
        {
            Op::Flatten { axis: 1 }
        }
        _ => Op::Reshape { dims: dims.to_vec() },
    }
}
