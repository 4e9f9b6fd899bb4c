//! Chains of operators that move elements.
//!
//! Such a chain splits axes into subaxes, reorders the subaxes and merges them into axes again. Subaxes and their order
//! are followed through the chain, and the shortest chain with the same effect replaces it:
//!
//! ```text
//! nothing             Reshape or Flatten    Transpose
//! Reshape, Transpose  Transpose, Reshape    Reshape, Transpose, Reshape
//! ```
//!
//! Axes of size 1 have no subaxes: moving them moves nothing.

use std::collections::{HashMap, VecDeque};

use fourfold_tensor::Tensor;

use super::{NamedOp, Operand, Replacement};
use crate::{Dim, Flatten, Gather, Graph, Node, NodeId, Op, Polynomial, Reshape, Slice, Transpose, ValueId};

/// The chains that are not in canonical form, by the indices of their last nodes.
pub(super) fn replacements(graph: &Graph) -> HashMap<usize, Replacement> {
    let (mut found, mut is_taken) = (HashMap::new(), vec![false; graph.nodes().len()]);
    let mut ascending = HashMap::new();
    let moves: Vec<bool> = graph.nodes().iter().map(|node| is_movement(graph, node, &mut ascending)).collect();
    // The index of the node before one of a chain, if it only moves elements and no other node reads its result.
    let before = |index: usize| {
        let x = graph.nodes()[index].inputs()[0];
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
        chain.iter().for_each(|&index| is_taken[index] = true);
        replace(graph, chain.make_contiguous(), &mut found);
    }
    found
}

/// Whether a node only moves elements. A Gather does if it takes all elements of its only axis in order; Expand, Slice
/// and Pad do if no size changes.
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
            // A quantized table with a scale for each row is dequantized.
            let has_rows = x.params().is_some_and(|params| params.as_per_tensor().is_none());
            let is_whole = x.rank() == 1 && x.dims()[0] == Dim::Fixed(numbers.len()) && !has_rows;
            let is_ascending = || (0..).zip(numbers).all(|(index, &number): (i64, _)| index == number);
            is_whole && *ascending.entry(indices).or_insert_with(is_ascending)
        }
        _ => false,
    }
}

/// Replaces a chain. Where subaxes cannot be followed through all of it, it is replaced in pieces.
fn replace(graph: &Graph, mut chain: &[usize], found: &mut HashMap<usize, Replacement>) {
    let dims = |index: usize| graph.value(graph.nodes()[index].output()).ty().dims();
    while !chain.is_empty() {
        let x = graph.nodes()[chain[0]].inputs()[0];
        let from = graph.value(x).ty().dims();
        let (mut subaxes, mut length) = (Subaxes::of(from), 0);
        for &index in chain {
            let node = &graph.nodes()[index];
            let before = graph.value(node.inputs()[0]).ty().dims();
            let moved = subaxes.as_ref().and_then(|subaxes| subaxes.moved(node.op(), before));
            if moved.is_none() {
                break;
            }
            (subaxes, length) = (moved, length + 1);
        }
        let (piece, rest) = chain.split_at(length.max(1));
        chain = rest;
        let (Some(subaxes), Some(&last)) = (subaxes.filter(|_| length > 0), piece.last()) else { continue };
        let old: Vec<&Op> = piece.iter().map(|&index| graph.nodes()[index].op()).collect();
        let Some(mut ops) = subaxes.chain(from, dims(last)).filter(|ops| ops.len() <= old.len()) else { continue };
        // A graph output keeps its name, so it must be the result of a node.
        ops.retain(|op| *op != Op::Identity || graph.is_output(graph.nodes()[last].output()));
        let is_nothing = old.iter().all(|op| **op == Op::Identity);
        if is_nothing || ops.iter().eq(old) || result(&ops, from).as_deref() != Some(dims(last)) {
            continue;
        }
        let names = &piece[piece.len() - ops.len()..];
        let ops = ops.into_iter().zip(names).map(|(op, &index)| NamedOp::new(op, index)).collect();
        let inner = piece[..piece.len() - 1].to_vec();
        found.insert(last, Replacement { operands: vec![Operand::Value(x)], ops, inner });
    }
}

