//! Sums and joins of what one scale cannot hold.

use fourfold_graph::{
    Activation, Add, Concat, Dim, Graph, GraphBuilder, Op, Softmax, Transpose, Unary, ValueId, ValueType,
};
use fourfold_tensor::Tensor;
use fourfold_testing::noise;

use crate::{Comparison, Decision, QConfig, Quantized, prepare};

const SUM: Op = Op::Add(Add { activation: Activation::None });

fn linear(builder: &mut GraphBuilder, name: &str, x: ValueId, factor: f32) -> ValueId {
    let seed = name.bytes().map(u32::from).sum();
    let weight = scaled(noise(&[4, 4], seed), factor);
    builder.linear(name, x, weight, None).expect("valid")
}

fn node(builder: &mut GraphBuilder, name: &str, op: Op, inputs: &[ValueId]) -> ValueId {
    builder.node(name, op, inputs).expect("valid")
}

fn scaled(mut tensor: Tensor, factor: f32) -> Tensor {
    tensor.as_mut_slice::<f32>().expect("f32").iter_mut().for_each(|value| *value *= factor);
    tensor
}

/// A graph over `x: [n, 4]` and the inputs that `build` adds.
fn graph(build: impl FnOnce(&mut GraphBuilder, ValueId) -> ValueId) -> Graph {
    let mut builder = GraphBuilder::new("joins");
    let x = builder.input("x", ValueType::f32(&[Dim::symbol("n"), 4.into()])).expect("valid");
    let y = build(&mut builder, x);
    builder.output(y);
    builder.finish().expect("valid")
}

fn quantized(graph: &Graph, batches: &[Vec<Tensor>]) -> (Quantized, Comparison) {
    let mut calibration = prepare(graph, QConfig::fourfold()).expect("a float graph");
    batches.iter().for_each(|batch| calibration.observe(batch).expect("a batch"));
    let quantized = calibration.convert().expect("calibrated");
    let mut comparison = Comparison::new(graph, quantized.graph()).expect("two graphs");
    batches.iter().for_each(|batch| comparison.observe(batch).expect("a batch"));
    (quantized, comparison)
}

fn images() -> Vec<Vec<Tensor>> {
    (0..4).map(|seed| vec![noise(&[16, 4], seed)]).collect()
}

/// The reason why a node is float; empty if it is quantized.
fn reason<'q>(quantized: &'q Quantized, name: &str) -> &'q str {
    let layer = quantized.layers().iter().find(|layer| layer.name == name).expect("a layer");
    assert_eq!(layer.decision == Decision::Static, layer.reason.is_empty());
    &layer.reason
}

#[test]
fn masked_scores_are_observed_without_the_mask() {
    let attention = graph(|builder, x| {
        let mask = builder.input("mask", ValueType::f32(&[1.into(), Dim::symbol("n")])).expect("valid");
        let [q, k, v] = ["q", "k", "v"].map(|name| linear(builder, name, x, 1.0));
        let transposed = node(builder, "transposed", Op::Transpose(Transpose { axes: vec![1, 0] }), &[k]);
        let scores = node(builder, "scores", Op::MatMul, &[q, transposed]);
        let masked = node(builder, "masked", SUM, &[scores, mask]);
        let shares = node(builder, "shares", Op::Softmax(Softmax { axis: 1 }), &[masked]);
        let mixed = node(builder, "mixed", Op::MatMul, &[shares, v]);
        linear(builder, "out", mixed, 1.0)
    });
    for lowest in [f32::NEG_INFINITY, -1e4, -1e9, f32::MIN] {
        let mask = (0..16).map(|token| if token % 3 == 0 { lowest } else { 0.0 }).collect();
        let mask = Tensor::from_vec(&[1, 16], mask).expect("one for each token");
        let batches: Vec<Vec<Tensor>> = images().into_iter().map(|x| [x, vec![mask.clone()]].concat()).collect();
        let (result, comparison) = quantized(&attention, &batches);
        assert_eq!(reason(&result, "masked"), "no product reads its result");
        for name in ["scores", "mixed", "out"] {
            assert_eq!(reason(&result, name), "", "{name}");
        }
        let db = comparison.sqnr_db("out").expect("compared");
        assert!(db > 30.0, "{lowest}: {db} dB");
    }
}

