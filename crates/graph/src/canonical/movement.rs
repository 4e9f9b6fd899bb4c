//! Chains of operators that move elements.
//!
//! Such a chain cuts axes into parts, brings the parts into another order and joins them. Parts and order are followed
//! through the chain, of whatever operators it consists; the shortest chain that does the same takes its place:
//!
//! ```text
//! nothing             Reshape or Flatten    Transpose
//! Reshape, Transpose  Transpose, Reshape    Reshape, Transpose, Reshape
//! ```
//!
//! Axes of size 1 are no parts: moving them moves nothing.

use std::collections::{HashMap, VecDeque};

use fourfold_tensor::Tensor;

use super::{Operand, Replacement, Step};
use crate::{Dim, Flatten, Gather, Graph, Node, NodeId, Op, Polynomial, Reshape, Slice, Transpose, ValueId};

/// The chains that have a shorter form, or another one of the same length, by the places of their last nodes.
pub(super) fn chains(graph: &Graph) -> HashMap<usize, Replacement> {
    let (mut found, mut is_taken) = (HashMap::new(), vec![false; graph.nodes().len()]);
    let mut ascending = HashMap::new();
    let moves: Vec<bool> = graph.nodes().iter().map(|node| is_movement(graph, node, &mut ascending)).collect();
    // The place of the node that moves the elements which another alone moves on.
    let before = |place: usize| {
        let x = graph.nodes()[place].inputs()[0];
        let NodeId(before) = graph.value(x).producer()?;
        (moves[before] && graph.sole_consumer(x).is_some()).then_some(before)
    };
    for last in (0..graph.nodes().len()).rev() {
        if is_taken[last] || !moves[last] {
            continue;
        }
        let mut chain = VecDeque::from([last]);
        let mut first = last;
        while let Some(before) = before(first) {
            chain.push_front(before);
            first = before;
        }
        chain.iter().for_each(|&place| is_taken[place] = true);
        cut(graph, chain.make_contiguous(), &mut found);
    }
    found
}

/// Whether a node only moves elements: a Gather does if it takes all of an axis that is alone, in order, others if no
/// size changes.
fn is_movement(graph: &Graph, node: &Node, ascending: &mut HashMap<ValueId, bool>) -> bool {
    match node.op() {
        Op::Reshape(_) | Op::Flatten(_) | Op::Transpose(_) | Op::Identity => true,
        Op::Expand(_) | Op::Slice(Slice { step: 1, .. }) | Op::Pad(_) => {
            graph.value(node.inputs()[0]).ty().dims() == graph.value(node.output()).ty().dims()
        }
        Op::Gather(Gather { axis: 0 }) => {
            let (x, indices) = (graph.value(node.inputs()[0]).ty(), node.inputs()[1]);
            let Some(numbers) = graph.value(indices).constant().map(Tensor::as_slice::<i64>) else { return false };
            let numbers = numbers.unwrap_or_default();
            // A table of codes with a scale for each row is dequantized on the way.
            let has_rows = x.params().is_some_and(|params| params.as_per_tensor().is_none());
            let is_whole = x.rank() == 1 && x.dims()[0] == Dim::Fixed(numbers.len()) && !has_rows;
            let is_ascending = || (0..).zip(numbers).all(|(place, &number): (i64, _)| place == number);
            is_whole && *ascending.entry(indices).or_insert_with(is_ascending)
        }
        _ => false,
    }
}