/// The shape of the result of a chain, for an operand of shape `x`.
fn result(ops: &[Op], x: &[Dim]) -> Option<Vec<Dim>> {
    ops.iter().try_fold(x.to_vec(), |x, op| match op {
        Op::Reshape(reshape) => reshape.shape(&x).ok(),
        Op::Flatten(flatten) => flatten.shape(&x).ok(),
        Op::Transpose(transpose) => transpose.shape(&x).ok(),
        Op::Identity => Some(x),
        _ => None,
    })
}

/// The subaxes of a value before and behind a chain.
#[derive(Clone, Debug)]
struct Subaxes {
    /// The size of each subaxis.
    sizes: Vec<Polynomial>,
    /// The indices of the subaxes, in their order [`BEFORE`] and [`AFTER`] the chain.
    orders: [Vec<usize>; 2],
}

/// The order of the subaxes before the chain.
const BEFORE: usize = 0;

/// The order of the subaxes behind the chain.
const AFTER: usize = 1;

impl Subaxes {
    /// One subaxis for each axis of size 2 or more, `None` if an axis has size 0.
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

    /// The subaxes behind one more operator, whose operand has shape `dims`. Only a Transpose changes their order.
    fn moved(&self, op: &Op, dims: &[Dim]) -> Option<Self> {
        let mut subaxes = self.clone();
        if let Op::Transpose(Transpose { axes }) = op {
            let filled = subaxes.filled(AFTER, dims)?;
            subaxes.orders[AFTER] = axes.iter().flat_map(|&axis| filled[axis].clone()).collect();
        }
        Some(subaxes)
    }

    /// Assigns the subaxes, in one of the orders, to the axes of a shape. A subaxis that does not fit an axis is split,
    /// or merged with the next one if that is its neighbour in both orders; `None` if neither helps.
    fn filled(&mut self, order: usize, dims: &[Dim]) -> Option<Vec<Vec<usize>>> {
        let one = Polynomial::constant(1);
        let (mut index, mut axes) = (0, Vec::with_capacity(dims.len()));
        for dim in dims {
            let (mut missing, mut axis) = (dim.polynomial()?, Vec::new());
            while missing != one {
                let subaxis = *self.orders[order].get(index)?;
                let size = self.sizes[subaxis].clone();
                if let Some(rest) = missing.div(&size) {
                    missing = rest;
                } else if let Some(rest) = size.div(&missing) {
                    self.split(subaxis, missing, rest);
                    missing = one.clone();
                } else {
                    self.merge(subaxis, order)?;
                    continue;
                }
                index += 1;
                axis.push(subaxis);
            }
            axes.push(axis);
        }
        (index == self.orders[order].len()).then_some(axes)
    }

    /// Splits a subaxis in two, of sizes `size` and `rest`.
    fn split(&mut self, subaxis: usize, size: Polynomial, rest: Polynomial) {
        self.sizes[subaxis] = size;
        self.sizes.push(rest);
        let new = self.sizes.len() - 1;
        for order in &mut self.orders {
            let index = order.iter().position(|&known| known == subaxis).map_or(order.len(), |index| index + 1);
            order.insert(index, new);
        }
    }

    /// Merges a subaxis with the next one of an order, `None` if that is not its neighbour in the other order.
    fn merge(&mut self, subaxis: usize, order: usize) -> Option<()> {
        let after = |order: &[usize]| {
            let index = order.iter().position(|&known| known == subaxis)?;
            order.get(index + 1).copied()
        };
        let next = after(&self.orders[order]).filter(|&next| after(&self.orders[1 - order]) == Some(next))?;
        self.sizes[subaxis] = self.sizes[subaxis].mul(&self.sizes[next])?;
        self.orders.iter_mut().for_each(|order| order.retain(|&known| known != next));
        Some(())
    }

