//! Operators on tensors without elements; that every operator takes axes of size 0 is tested with the list of all
//! operators, in the facade.

use std::sync::Arc;

use fourfold_graph::{
    Activation, Add, Concat, Conv, Dim, ErrorKind, GraphBuilder, Limits, Linear, Op, ValueType, Window,
};
use fourfold_tensor::{DType, Tensor};

use super::{noise, one_node, run};
use crate::{Error, Options, Plan, Session};

#[test]
fn layers_without_input_channels_give_their_bias() {
    let bias = Tensor::from_vec(&[3], vec![1.0_f32, -2.0, 0.5]).expect("three");
    let conv = Op::Conv(Conv { activation: Activation::Relu, ..Conv::new(Window::new(&[2, 2]).with_padding(1), 1) });
    let weight = Tensor::zeros(DType::F32, &[3, 0, 2, 2]).expect("empty");
    let graph = one_node(conv, &[&[2, 0, 2, 1]], &[weight, bias.clone()]);
    let y = run(&graph, &[Tensor::zeros(DType::F32, &[2, 0, 2, 1]).expect("empty")]);
    assert_eq!(y.shape(), [2, 3, 3, 2]);
    let expected: Vec<f32> = (0..36).map(|position| [1.0, 0.0, 0.5][position / 6 % 3]).collect();
    assert_eq!(y.as_slice::<f32>(), Ok(&expected[..]));
    let weight = Tensor::zeros(DType::F32, &[3, 0]).expect("empty");
    let graph = one_node(Op::Linear(Linear::default()), &[&[2, 0]], &[weight, bias]);
    let y = run(&graph, &[Tensor::zeros(DType::F32, &[2, 0]).expect("empty")]);
    assert_eq!(y.as_slice::<f32>(), Ok(&[1.0, -2.0, 0.5, 1.0, -2.0, 0.5][..]));
    let shapes: [&[usize]; 2] = [&[2, 0], &[0, 3]];
    let empty = shapes.map(|shape| Tensor::zeros(DType::F32, shape).expect("empty"));
    assert_eq!(run(&one_node(Op::MatMul, &shapes, &[]), &empty).as_slice::<f32>(), Ok(&[0.0; 6][..]));
}

#[test]
fn a_cache_grows_from_nothing() {
    let shape = |length: usize| [1, length, 4];
    let mut builder = GraphBuilder::new("cache");
    let past = builder.input("past", ValueType::f32(&[1.into(), Dim::symbol("length"), 4.into()])).expect("valid");
    let new = builder.input("new", ValueType::f32(&[Dim::from(1), Dim::from(1), Dim::from(4)])).expect("valid");
    let all = builder.node("all", Op::Concat(Concat { axis: 1 }), &[past, new]).expect("valid");
    builder.output(all);
    let graph = builder.finish().expect("valid");
    let mut session = Session::new(Arc::new(Plan::compile(&graph, &Options::default()).expect("a plan")));
    let mut cache = Tensor::zeros(DType::F32, &shape(0)).expect("empty");
    for step in 1..4 {
        cache = session.run(&[cache, noise(&shape(1), step)]).expect("runs")[0].clone();
        assert_eq!(cache.shape(), shape(step as usize));
    }
}

#[test]
fn weights_without_elements_take_no_memory() {
    // Each of these files has a few hundred bytes; what they stand for would take gigabytes.
    let rows = 1 << 30;
    let graph =
        one_node(Op::Linear(Linear::default()), &[&[0, 0]], &[Tensor::zeros(DType::F32, &[rows, 0]).expect("empty")]);
    let plan = Plan::compile(&graph, &Options::default()).expect("a plan");
    assert_eq!(plan.footprint(&[&[0, 0]]).expect("empty").packed_bytes, 0);
    let conv = Op::Conv(Conv::new(Window::new(&[1]), rows));
    let weight = Tensor::zeros(DType::F32, &[0, 1, 1]).expect("empty");
    let graph = one_node(conv, &[&[0, rows, 1]], &[weight]);
    assert_eq!(run(&graph, &[Tensor::zeros(DType::F32, &[0, rows, 1]).expect("empty")]).shape(), [0, 0, 1]);
}

#[test]
fn outputs_and_scratch_count_in_the_limit() {
    let compiled = |graph: &fourfold_graph::Graph, arena_bytes| {
        let limits = Limits { arena_bytes, ..Limits::default() };
        Session::new(Arc::new(Plan::compile(graph, &Options { limits, ..Options::default() }).expect("a plan")))
    };
    // The sum of [1, 1024] and [1024, 1] is made of operands that are repeated.
    let graph = one_node(Op::Add(Add { activation: Activation::None }), &[&[1, 1024], &[1024, 1]], &[]);
    let inputs = [noise(&[1, 1024], 1), noise(&[1024, 1], 2)];
    let outcome = |mib: u64| compiled(&graph, mib << 20).run(&inputs).map(|_| ());
    let limit = |error: Error| (error.kind() == ErrorKind::Limit).then(|| error.to_string());
    assert!(outcome(4).is_err_and(|error| limit(error).is_some_and(|text| !text.contains("node"))), "the output");
    assert!(outcome(12).is_err_and(|error| limit(error).is_some_and(|text| text.contains("node `y`"))), "the scratch");
    assert_eq!(outcome(16), Ok(()));
}
