//! Sessions: sizes that change, inputs that do not fit, limits, layouts that meet.

use std::num::NonZeroUsize;
use std::sync::Arc;

use fourfold_graph::{
    Activation, Add, Conv, Dim, Flatten, Graph, GraphBuilder, Limits, Linear, Op, Transpose, ValueType, Window,
};
use fourfold_tensor::Tensor;

use super::{assert_close, noise, run};
use crate::{Error, Options, Plan, Session};

/// A network in which channels-last and row-major values meet: two convolutions, their sum, and products of it.
fn meeting() -> Graph {
    let mut builder = GraphBuilder::new("meeting");
    let x =
        builder.input("x", ValueType::f32(&[Dim::symbol("batch"), 3.into(), 6.into(), 6.into()])).expect("an input");
    let conv = |builder: &mut GraphBuilder, name: &str, x, seed| {
        let window = Window::new(&[3, 3]).with_padding(1);
        builder
            .conv(name, x, window, 1, noise(&[3, 3, 3, 3], seed), Some(noise(&[3], seed + 1)))
            .expect("a convolution")
    };
    let a = conv(&mut builder, "a", x, 1);
    let b = conv(&mut builder, "b", a, 3);
    let relu = builder.relu("relu", b).expect("relu");
    let sum = builder.node("sum", Op::Add(Add { activation: Activation::None }), &[x, relu]).expect("a sum");
    let transposed =
        builder.node("transposed", Op::Transpose(Transpose { axes: vec![0, 2, 3, 1] }), &[sum]).expect("a transpose");
    let flat = builder.node("flat", Op::Flatten(Flatten { axis: 1 }), &[transposed]).expect("flat");
    let y = builder.linear("fc", flat, noise(&[4, 108], 9), None).expect("a product");
    builder.output(y);
    builder.output(a);
    builder.finish().expect("a valid graph")
}

#[test]
fn a_batch_is_as_its_samples() {
    let graph = meeting();
    let plan = Arc::new(Plan::compile(&graph, &Options::default()).expect("a plan"));
    let mut session = Session::new(Arc::clone(&plan));
    let x = noise(&[5, 3, 6, 6], 7);
    let whole: Vec<Tensor> = session.run(std::slice::from_ref(&x)).expect("a run").to_vec();
    for sample in 0..5 {
        let one = x.rows(sample..sample + 1).expect("a sample");
        let outputs = session.run(&[one]).expect("a run");
        for (output, whole) in outputs.iter().zip(&whole) {
            assert_close(output, &whole.rows(sample..sample + 1).expect("a row"), "one sample");
        }
    }
    assert_eq!(session.run(&[x]).expect("a run")[0].bytes(), whole[0].bytes(), "back to the first size");
}

#[test]
fn observed_values_are_those_of_the_parts() {
    let graph = meeting();
    let mut session = Session::new(Arc::new(Plan::compile(&graph, &Options::default()).expect("a plan")));
    let x = noise(&[2, 3, 6, 6], 7);
    let mut seen = Vec::new();
    let outputs = session
        .run_observed(std::slice::from_ref(&x), |id, value| seen.push((id, value.clone())))
        .expect("a run")
        .to_vec();
    let names: Vec<&str> = seen.iter().map(|(id, _)| graph.value(*id).name()).collect();
    assert_eq!(names, ["x", "a", "b", "relu", "sum", "transposed", "flat", "fc"]);
    let value = |name: &str| &seen[names.iter().position(|known| *known == name).expect("a name")].1;
    assert_eq!((value("fc").bytes(), value("a").bytes()), (outputs[0].bytes(), outputs[1].bytes()));
    let window = Window::new(&[3, 3]).with_padding(1);
    let conv = Op::Conv(Conv::new(window, 1));
    let alone = super::one_node(conv, &[x.shape()], &[noise(&[3, 3, 3, 3], 3), noise(&[3], 4)]);
    assert_close(value("b"), &run(&alone, std::slice::from_ref(value("a"))), "the second convolution");
    let pairs = value("b").as_slice::<f32>().expect("f32").iter().zip(value("relu").as_slice::<f32>().expect("f32"));
    assert!(pairs.clone().all(|(b, relu)| b.max(0.0) == *relu) && pairs.count() == 216);
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let plan = Arc::new(Plan::compile(&meeting(), &Options::default()).expect("a plan"));
    let mut session = Session::new(plan);
    assert!(matches!(session.run(&[]), Err(Error::InputCount { expected: 1, actual: 0, .. })));
    let wrong = session.run(&[noise(&[2, 3, 6, 5], 1)]).expect_err("a wrong shape");
    assert_eq!(wrong.to_string(), "input `x` takes f32[batch, 3, 6, 6], a tensor f32[2, 3, 6, 5] was given");
    let bytes = Tensor::from_vec(&[1, 3, 6, 6], vec![0_u8; 108]).expect("bytes");
    assert!(matches!(session.run(&[bytes]), Err(Error::Input { .. })));
    assert!(session.run(&[noise(&[1, 3, 6, 6], 1)]).is_ok(), "a session survives its errors");
}