/// Replaces a chain, in pieces where its parts cannot be followed through all of it.
fn cut(graph: &Graph, mut chain: &[usize], found: &mut HashMap<usize, Replacement>) {
    let dims = |place: usize| graph.value(graph.nodes()[place].output()).ty().dims();
    while !chain.is_empty() {
        let x = graph.nodes()[chain[0]].inputs()[0];
        let from = graph.value(x).ty().dims();
        let (mut parts, mut length) = (Parts::of(from), 0);
        for &place in chain {
            let node = &graph.nodes()[place];
            let before = graph.value(node.inputs()[0]).ty().dims();
            let moved = parts.as_ref().and_then(|parts| parts.moved(node.op(), before));
            if moved.is_none() {
                break;
            }
            (parts, length) = (moved, length + 1);
        }
        let (piece, rest) = chain.split_at(length.max(1));
        chain = rest;
        let (Some(parts), Some(&last)) = (parts.filter(|_| length > 0), piece.last()) else { continue };
        let old: Vec<&Op> = piece.iter().map(|&place| graph.nodes()[place].op()).collect();
        let Some(mut ops) = parts.chain(from, dims(last)).filter(|ops| ops.len() <= old.len()) else { continue };
        // A value that the caller gets has a node that makes it.
        ops.retain(|op| *op != Op::Identity || graph.is_output(graph.nodes()[last].output()));
        let is_nothing = old.iter().all(|op| **op == Op::Identity);
        if is_nothing || ops.iter().eq(old) || result(&ops, from).as_deref() != Some(dims(last)) {
            continue;
        }
        let names = &piece[piece.len() - ops.len()..];
        let ops = ops.into_iter().zip(names).map(|(op, &place)| Step::new(op, place)).collect();
        let inner = piece[..piece.len() - 1].to_vec();
        found.insert(last, Replacement { operands: vec![Operand::Value(x)], ops, inner });
    }
}

/// The shape of what a chain makes of a value.
fn result(ops: &[Op], x: &[Dim]) -> Option<Vec<Dim>> {
    ops.iter().try_fold(x.to_vec(), |x, op| match op {
        Op::Reshape(reshape) => reshape.shape(&x).ok(),
        Op::Flatten(flatten) => flatten.shape(&x).ok(),
        Op::Transpose(transpose) => transpose.shape(&x).ok(),
        Op::Identity => Some(x),
        _ => None,
    })
}

/// The parts of a value, in the order in which they were and in the one in which they are now.
#[derive(Clone, Debug)]
struct Parts {
    sizes: Vec<Polynomial>,
    /// First the parts as they were, then as they are.
    orders: [Vec<usize>; 2],
}

/// The first order of parts.
const WAS: usize = 0;

/// The last order of parts.
const IS: usize = 1;

impl Parts {
    /// One part for each axis, `None` if an axis is empty.
    fn of(dims: &[Dim]) -> Option<Self> {
        let sizes: Vec<Polynomial> = dims.iter().map(Dim::polynomial).collect::<Option<_>>()?;
        let known = |number: i64| move |size: &&Polynomial| size.as_constant() == Some(number);
        if sizes.iter().any(|size| known(0)(&size)) {
            return None;
        }
        let sizes: Vec<Polynomial> = sizes.iter().filter(|size| !known(1)(size)).cloned().collect();
        let order: Vec<usize> = (0..sizes.len()).collect();
        Some(Self { sizes, orders: [order.clone(), order] })
    }

    /// The parts after an operator on a value of that shape. Another shape moves nothing.
    fn moved(&self, op: &Op, dims: &[Dim]) -> Option<Self> {
        let mut parts = self.clone();
        if let Op::Transpose(Transpose { axes }) = op {
            let filled = parts.filled(IS, dims)?;
            parts.orders[IS] = axes.iter().flat_map(|&axis| filled[axis].clone()).collect();
        }
        Some(parts)
    }

    /// The parts of each axis of a shape in one of the orders. A part that does not fit an axis is cut, or joined with
    /// the next one if that is its neighbour in both orders.
    fn filled(&mut self, order: usize, dims: &[Dim]) -> Option<Vec<Vec<usize>>> {
        let one = Polynomial::constant(1);
        let (mut place, mut axes) = (0, Vec::with_capacity(dims.len()));
        for dim in dims {
            let (mut missing, mut axis) = (dim.polynomial()?, Vec::new());
            while missing != one {
                let part = *self.orders[order].get(place)?;
                let size = self.sizes[part].clone();
                if let Some(rest) = missing.div(&size) {
                    missing = rest;
                } else if let Some(rest) = size.div(&missing) {
                    self.cut(part, missing, rest);
                    missing = one.clone();
                } else {
                    self.join(part, order)?;
                    continue;
                }
                place += 1;
                axis.push(part);
            }
            axes.push(axis);
        }
        (place == self.orders[order].len()).then_some(axes)
    }

    /// Cuts a part in two.
    fn cut(&mut self, part: usize, size: Polynomial, rest: Polynomial) {
        self.sizes[part] = size;
        self.sizes.push(rest);
        let new = self.sizes.len() - 1;
        for order in &mut self.orders {
            let place = order.iter().position(|&known| known == part).map_or(order.len(), |place| place + 1);
            order.insert(place, new);
        }
    }