    /// The shortest chain from a value of shape `x` to one of shape `y` that orders the subaxes alike.
    fn chain(mut self, x: &[Dim], y: &[Dim]) -> Option<Vec<Op>> {
        // Neighbours that stay neighbours move together.
        for subaxis in self.orders[BEFORE].clone() {
            while self.orders[BEFORE].contains(&subaxis) && self.merge(subaxis, BEFORE).is_some() {}
        }
        if self.orders[BEFORE] == self.orders[AFTER] {
            return Some(vec![in_shape(y, x)]);
        }
        if let Some(axes) = self.clone().permutation(x, y) {
            return Some(vec![Op::Transpose(Transpose { axes })]);
        }
        let mut of_y = self.clone();
        if let Some(filled) = of_y.filled(AFTER, y)
            && filled.iter().all(|axis| is_run(axis, &of_y.orders[BEFORE]))
        {
            let order = order(&filled, &of_y.orders[BEFORE]);
            let between: Vec<Dim> = order.iter().map(|&axis| y[axis].clone()).collect();
            let axes = (0..y.len()).map(|axis| order.iter().position(|&from| from == axis)).collect::<Option<_>>()?;
            return Some(vec![in_shape(&between, x), Op::Transpose(Transpose { axes })]);
        }
        let mut of_x = self.clone();
        if let Some(filled) = of_x.filled(BEFORE, x)
            && filled.iter().all(|axis| is_run(axis, &of_x.orders[AFTER]))
        {
            let axes = order(&filled, &of_x.orders[AFTER]);
            let between: Vec<Dim> = axes.iter().map(|&axis| x[axis].clone()).collect();
            return Some(vec![Op::Transpose(Transpose { axes }), in_shape(y, &between)]);
        }
        let [before, after] = &self.orders;
        let split: Vec<Dim> =
            before.iter().map(|&subaxis| Dim::computed(self.sizes[subaxis].clone())).collect::<Option<_>>()?;
        let axes: Vec<usize> =
            after.iter().map(|subaxis| before.iter().position(|from| from == subaxis)).collect::<Option<_>>()?;
        let between: Vec<Dim> = axes.iter().map(|&axis| split[axis].clone()).collect();
        Some(vec![in_shape(&split, x), Op::Transpose(Transpose { axes }), in_shape(y, &between)])
    }

    /// The permutation of the axes of `x` that gives those of `y`, if there is one.
    fn permutation(mut self, x: &[Dim], y: &[Dim]) -> Option<Vec<usize>> {
        self.filled(BEFORE, x)?;
        let of_y = self.filled(AFTER, y).filter(|_| x.len() == y.len())?;
        let of_x = self.filled(BEFORE, x)?;
        let mut ones = (0..x.len()).filter(|&axis| of_x[axis].is_empty());
        let index = |axis: &Vec<usize>| match axis.is_empty() {
            true => ones.next(),
            false => of_x.iter().position(|known| known == axis),
        };
        of_y.iter().map(index).collect()
    }
}

/// Whether subaxes stand side by side, in this order, in a list.
fn is_run(subaxes: &[usize], list: &[usize]) -> bool {
    let Some(first) = subaxes.first() else { return true };
    let index = list.iter().position(|subaxis| subaxis == first);
    index.is_some_and(|index| list[index..].starts_with(subaxes))
}

/// The axes, sorted by the positions of their subaxes in a list. Axes without subaxes stay in front if they were there,
/// and come last otherwise.
fn order(axes: &[Vec<usize>], list: &[usize]) -> Vec<usize> {
    let leading = axes.iter().take_while(|axis| axis.is_empty()).count();
    let index = |axis: usize| match axes[axis].first() {
        None if axis < leading => 0,
        None => list.len() + 1,
        Some(first) => 1 + list.iter().position(|subaxis| subaxis == first).unwrap_or(list.len()),
    };
    let mut order: Vec<usize> = (0..axes.len()).collect();
    order.sort_by_key(|&axis| index(axis));
    order
}

/// The operator that gives elements of shape `x` the shape `dims`: Identity if it is the same, Flatten if all axes but
/// the first become one, else Reshape.
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
