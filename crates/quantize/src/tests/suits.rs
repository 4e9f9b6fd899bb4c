//! Which operators are quantized, depending on their neighbours.

use fourfold_graph::{
    Activation, Add, Binary, Dim, Flatten, Gather, Graph, GraphBuilder, Op, Reduce, Softmax, Transpose, Unary, ValueId,
    ValueType,
};
use fourfold_tensor::{DType, Tensor};
use fourfold_testing::{assert_close, noise};

use super::run_floats;
use crate::{Decision, QConfig, Quantized, prepare};

const SUM: Op = Op::Add(Add { activation: Activation::None });

/// A graph over `[n, 4]`.
fn graph(build: impl FnOnce(&mut GraphBuilder, ValueId) -> ValueId) -> Graph {
    let mut builder = GraphBuilder::new("suits");
    let x = builder.input("x", ValueType::f32(&[Dim::symbol("n"), 4.into()])).expect("valid");
    let y = build(&mut builder, x);
    builder.output(y);
    builder.finish().expect("valid")
}

fn linear(builder: &mut GraphBuilder, name: &str, x: ValueId) -> ValueId {
    let seed = name.bytes().map(u32::from).sum();
    builder.linear(name, x, noise(&[4, 4], seed), None).expect("valid")
}

fn node(builder: &mut GraphBuilder, name: &str, op: Op, inputs: &[ValueId]) -> ValueId {
    builder.node(name, op, inputs).expect("valid")
}

fn quantized(graph: &Graph) -> Quantized {
    let mut calibration = prepare(graph, QConfig::fourfold()).expect("a float graph");
    for seed in 0..4 {
        calibration.observe(&[noise(&[16, 4], seed)]).expect("a batch");
    }
    let quantized = calibration.convert().expect("calibrated");
    let x = noise(&[8, 4], 9);
    assert_close(&run_floats(quantized.graph(), &x), &run_floats(graph, &x), 0.1);
    quantized
}

/// The reason why a node is float; empty if it is quantized.
fn reason<'q>(quantized: &'q Quantized, name: &str) -> &'q str {
    let layer = quantized.layers().iter().find(|layer| layer.name == name).expect("a layer");
    assert_eq!(layer.decision == Decision::Static, layer.reason.is_empty());
    &layer.reason
}

#[test]
fn a_gated_layer_is_on_codes() {
    let gated = graph(|builder, x| {
        let [a, b] = ["a", "b"].map(|name| linear(builder, name, x));
        let gate = node(builder, "gate", Op::Unary(Unary::Sigmoid), &[a]);
        let product = node(builder, "product", Op::Binary(Binary::Mul), &[gate, b]);
        let half = builder.constant("half", Tensor::from_vec(&[1], vec![-0.3_f32]).expect("one")).expect("valid");
        let scaled = node(builder, "scaled", Op::Binary(Binary::Mul), &[product, half]);
        let difference = node(builder, "difference", Op::Binary(Binary::Sub), &[scaled, b]);
        let gelu = node(builder, "gelu", Op::Unary(Unary::Gelu), &[difference]);
        linear(builder, "last", gelu)
    });
    let result = quantized(&gated);
    for name in ["a", "gate", "product", "scaled", "difference", "gelu", "last"] {
        assert_eq!(reason(&result, name), "", "{name}");
    }
    let value = |name: &str| result.graph().values().iter().find(|value| value.name() == name).expect("a value");
    let (scale, zero_point) = value("gate").ty().params().and_then(|params| params.as_per_tensor()).expect("quantized");
    assert_eq!((scale.get(), zero_point), (1.0 / 256.0, 0));
    let number = value("half.codes");
    let (scale, zero_point) = number.ty().params().and_then(|params| params.as_per_tensor()).expect("quantized");
    assert_eq!((scale.get(), zero_point), (0.3, 1));
    assert_eq!(number.constant().expect("a constant").bytes(), [0], "one step below the zero point");
    let borders = result.graph().nodes().iter().filter(|node| matches!(node.op(), Op::Quantize | Op::Dequantize));
    assert_eq!(borders.count(), 2);
}

#[test]
fn attention_multiplies_codes() {
    let attention = graph(|builder, x| {
        let [q, k, v] = ["q", "k", "v"].map(|name| linear(builder, name, x));
        let turned = node(builder, "turned", Op::Transpose(Transpose { axes: vec![1, 0] }), &[k]);
        let scores = node(builder, "scores", Op::MatMul, &[q, turned]);
        let shares = node(builder, "shares", Op::Softmax(Softmax { axis: 1 }), &[scores]);
        let mixed = node(builder, "mixed", Op::MatMul, &[shares, v]);
        linear(builder, "out", mixed)
    });
    let result = quantized(&attention);
    for name in ["q", "turned", "scores", "mixed", "out"] {
        assert_eq!(reason(&result, name), "", "{name}");
    }
    assert_eq!(reason(&result, "shares"), "Softmax runs in floats only");
    let shares = result.graph().values().iter().find(|value| value.name() == "shares.codes").expect("a border");
    let (scale, zero_point) = shares.ty().params().and_then(|params| params.as_per_tensor()).expect("quantized");
    assert_eq!((scale.get(), zero_point), (1.0 / 256.0, 0));
}

