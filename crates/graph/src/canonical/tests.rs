//! Chains that move elements, checked by moving elements one by one.

use fourfold_tensor::Tensor;
use proptest::prelude::*;

use crate::{Concat, Dim, Flatten, Gather, Graph, GraphBuilder, Op, Reshape, Transpose, ValueId, ValueType};

/// The result of a chain for an operand that holds 0, 1, 2, .., and its shape.
fn moved(ops: &[Op], shape: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let start = ((0..shape.iter().product()).collect(), shape.to_vec());
    ops.iter().fold(start, |(elements, shape): (Vec<usize>, Vec<usize>), op| match op {
        Op::Reshape(Reshape { dims }) => (elements, dims.iter().map(|dim| dim.fixed().expect("a size")).collect()),
        Op::Flatten(Flatten { axis }) => {
            (elements, vec![shape[..*axis].iter().product(), shape[*axis..].iter().product()])
        }
        Op::Transpose(Transpose { axes }) => {
            let sizes: Vec<usize> = axes.iter().map(|&axis| shape[axis]).collect();
            let stride = |axis: usize| shape[axis + 1..].iter().product::<usize>();
            let from = |index: usize| {
                let (mut rest, mut from) = (index, 0);
                for (&axis, &size) in axes.iter().zip(&sizes).rev() {
                    from += rest % size * stride(axis);
                    rest /= size;
                }
                elements[from]
            };
            ((0..elements.len()).map(from).collect(), sizes)
        }
        _ => (elements, shape),
    })
}

fn value(builder: &mut GraphBuilder, ops: &[Op], x: ValueId) -> ValueId {
    ops.iter()
        .enumerate()
        .fold(x, |x, (index, op)| builder.node(&format!("op.{index}"), op.clone(), &[x]).expect("fits"))
}

fn chain(ops: &[Op], dims: &[Dim]) -> Graph {
    let mut builder = GraphBuilder::new("chain");
    let x = builder.input("x", ValueType::f32(dims)).expect("valid");
    let y = value(&mut builder, ops, x);
    builder.output(y);
    builder.finish().expect("valid")
}

fn ops(graph: &Graph) -> Vec<Op> {
    graph.nodes().iter().map(|node| node.op().clone()).filter(|op| *op != Op::Identity).collect()
}

/// Operators that move elements of that shape, chosen by numbers.
fn chosen(shape: &[usize], choices: &[(u8, u64)]) -> Vec<Op> {
    let mut shape = shape.to_vec();
    let mut ops = Vec::new();
    for &(kind, seed) in choices {
        let pick = |count: usize, salt: u64| usize::try_from((seed / (salt + 1)) % count as u64).expect("small");
        match kind % 4 {
            0 if shape.len() < 7 => {
                // One axis in two.
                let axis = pick(shape.len() + 1, 0);
                let size = shape.get(axis).copied().unwrap_or(1);
                let outer = (1..=size).filter(|part| size % part == 0).nth(pick(2, 7)).unwrap_or(1);
                let end = (axis + 1).min(shape.len());
                shape.splice(axis.min(end)..end, [outer, size / outer]);
                ops.push(Op::Reshape(Reshape { dims: shape.iter().map(|&size| size.into()).collect() }));
            }
            1 if shape.len() > 1 => {
                // Two axes in one.
                let axis = pick(shape.len() - 1, 0);
                let joined = shape[axis] * shape.remove(axis + 1);
                shape[axis] = joined;
                ops.push(Op::Reshape(Reshape { dims: shape.iter().map(|&size| size.into()).collect() }));
            }
            2 => {
                let mut axes: Vec<usize> = (0..shape.len()).collect();
                for index in 0..axes.len() {
                    let other = index + pick(axes.len() - index, index as u64 * 5);
                    axes.swap(index, other);
                }
                shape = axes.iter().map(|&axis| shape[axis]).collect();
                ops.push(Op::Transpose(Transpose { axes }));
            }
            3 => {
                let axis = pick(shape.len() + 1, 3);
                shape = vec![shape[..axis].iter().product(), shape[axis..].iter().product()];
                ops.push(Op::Flatten(Flatten { axis }));
            }
            _ => ops.push(Op::Identity),
        }
    }
    ops
}

proptest! {
    #[test]
    fn chains_become_the_shortest_that_moves_elements_to_the_same_positions(
        shape in proptest::collection::vec(prop_oneof![Just(1_usize), Just(2), Just(4), Just(8)], 1..5),
        choices in proptest::collection::vec((any::<u8>(), any::<u64>()), 1..8),
    ) {
        let long = chosen(&shape, &choices);
        let dims: Vec<Dim> = shape.iter().map(|&size| size.into()).collect();
        let short = chain(&long, &dims).canonical().expect("a chain");
        let found = ops(&short);
        prop_assert_eq!(moved(&found, &shape), moved(&long, &shape), "{:?} of {:?}", found, long);
        prop_assert!(found.len() <= 3.min(long.len()), "{:?} of {:?}", found, long);
        prop_assert_eq!(ops(&short.canonical().expect("a chain")), found.clone());
        // Another chain that does the same: there, back, and there again.
        let back = short_back(&found, &shape);
        let detour: Vec<Op> = found.iter().chain(&back).chain(&long).cloned().collect();
        prop_assert_eq!(ops(&chain(&detour, &dims).canonical().expect("a chain")), found);
    }
}

