//! Plans against plain loops.

mod canonical;
mod convert;
mod empty;
mod evaluate;
mod functions;
mod integers;
mod memory;
mod operators;
mod pairs;
mod quantized;
mod recurrent;
mod sums;
mod transposed;

use std::sync::Arc;

use fourfold_graph::{Dim, Graph, GraphBuilder, Op, ValueId, ValueType};
use fourfold_tensor::Tensor;

use crate::{Options, Plan, Session};

/// Numbers between -1 and 1 with no pattern in them.
pub(crate) fn noise(shape: &[usize], seed: u32) -> Tensor {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let count = shape.iter().product();
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from(u16::try_from(state >> 16).expect("sixteen bits")) / 32_768.0 - 1.0
    };
    Tensor::from_vec(shape, core::iter::repeat_with(next).take(count).collect::<Vec<f32>>())
        .expect("as many as the shape has")
}

/// The fixed type of a tensor.
pub(crate) fn fixed(shape: &[usize]) -> ValueType {
    ValueType::f32(&shape.iter().map(|&size| Dim::Fixed(size)).collect::<Vec<_>>())
}

/// A graph with one node over inputs of the given shapes.
pub(crate) fn one_node(op: Op, shapes: &[&[usize]], constants: &[Tensor]) -> Graph {
    let mut builder = GraphBuilder::new("one");
    let inputs = shapes.iter().enumerate().map(|(index, shape)| builder.input(&format!("x{index}"), fixed(shape)));
    let mut operands: Vec<ValueId> = inputs.collect::<Result<_, _>>().expect("valid inputs");
    for (index, constant) in constants.iter().enumerate() {
        operands.push(builder.constant(&format!("c{index}"), constant.clone()).expect("a valid constant"));
    }
    let y = builder.node("y", op, &operands).expect("a valid node");
    builder.output(y);
    builder.finish().expect("a valid graph")
}

pub(crate) fn run(graph: &Graph, inputs: &[Tensor]) -> Tensor {
    let plan = Plan::compile(graph, &Options::default()).expect("a plan");
    Session::new(Arc::new(plan)).run(inputs).expect("a run")[0].clone()
}

pub(crate) fn assert_close(actual: &Tensor, expected: &Tensor, what: &str) {
    assert_eq!(actual.shape(), expected.shape(), "{what}");
    let pairs = actual.as_slice::<f32>().expect("f32").iter().zip(expected.as_slice::<f32>().expect("f32"));
    for (index, (a, e)) in pairs.enumerate() {
        assert!((a - e).abs() <= 1e-5 * (1.0 + e.abs()), "{what}: element {index} is {a}, expected {e}");
    }
}
