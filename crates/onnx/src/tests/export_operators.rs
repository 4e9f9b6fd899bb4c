//! Operators written and read again: the same graph, or the same bits when it runs.

use fourfold_graph::{
    Activation, Clip, Concat, ConvTranspose, Coordinates, Dim, Expand, Gather, Graph, GraphBuilder, Interpolation,
    Limits, NewNode, Op, Pad, PadMode, Reshape, Resize, Rounding, Slice, ValueId, ValueType, Window,
};
use fourfold_schemes::{Granularity, QuantParams, Scale};
use fourfold_tensor::{DType, Tensor};
use fourfold_testing::run;
use prost::Message;

use super::export::meaning;
use crate::proto::{GraphProto, ModelProto};
use crate::{Form, export, export_as, import};

fn read_again(graph: &Graph) -> Graph {
    import(&export(graph).expect("an ONNX form"), &Limits::default()).expect("what was written can be read")
}

fn proto(graph: &Graph) -> (i64, GraphProto) {
    let model = ModelProto::decode(export(graph).expect("an ONNX form").as_slice()).expect("a model");
    (model.opset_import[0].version, model.graph.expect("a graph"))
}

fn ramp(shape: &[usize]) -> Tensor {
    let count = shape.iter().product::<usize>();
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    Tensor::from_vec(shape, (0..count).map(|index| index as f32 * 0.37 - 2.0).collect()).expect("as many")
}

fn params(scale: f32, zero_point: i32) -> QuantParams {
    QuantParams::per_tensor(DType::U8, (0, 255), Scale::new(scale).expect("normal"), zero_point).expect("valid")
}

fn symbols(names: &[&str]) -> Vec<Dim> {
    names.iter().map(|name| name.parse().map_or_else(|_| Dim::symbol(name), Dim::Fixed)).collect()
}

fn product(names: &[&str]) -> Dim {
    let factors = symbols(names).into_iter().map(|dim| dim.polynomial().expect("small"));
    Dim::computed(factors.reduce(|a, b| a.mul(&b).expect("small")).expect("some")).expect("positive")
}

#[test]
fn sizes_of_several_symbols_are_computed() {
    let mut builder = GraphBuilder::new("sizes");
    let x = builder.input("x", ValueType::f32(&symbols(&["n", "m", "4"]))).expect("valid");
    let row = builder.input("row", ValueType::f32(&symbols(&["m"]))).expect("valid");
    let joined = Op::Reshape(Reshape { dims: vec![product(&["n", "m"]), 2.into(), 2.into()] });
    let joined = builder.node("joined", joined, &[x]).expect("valid");
    let split = Op::Reshape(Reshape { dims: symbols(&["m", "n", "4"]) });
    let split = builder.node("split", split, &[joined]).expect("valid");
    let rows = builder.node("rows", Op::Expand(Expand { dims: symbols(&["n", "m"]) }), &[row]).expect("valid");
    let flat = builder.node("flat", Op::Reshape(Reshape { dims: vec![product(&["n", "m"])] }), &[rows]).expect("valid");
    let twice = builder.node("twice", Op::Concat(Concat { axis: 0 }), &[flat, row]).expect("valid");
    let cut = Op::Slice(Slice { axis: 0, start: 0, step: 1, length: product(&["n", "m"]) });
    let cut = builder.node("cut", cut, &[twice]).expect("valid");
    let back = Op::Slice(Slice { axis: 0, start: -1, step: -1, length: Dim::symbol("m") });
    let back = builder.node("back", back, &[row]).expect("valid");
    let wide = Op::Expand(Expand { dims: vec![product(&["n", "n", "3"]), Dim::symbol("m")] });
    let wide = builder.node("wide", wide, &[row]).expect("valid");
    [joined, split, rows, cut, back, wide].into_iter().for_each(|id| builder.output(id));
    let graph = builder.finish().expect("valid");
    let back = read_again(&graph);
    assert_eq!(meaning(&back), meaning(&graph));
    let inputs = [ramp(&[2, 3, 4]), ramp(&[3])];
    assert_eq!(run(&back, &inputs), run(&graph, &inputs));
}