#[test]
fn one_symbol_has_one_size() {
    let mut builder = GraphBuilder::new("two");
    let of_batch = ValueType::f32(&[Dim::symbol("batch")]);
    let a = builder.input("a", of_batch.clone()).expect("an input");
    let b = builder.input("b", of_batch).expect("an input");
    let sum = builder.node("sum", Op::Add(Add { activation: Activation::None }), &[a, b]).expect("a sum");
    builder.output(sum);
    let plan = Plan::compile(&builder.finish().expect("a graph"), &Options::default()).expect("a plan");
    let mut session = Session::new(Arc::new(plan));
    let error = session.run(&[noise(&[2], 1), noise(&[3], 1)]).expect_err("two sizes");
    assert!(matches!(error, Error::Symbol { first: 2, second: 3, .. }));
}

#[test]
fn the_arena_is_limited() {
    let limits = Limits { arena_bytes: 1000, ..Limits::default() };
    let plan = Plan::compile(&meeting(), &Options { limits, ..Options::default() }).expect("a plan");
    let error = Session::new(Arc::new(plan)).run(&[noise(&[2, 3, 6, 6], 1)]).expect_err("too large");
    assert!(matches!(error, Error::Limit(_)) && error.to_string().contains("--limit arena-bytes="));
}

#[test]
fn threads_do_not_change_results() {
    let graph = meeting();
    let x = noise(&[3, 3, 6, 6], 1);
    let expected = run(&graph, std::slice::from_ref(&x));
    for threads in 1..=3 {
        let options = Options { threads: NonZeroUsize::new(threads), ..Options::default() };
        let mut session = Session::new(Arc::new(Plan::compile(&graph, &options).expect("a plan")));
        assert_eq!(session.run(std::slice::from_ref(&x)).expect("a run")[0].bytes(), expected.bytes());
    }
}

#[test]
fn plans_of_other_options_share_the_packed_weights() {
    let plan = Plan::compile(&meeting(), &Options::default()).expect("a plan");
    let options = Options { threads: NonZeroUsize::new(2), ..Options::default() };
    let other = plan.with_options(&options).expect("a plan");
    assert!(Arc::ptr_eq(&plan.steps, &other.steps));
    let constants = |plan: &Plan| {
        let all =
            plan.graph().values().iter().filter_map(|value| value.constant().map(|tensor| tensor.bytes().as_ptr()));
        all.collect::<Vec<_>>()
    };
    assert_eq!(constants(&plan), constants(&other));
    let x = noise(&[3, 3, 6, 6], 1);
    let [alone, together] =
        [plan, other].map(|plan| Session::new(Arc::new(plan)).run(std::slice::from_ref(&x)).map(<[Tensor]>::to_vec));
    assert_eq!(alone, together);
}

#[test]
fn the_footprint_is_what_is_alive_at_once() {
    let plan = Plan::compile(&meeting(), &Options::default()).expect("a plan");
    let memory = plan.footprint(&[&[2, 3, 6, 6]]).expect("sizes that the graph takes");
    // The peak is when a sum is made: one operand (the other is the caller's), the result, and the first
    // convolution, which is an output.
    let value = 2 * 3 * 6 * 6 * size_of::<f32>();
    assert_eq!(memory.live_bytes, 3 * value, "{memory}");
    assert!(memory.arena_bytes < memory.live_bytes + 3 * 64, "{memory}");
    let [conv, fc] = [3 * 3 * 9, 4 * 108].map(|count| count * size_of::<f32>());
    assert_eq!(memory.constant_bytes, 2 * conv + fc + 2 * 3 * size_of::<f32>());
    // Packed, three and four channels take as much as 16.
    let [conv, fc] = [16 * 3 * 9, 16 * 108].map(|count| count * size_of::<f32>());
    assert_eq!(memory.packed_bytes, 2 * conv + fc);
    assert!(matches!(plan.footprint(&[]), Err(Error::InputCount { .. })));
    assert!(matches!(plan.footprint(&[&[2, 3, 6, 5]]), Err(Error::Input { .. })));
}