#[test]
fn a_sum_that_loses_an_operand_stays_float_up_to_the_next_product() {
    let masked = || {
        graph(|builder, x| {
            let mask = builder.input("mask", ValueType::f32(&[Dim::symbol("n"), 1.into()])).expect("valid");
            let first = linear(builder, "first", x, 1.0);
            let sum = node(builder, "sum", SUM, &[first, mask]);
            let positive = node(builder, "positive", Op::Relu, &[sum]);
            let second = linear(builder, "second", positive, 1.0);
            linear(builder, "third", second, 1.0)
        })
    };
    for (lowest, stays_float) in [(-1e9_f32, true), (-4.0, false)] {
        let mask = (0..16).map(|token| if token % 3 == 0 { lowest } else { 0.0 }).collect();
        let mask = Tensor::from_vec(&[16, 1], mask).expect("one for each row");
        let batches: Vec<Vec<Tensor>> = images().into_iter().map(|x| [x, vec![mask.clone()]].concat()).collect();
        let (result, comparison) = quantized(&masked(), &batches);
        let expected = [
            ("first", ""),
            ("sum", "the scale of its result is too coarse for its operand `first`"),
            ("positive", "one scale does not hold `sum`, which it reads"),
            ("second", "one scale does not hold `positive`, which it reads"),
            ("third", ""),
        ];
        for (name, expected) in expected {
            assert_eq!(reason(&result, name), if stays_float { expected } else { "" }, "{lowest}: {name}");
        }
        assert!(comparison.sqnr_db("third").expect("compared") > 25.0);
    }
}

/// Boxes around 300 and scores between 0 and 1, side by side, and what `build` makes of them.
fn detector(build: impl FnOnce(&mut GraphBuilder, ValueId) -> ValueId) -> Graph {
    graph(|builder, x| {
        let boxes = linear(builder, "boxes", x, 300.0);
        let scores = linear(builder, "raw", x, 3.0);
        let scores = node(builder, "scores", Op::Unary(Unary::Sigmoid), &[scores]);
        let joined = node(builder, "joined", Op::Concat(Concat { axis: 1 }), &[boxes, scores]);
        build(builder, joined)
    })
}

#[test]
fn boxes_and_scores_of_an_output_keep_a_scale_each() {
    let detector =
        detector(|builder, joined| node(builder, "turned", Op::Transpose(Transpose { axes: vec![1, 0] }), &[joined]));
    let (result, comparison) = quantized(&detector, &images());
    assert_eq!(reason(&result, "boxes"), "");
    assert_eq!(reason(&result, "joined"), "no product reads its result");
    for name in ["joined", "turned"] {
        assert!(comparison.sqnr_db(name).expect("compared") > 25.0, "{name}");
    }
}

#[test]
fn what_reads_boxes_beside_scores_stays_float() {
    let weight = |first: f32| {
        let (boxes, scores) = (scaled(noise(&[4, 4], 5), first), noise(&[4, 4], 6));
        let rows =
            boxes.as_slice::<f32>().expect("f32").chunks(4).zip(scores.as_slice::<f32>().expect("f32").chunks(4));
        Tensor::from_vec(&[4, 8], rows.flat_map(|(a, b)| [a, b].concat()).collect::<Vec<f32>>()).expect("as many")
    };
    let read = detector(|builder, joined| builder.linear("read", joined, weight(1.0 / 300.0), None).expect("valid"));
    let (result, comparison) = quantized(&read, &images());
    assert_eq!(reason(&result, "joined"), "the scale of its result is too coarse for its operand `scores`");
    assert_eq!(reason(&result, "read"), "one scale does not hold `joined`, which it reads");
    assert!(comparison.sqnr_db("read").expect("compared") > 30.0);
}

#[test]
fn operands_of_like_size_and_zeros_are_joined_in_int8() {
    for factor in [0.2, 0.0] {
        let like = graph(|builder, x| {
            let (a, b) = (linear(builder, "a", x, 1.0), linear(builder, "b", x, factor));
            let joined = node(builder, "joined", Op::Concat(Concat { axis: 1 }), &[a, b]);
            builder.linear("read", joined, noise(&[4, 8], 7), None).expect("valid")
        });
        let (result, comparison) = quantized(&like, &images());
        for name in ["a", "b", "joined", "read"] {
            assert_eq!(reason(&result, name), "", "{factor}: {name}");
        }
        assert!(comparison.sqnr_db("read").expect("compared") > 25.0);
    }
}

#[test]
fn the_ratio_of_a_join_is_that_of_its_worst_operand() {
    let joined = graph(|builder, x| {
        let (a, b) = (linear(builder, "a", x, 1.0), linear(builder, "b", x, 0.05));
        let joined = node(builder, "joined", Op::Concat(Concat { axis: 1 }), &[a, b]);
        builder.linear("read", joined, noise(&[4, 8], 7), None).expect("valid")
    });
    let (result, comparison) = quantized(&joined, &images());
    assert_eq!(reason(&result, "joined"), "the scale of its result is too coarse for its operand `b`");
    let close = graph(|builder, x| {
        let (a, b) = (linear(builder, "a", x, 1.0), linear(builder, "b", x, 0.1));
        let joined = node(builder, "joined", Op::Concat(Concat { axis: 1 }), &[a, b]);
        builder.linear("read", joined, noise(&[4, 8], 7), None).expect("valid")
    });
    let (result, of_close) = quantized(&close, &images());
    assert_eq!(reason(&result, "joined"), "");
    let [worse, better] = ["joined", "a"].map(|name| of_close.sqnr_db(name).expect("compared"));
    assert!(worse < better - 10.0, "{worse} dB of the join, {better} dB of its larger operand");
    assert!(comparison.sqnr_db("joined").expect("compared") > worse);
}