#[test]
fn a_table_of_codes_stays_one() {
    let mut builder = GraphBuilder::new("embedding");
    let indices = builder.input("indices", ValueType::plain(DType::I64, &symbols(&["n"]))).expect("valid");
    let codes = Tensor::from_vec(&[3, 2], vec![1_u8, 2, 250, 4, 5, 77]).expect("six");
    let scales = [0.5, 0.25, 2.0].map(|scale| Scale::new(scale).expect("normal")).to_vec();
    let rows = Granularity::PerChannel { axis: 0, scales, zero_points: vec![3, 0, 200] };
    let rows = QuantParams::new(DType::U8, (0, 255), rows).expect("valid");
    let table = builder.quantized_constant("table", codes.clone(), rows).expect("valid");
    let whole = builder.quantized_constant("whole", codes, params(0.5, 9)).expect("valid");
    for (name, table) in [("by_row", table), ("by_table", whole)] {
        let rows = builder.node(name, Op::Gather(Gather { axis: 0 }), &[table, indices]).expect("valid");
        builder.output(rows);
    }
    let graph = builder.finish().expect("valid");
    let back = read_again(&graph);
    assert_eq!(meaning(&back), meaning(&graph));
    let inputs = [Tensor::from_vec(&[4], vec![2_i64, 0, -2, 1]).expect("four")];
    assert_eq!(run(&back, &inputs), run(&graph, &inputs));
}

#[test]
fn transposed_convolutions_and_wrapped_padding_have_their_attributes() {
    let mut builder = GraphBuilder::new("newer");
    let x = builder.input("x", ValueType::f32(&symbols(&["n", "2", "4", "4"]))).expect("valid");
    let weight = builder.constant("weight", ramp(&[2, 1, 3, 3])).expect("valid");
    let bias = builder.constant("bias", ramp(&[2])).expect("valid");
    let window = Window::new(&[3, 3]).with_stride(2).with_padding(1);
    let activation = Activation::Relu;
    let conv = ConvTranspose { window, output_padding: vec![1, 0], groups: 2, activation };
    let y = builder.node("up", Op::ConvTranspose(conv), &[x, weight, bias]).expect("valid");
    builder.output(y);
    let without = builder.finish().expect("valid");
    let (opset, written) = proto(&without);
    assert_eq!(opset, 17);
    let [conv, relu] = written.node.as_slice() else { panic!("{:?}", written.node) };
    assert_eq!((conv.op_type.as_str(), relu.op_type.as_str()), ("ConvTranspose", "Relu"));
    let lists = |name: &str| conv.attribute.iter().find(|attribute| attribute.name == name).map(|a| a.ints.clone());
    assert_eq!(lists("output_padding"), Some(vec![1, 0]));
    assert_eq!(lists("pads"), Some(vec![1; 4]));

    let mut builder = GraphBuilder::new("newer");
    let x = builder.input("x", ValueType::f32(&symbols(&["n", "4"]))).expect("valid");
    let pad = Op::Pad(Pad { begin: vec![0, 2], end: vec![0, 1], mode: PadMode::Wrap });
    let y = builder.node("pad", pad, &[x]).expect("valid");
    builder.output(y);
    let graph = builder.finish().expect("valid");
    assert_eq!(proto(&graph).0, 19);
    assert_eq!(meaning(&read_again(&graph)), meaning(&graph));
}