#[test]
fn what_costs_no_more_in_float_stays_float() {
    let written_out = graph(|builder, x| {
        let first = linear(builder, "first", x);
        let mean = Op::Reduce(Reduce { reduction: fourfold_graph::Reduction::Mean, axes: vec![1], keep: true });
        let mean = node(builder, "mean", mean, &[first]);
        let centred = node(builder, "centred", Op::Binary(Binary::Sub), &[first, mean]);
        let row = builder.constant("row", noise(&[4], 3)).expect("valid");
        let scaled = node(builder, "scaled", Op::Binary(Binary::Mul), &[first, row]);
        let sum = node(builder, "sum", SUM, &[scaled, centred]);
        let last = linear(builder, "last", sum);
        node(builder, "sigmoid", Op::Unary(Unary::Sigmoid), &[last])
    });
    let result = quantized(&written_out);
    let expected = [
        ("first", ""),
        ("mean", "ReduceMean runs in floats only"),
        ("centred", "an operand is not quantized"),
        ("scaled", "an operand is constant, and not a single number"),
        ("sum", "no operand is quantized, and it has no weight"),
        ("last", ""),
        ("sigmoid", "no product reads its result"),
    ];
    for (name, expected) in expected {
        assert_eq!(reason(&result, name), expected, "{name}");
    }
}

#[test]
fn numbers_of_elements_and_truth_values_are_no_codes() {
    let chosen = graph(|builder, x| {
        let first = linear(builder, "first", x);
        let numbers = Tensor::from_vec(&[3], vec![2_i64, 0, -1]).expect("three");
        let numbers = builder.constant("numbers", numbers).expect("valid");
        let one = builder.constant("one", Tensor::from_vec(&[1], vec![1_i64]).expect("one")).expect("valid");
        let later = node(builder, "later", SUM, &[numbers, one]);
        let back = node(builder, "back", Op::Binary(Binary::Sub), &[later, one]);
        let columns = node(builder, "columns", Op::Gather(Gather { axis: 1 }), &[first, back]);
        let zero = builder.constant("zero", Tensor::from_vec(&[1], vec![0.0_f32]).expect("one")).expect("valid");
        let truth = node(builder, "truth", Op::Compare(fourfold_graph::Comparison::Greater), &[columns, zero]);
        node(builder, "where", Op::Where, &[truth, columns, zero])
    });
    let result = quantized(&chosen);
    assert_eq!(reason(&result, "columns"), "");
    for name in ["later", "back", "truth", "where"] {
        assert!(!reason(&result, name).is_empty(), "{name}");
    }
    let later = result.graph().values().iter().find(|value| value.name() == "later").expect("a value");
    assert_eq!(later.ty().dtype(), DType::I64);
}

#[test]
fn transposed_convolutions_are_on_codes_with_one_scale() {
    let mut builder = GraphBuilder::new("wide");
    let x = builder.input("x", ValueType::f32(&[Dim::symbol("n"), 4.into()])).expect("valid");
    let image =
        fourfold_graph::Reshape::resolve(&[0, 4, 1, 1], &[Dim::symbol("n"), 4.into()]).map(Op::Reshape).expect("valid");
    let image = node(&mut builder, "image", image, &[x]);
    let weight = builder.constant("weight", noise(&[4, 3, 2, 3], 1)).expect("valid");
    let bias = builder.constant("bias", noise(&[6], 2)).expect("valid");
    let wide = fourfold_graph::ConvTranspose {
        window: fourfold_graph::Window::new(&[2, 3]).with_stride(2),
        output_padding: vec![1, 0],
        groups: 2,
        activation: Activation::Relu,
    };
    let wide = node(&mut builder, "wide", Op::ConvTranspose(wide), &[image, weight, bias]);
    let flat = node(&mut builder, "flat", Op::Flatten(Flatten { axis: 1 }), &[wide]);
    let y = builder.linear("y", flat, noise(&[4, 54], 3), None).expect("valid");
    builder.output(y);
    let result = quantized(&builder.finish().expect("valid"));
    for name in ["wide", "flat", "y"] {
        assert_eq!(reason(&result, name), "", "{name}");
    }
    let weight = result.graph().values().iter().find(|value| value.name() == "weight").expect("a weight");
    assert_eq!((weight.ty().dtype(), weight.ty().params().map(|params| params.scales().len())), (DType::I8, Some(1)));
}