#[test]
fn inputs_of_another_type_are_refused_after_a_run_of_the_same_sizes() {
    let mut session = Session::new(Arc::new(Plan::compile(&meeting(), &Options::default()).expect("a plan")));
    assert!(session.run(&[noise(&[1, 3, 6, 6], 1)]).is_ok());
    let bytes = Tensor::from_vec(&[1, 3, 6, 6], vec![0_u8; 108]).expect("bytes");
    assert!(matches!(session.run(&[bytes]), Err(Error::Input { .. })));
}

#[test]
fn sizes_of_images_may_change_and_must_be_large_enough() {
    let image = [Dim::symbol("n"), 3.into(), Dim::symbol("h"), Dim::symbol("w")];
    let network = |sizes: &[Dim]| {
        let mut builder = GraphBuilder::new("free");
        let x = builder.input("x", ValueType::f32(sizes)).expect("an input");
        let half = Window::new(&[3, 3]).with_stride(2);
        let a = builder.conv("a", x, half.clone(), 1, noise(&[4, 3, 3, 3], 1), None).expect("a convolution");
        let b = builder.node("b", Op::MaxPool(half.with_padding(1)), &[a]).expect("a pooling");
        let c = builder.node("c", Op::GlobalAveragePool, &[b]).expect("an average");
        [a, b, c].into_iter().for_each(|id| builder.output(id));
        builder.finish().expect("a valid graph")
    };
    let mut session = Session::new(Plan::compile(&network(&image), &Options::default()).expect("a plan").into());
    for shape in [[2, 3, 9, 12], [1, 3, 3, 4], [1, 3, 8, 31], [2, 3, 9, 12]] {
        let x = noise(&shape, 5);
        let mut fixed =
            Session::new(Plan::compile(&network(&shape.map(Dim::Fixed)), &Options::default()).expect("a plan").into());
        let expected = fixed.run(std::slice::from_ref(&x)).expect("a run").to_vec();
        assert_eq!(session.run(std::slice::from_ref(&x)), Ok(&expected[..]), "{shape:?}");
    }
    for (shape, word) in
        [([1, 3, 2, 9], "`a` would have no elements: its axis 2"), ([1, 3, 9, 1], "axis 3"), ([1, 3, 0, 9], "`")]
    {
        let error = session.run(&[noise(&shape, 5)]).expect_err("too small");
        assert!(matches!(error, Error::TooSmall { .. }) && error.to_string().contains(word), "{error}");
    }
}

#[test]
fn a_layer_that_is_applied_again_is_packed_once() {
    let graph = {
        let mut builder = GraphBuilder::new("again");
        let x = builder.input("x", ValueType::f32(&[Dim::symbol("batch"), 20.into()])).expect("an input");
        let weights = [("w", 1), ("v", 2)]
            .map(|(name, seed)| builder.constant(name, noise(&[20, 20], seed)).expect("a constant"));
        let mut layer = |name: &str, activation, x, weight| {
            let op = Op::Linear(Linear { activation, dynamic: None });
            builder.node(name, op, &[x, weight]).expect("a product")
        };
        let a = layer("a", Activation::None, x, weights[0]);
        let b = layer("b", Activation::None, a, weights[1]);
        let c = layer("c", Activation::Relu, b, weights[0]);
        let d = layer("d", Activation::None, c, weights[0]);
        builder.output(d);
        builder.finish().expect("a valid graph")
    };
    let plan = Plan::compile(&graph, &Options::default()).expect("a plan");
    let packed = 20 * 32 * size_of::<f32>();
    let memory = plan.footprint(&[&[3, 20]]).expect("sizes that the graph takes");
    assert_eq!(memory.packed_bytes, 3 * packed, "two weights, and one of them with a clamp");
    let x = noise(&[3, 20], 5);
    let one_by_one = ["a", "b", "c", "d"].iter().zip([1, 2, 1, 1]).fold(x.clone(), |x, (name, seed)| {
        let mut builder = GraphBuilder::new("one");
        let input = builder.input("x", ValueType::f32(&[3.into(), 20.into()])).expect("an input");
        let mut y = builder.linear(name, input, noise(&[20, 20], seed), None).expect("a product");
        if *name == "c" {
            y = builder.relu("relu", y).expect("relu");
        }
        builder.output(y);
        run(&builder.finish().expect("a valid graph"), &[x])
    });
    assert_eq!(run(&graph, &[x]), one_by_one);
}