/// Operators that move quantized values, between a Quantize and a Dequantize.
#[test]
fn operators_on_codes_come_back_on_codes() {
    let mut builder = GraphBuilder::new("codes");
    let x = builder.input("x", ValueType::f32(&symbols(&["1", "2", "4", "4"]))).expect("valid");
    let indices = Tensor::from_vec(&[3], vec![1_i64, 0, 1]).expect("three");
    let indices = builder.constant("indices", indices).expect("valid");
    let mut add = |name: &str, op: Op, inputs: &[ValueId], params: Option<QuantParams>| {
        builder.add(NewNode { name, output: name, op, inputs, params }).expect("valid")
    };
    let coarse = add("coarse", Op::Quantize, &[x], Some(params(0.1, 30)));
    let fine = add("fine", Op::Quantize, &[x], Some(params(0.05, 60)));
    let nearest = Interpolation::Nearest(Rounding::Floor);
    let resize = |interpolation| Resize {
        scales: vec![1.0, 1.0, 2.0, 2.0],
        sizes: vec![None; 4],
        interpolation,
        coordinates: Coordinates::Asymmetric,
    };
    let constant = PadMode::Constant(-0.33);
    let pad = |mode| Op::Pad(Pad { begin: vec![0, 0, 1, 1], end: vec![0, 0, 0, 2], mode });
    let joined = add("joined", Op::Concat(Concat { axis: 1 }), &[coarse, fine], Some(params(0.2, 10)));
    let moved = [
        ("slice", Op::Slice(Slice { axis: 2, start: 1, step: 2, length: 2.into() }), vec![joined]),
        ("pad", pad(constant), vec![joined]),
        ("edge", pad(PadMode::Edge), vec![joined]),
        ("nearest", Op::Resize(resize(nearest)), vec![joined]),
        ("linear", Op::Resize(resize(Interpolation::Linear)), vec![joined]),
        ("gather", Op::Gather(Gather { axis: 1 }), vec![joined, indices]),
        ("expand", Op::Expand(Expand { dims: symbols(&["3", "4", "4", "4"]) }), vec![joined]),
        ("relu", Op::Relu, vec![joined]),
        ("clip", Op::Clip(Clip { min: -0.8, max: 2.2 }), vec![joined]),
    ];
    let moved = moved.map(|(name, op, inputs)| add(name, op, &inputs, None));
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    let real: Vec<ValueId> =
        moved.into_iter().zip(names).map(|(id, name)| add(name, Op::Dequantize, &[id], None)).collect();
    real.into_iter().for_each(|id| builder.output(id));
    let graph = builder.finish().expect("valid");
    let back = read_again(&graph);
    assert_eq!(meaning(&back), meaning(&graph));
    let inputs = [ramp(&[1, 2, 4, 4])];
    let expected = run(&graph, &inputs);
    assert_eq!(run(&back, &inputs), expected);

    let bytes = export_as(&graph, Form::QOperator).expect("a form on codes");
    let model = ModelProto::decode(bytes.as_slice()).expect("a model");
    let nodes = model.graph.expect("a graph").node;
    let count = |operator: &str| nodes.iter().filter(|node| node.op_type == operator).count();
    // Padding with a number and linear resampling depend on scale and zero point.
    assert_eq!((count("QuantizeLinear"), count("DequantizeLinear")), (2 + 2, 9 + 1));
    assert_eq!((count("QLinearConcat"), count("Clip"), count("Relu")), (1, 2, 0));
    let back = import(&bytes, &Limits::default()).expect("what was written can be read");
    assert_eq!(run(&back, &inputs), expected);
}

/// Codes that mean the same are joined as they are, also more of them than one Concat takes.
#[test]
fn codes_of_one_meaning_are_joined_as_they_are() {
    let mut builder = GraphBuilder::new("alike");
    let x = builder.input("x", ValueType::f32(&symbols(&["1", "2"]))).expect("valid");
    let mut add = |name: &str, op: Op, inputs: &[ValueId], params: Option<QuantParams>| {
        builder.add(NewNode { name, output: name, op, inputs, params }).expect("valid")
    };
    let codes = add("codes", Op::Quantize, &[x], Some(params(0.1, 30)));
    let two = add("two", Op::Concat(Concat { axis: 1 }), &[codes, codes], Some(params(0.1, 30)));
    let real = add("real", Op::Dequantize, &[two], None);
    builder.output(real);
    let graph = builder.finish().expect("valid");
    let bytes = export_as(&graph, Form::QOperator).expect("a form on codes");
    let back = import(&bytes, &Limits::default()).expect("what was written can be read");
    let inputs = [ramp(&[1, 2])];
    assert_eq!(run(&back, &inputs), run(&graph, &inputs));

    let mut model = ModelProto::decode(bytes.as_slice()).expect("a model");
    let nodes = &mut model.graph.as_mut().expect("a graph").node;
    let join = nodes.iter_mut().find(|node| node.op_type == "Concat").expect("a Concat of codes");
    join.input = vec!["codes".to_owned(); 70];
    let back = import(&model.encode_to_vec(), &Limits::default());
    let back = back.map(|graph| graph.value(graph.outputs()[0]).ty().to_string());
    assert_eq!(back, Ok("f32[1, 140]".to_owned()));
}

#[test]
fn no_two_nodes_have_one_name() {
    let mut builder = GraphBuilder::new("names");
    let x = builder.input("x", ValueType::f32(&symbols(&["n", "2"]))).expect("valid");
    let mut add = |name: &str, output: &str, op: Op, input: ValueId, params: Option<QuantParams>| {
        builder.add(NewNode { name, output, op, inputs: &[input], params }).expect("valid")
    };
    let codes = add("q", "codes", Op::Quantize, x, Some(params(0.1, 30)));
    let maximum = add("codes.dequantize", "maximum", Op::Relu, codes, None);
    let real = add("real", "real", Op::Dequantize, maximum, None);
    builder.output(real);
    let (_, written) = proto(&builder.finish().expect("valid"));
    let mut names: Vec<&str> = written.node.iter().map(|node| node.name.as_str()).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
}