proptest! {
    #[test]
    fn chains_that_split_axes_at_other_points_move_elements_to_the_same_positions(
        shape in proptest::collection::vec(prop_oneof![Just(1_usize), Just(2), Just(3), Just(4), Just(6)], 1..5),
        choices in proptest::collection::vec((any::<u8>(), any::<u64>()), 1..10),
    ) {
        let long = chosen(&shape, &choices);
        let dims: Vec<Dim> = shape.iter().map(|&size| size.into()).collect();
        let short = chain(&long, &dims).canonical().expect("a chain");
        prop_assert_eq!(moved(&ops(&short), &shape), moved(&long, &shape), "{:?} of {:?}", ops(&short), long);
        prop_assert!(short.nodes().len() <= long.len(), "{:?} of {:?}", ops(&short), long);
        prop_assert_eq!(short.canonical().expect("a chain"), short);
    }
}

/// The chain that moves elements back.
fn short_back(ops: &[Op], shape: &[usize]) -> Vec<Op> {
    let mut back = Vec::new();
    let mut before = shape.to_vec();
    for op in ops {
        back.insert(
            0,
            match op {
                Op::Transpose(Transpose { axes }) => {
                    let index = |axis: usize| axes.iter().position(|&from| from == axis).expect("a permutation");
                    Op::Transpose(Transpose { axes: (0..axes.len()).map(index).collect() })
                }
                _ => Op::Reshape(Reshape { dims: before.iter().map(|&size| size.into()).collect() }),
            },
        );
        before = moved(std::slice::from_ref(op), &before).1;
    }
    back
}

#[test]
fn axes_whose_sizes_are_free_are_followed() {
    let reshape = |dims: &[&str]| {
        let dim = |name: &&str| name.parse().map_or_else(|_| Dim::symbol(name), Dim::Fixed);
        Op::Reshape(Reshape { dims: dims.iter().map(dim).collect() })
    };
    let dims = ["n".into(), "s".into(), Dim::from(12)];
    // Keys as one exporter transposes them, and as the other does.
    let one = [
        reshape(&["n", "s", "3", "4"]),
        Op::Transpose(Transpose { axes: vec![0, 2, 1, 3] }),
        Op::Transpose(Transpose { axes: vec![0, 1, 3, 2] }),
    ];
    let expected = [reshape(&["n", "s", "3", "4"]), Op::Transpose(Transpose { axes: vec![0, 2, 3, 1] })];
    assert_eq!(ops(&chain(&one, &dims).canonical().expect("a chain")), expected);
    // Batch and rows merged into one axis and split again.
    let joined =
        chain(&[Op::Flatten(Flatten { axis: 2 }), reshape(&["n", "s", "12"])], &dims).canonical().expect("a chain");
    assert_eq!(ops(&joined), []);
    // All but the batch in one.
    let product = Dim::symbol("s").polynomial().and_then(|s| s.mul(&crate::Polynomial::constant(12)));
    let flat = Op::Reshape(Reshape { dims: vec!["n".into(), product.and_then(Dim::computed).expect("a size")] });
    assert_eq!(ops(&chain(&[flat], &dims).canonical().expect("a chain")), [Op::Flatten(Flatten { axis: 1 })]);
}

#[test]
fn what_others_read_stays() {
    let mut builder = GraphBuilder::new("read");
    let x = builder.input("x", ValueType::f32(&[2.into(), 3.into(), 4.into()])).expect("valid");
    let transposed = builder.node("transposed", Op::Transpose(Transpose { axes: vec![1, 0, 2] }), &[x]).expect("valid");
    let back = builder.node("back", Op::Transpose(Transpose { axes: vec![1, 0, 2] }), &[transposed]).expect("valid");
    builder.output(transposed);
    builder.output(back);
    let graph = builder.finish().expect("valid");
    assert_eq!(graph.canonical().expect("valid"), graph);
}

#[test]
fn a_gather_of_everything_is_a_reshape_and_joins_are_one() {
    let mut builder = GraphBuilder::new("gather");
    let x = builder.input("x", ValueType::f32(&[2.into(), 3.into()])).expect("valid");
    let flat = builder.node("flat", Op::Reshape(Reshape { dims: vec![6.into()] }), &[x]).expect("valid");
    let all = Tensor::from_vec(&[1, 6], (0..6_i64).collect()).expect("six");
    let all = builder.constant("all", all).expect("valid");
    let same = builder.node("same", Op::Gather(Gather { axis: 0 }), &[flat, all]).expect("valid");
    let one = builder.node("one", Op::Concat(Concat { axis: 1 }), &[same]).expect("valid");
    let two = builder.node("two", Op::Concat(Concat { axis: 1 }), &[one, same]).expect("valid");
    let three = builder.node("three", Op::Concat(Concat { axis: 1 }), &[two, same]).expect("valid");
    builder.output(three);
    let graph = builder.finish().expect("valid").canonical().expect("valid");
    let names: Vec<String> = graph.nodes().iter().map(|node| format!("{} {}", node.name(), node.op().kind())).collect();
    assert_eq!(names, ["same Reshape", "three Concat"]);
    assert_eq!(graph.nodes()[1].inputs().len(), 3);
}

#[test]
fn what_no_output_needs_is_left_out() {
    let mut builder = GraphBuilder::new("needed");
    let x = builder.input("x", ValueType::f32(&[2.into(), 3.into(), 4.into()])).expect("valid");
    let split = builder.node("split", Op::Reshape(Reshape { dims: vec![6.into(), 4.into()] }), &[x]).expect("valid");
    let one = builder.node("one", Op::Transpose(Transpose { axes: vec![1, 0] }), &[split]).expect("valid");
    builder.node("other", Op::Relu, &[one]).expect("valid");
    let back =
        builder.node("back", Op::Reshape(Reshape { dims: vec![2.into(), 3.into(), 2.into(), 2.into()] }), &[split]);
    builder.output(back.expect("valid"));
    let graph = builder.finish().expect("valid").canonical().expect("valid");
    let names: Vec<&str> = graph.nodes().iter().map(crate::Node::name).collect();
    assert_eq!(names, ["back"]);
}