    /// Joins a part with the next one of an order, `None` if that is not its neighbour in the other order.
    fn join(&mut self, part: usize, order: usize) -> Option<()> {
        let after = |order: &[usize]| {
            let place = order.iter().position(|&known| known == part)?;
            order.get(place + 1).copied()
        };
        let next = after(&self.orders[order]).filter(|&next| after(&self.orders[1 - order]) == Some(next))?;
        self.sizes[part] = self.sizes[part].mul(&self.sizes[next])?;
        self.orders.iter_mut().for_each(|order| order.retain(|&known| known != next));
        Some(())
    }

    /// The shortest chain from `x` to `y` that moves the parts to where they are.
    fn chain(mut self, x: &[Dim], y: &[Dim]) -> Option<Vec<Op>> {
        // Neighbours that stay neighbours move together.
        for part in self.orders[WAS].clone() {
            while self.orders[WAS].contains(&part) && self.join(part, WAS).is_some() {}
        }
        if self.orders[WAS] == self.orders[IS] {
            return Some(vec![in_shape(y, x)]);
        }
        if let Some(axes) = self.clone().exchange(x, y) {
            return Some(vec![Op::Transpose(Transpose { axes })]);
        }
        let mut of_y = self.clone();
        if let Some(filled) = of_y.filled(IS, y)
            && filled.iter().all(|axis| is_run(axis, &of_y.orders[WAS]))
        {
            let order = order(&filled, &of_y.orders[WAS]);
            let between: Vec<Dim> = order.iter().map(|&axis| y[axis].clone()).collect();
            let axes = (0..y.len()).map(|axis| order.iter().position(|&from| from == axis)).collect::<Option<_>>()?;
            return Some(vec![in_shape(&between, x), Op::Transpose(Transpose { axes })]);
        }
        let mut of_x = self.clone();
        if let Some(filled) = of_x.filled(WAS, x)
            && filled.iter().all(|axis| is_run(axis, &of_x.orders[IS]))
        {
            let axes = order(&filled, &of_x.orders[IS]);
            let between: Vec<Dim> = axes.iter().map(|&axis| x[axis].clone()).collect();
            return Some(vec![Op::Transpose(Transpose { axes }), in_shape(y, &between)]);
        }
        let [was, is] = &self.orders;
        let cut: Vec<Dim> = was.iter().map(|&part| Dim::computed(self.sizes[part].clone())).collect::<Option<_>>()?;
        let axes: Vec<usize> = is.iter().map(|part| was.iter().position(|from| from == part)).collect::<Option<_>>()?;
        let between: Vec<Dim> = axes.iter().map(|&axis| cut[axis].clone()).collect();
        Some(vec![in_shape(&cut, x), Op::Transpose(Transpose { axes }), in_shape(y, &between)])
    }

    /// The order in which the axes of `x` are those of `y`, if they are the same.
    fn exchange(mut self, x: &[Dim], y: &[Dim]) -> Option<Vec<usize>> {
        self.filled(WAS, x)?;
        let of_y = self.filled(IS, y).filter(|_| x.len() == y.len())?;
        let of_x = self.filled(WAS, x)?;
        let mut ones = (0..x.len()).filter(|&axis| of_x[axis].is_empty());
        let place = |axis: &Vec<usize>| match axis.is_empty() {
            true => ones.next(),
            false => of_x.iter().position(|known| known == axis),
        };
        of_y.iter().map(place).collect()
    }
}

/// Whether parts stand side by side in a list.
fn is_run(parts: &[usize], list: &[usize]) -> bool {
    let Some(first) = parts.first() else { return true };
    let place = list.iter().position(|part| part == first);
    place.is_some_and(|place| list[place..].starts_with(parts))
}

/// The axes by the places of their parts in a list; of those without parts, the ones at the beginning stay there, the
/// others come last.
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

/// What gives elements of shape `x` the shape `dims`, of as many: nothing if it is theirs, Flatten if all axes but the
/// first become one.
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
            Op::Flatten(Flatten { axis: 1 })
        }
        _ => Op::Reshape(Reshape { dims: dims.to_vec() }),
    }
}
