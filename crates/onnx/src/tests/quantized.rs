//! Quantized models: what becomes of each form, and what is refused.

use fourfold_graph::{Graph, Op};
use fourfold_schemes::DynamicScheme;
use fourfold_tensor::{DType, Tensor};

use super::{floats, int, model, node, read};
use crate::Error;
use crate::proto::{AttributeProto, ModelProto, NodeProto};

fn scalar(value: f32) -> Tensor {
    Tensor::from_vec(&[], vec![value]).expect("one")
}

fn codes<T: fourfold_tensor::Element>(shape: &[usize], list: &[T]) -> Tensor {
    Tensor::from_slice(shape, list).expect("as many as the shape has")
}

/// Constants that the models below read.
fn constants() -> Vec<(&'static str, Tensor)> {
    vec![
        ("s", scalar(0.5)),
        ("s2", scalar(0.25)),
        ("z", codes(&[], &[3_u8])),
        ("w", codes(&[2, 4], &[1_i8, -2, 3, 4, 5, 6, -7, 8])),
        ("ws", codes(&[2], &[0.5_f32, 0.25])),
        ("wz", codes(&[2], &[0_i8, 0])),
        ("b", codes(&[2], &[100_i32, -100])),
        ("bs", codes(&[2], &[0.25_f32, 0.125])),
    ]
}

fn q(x: &str, output: &str) -> NodeProto {
    node("QuantizeLinear", &[x, "s", "z"], output, vec![])
}

fn dq(x: &str, output: &str) -> NodeProto {
    node("DequantizeLinear", &[x, "s", "z"], output, vec![])
}

fn dq_weight(output: &str) -> NodeProto {
    node("DequantizeLinear", &["w", "ws", "wz"], output, vec![int("axis", 0)])
}

fn with(constants: &[(&str, Tensor)], nodes: Vec<NodeProto>) -> ModelProto {
    model(17, &[-1, 4], constants, nodes)
}

fn imported(nodes: Vec<NodeProto>) -> Result<Graph, Error> {
    read(&with(&constants(), nodes))
}

/// The operators of a graph; quantized ones have a star.
fn operators(graph: &Graph) -> Vec<String> {
    let name = |node: &fourfold_graph::Node| {
        let is_codes = graph.value(node.output()).ty().params().is_some();
        format!("{}{}", node.op().kind(), if is_codes { "*" } else { "" })
    };
    graph.nodes().iter().map(name).collect()
}

fn layer(operator: &str, transposed: bool, behind: Vec<NodeProto>) -> Vec<NodeProto> {
    let attributes = if transposed { vec![int("transB", 1)] } else { vec![] };
    let bias = node("DequantizeLinear", &["b", "bs"], "bd", vec![int("axis", 0)]);
    let product = node(operator, &["xd", "wd", "bd"], "h", attributes);
    [vec![q("x", "xq"), dq("xq", "xd"), dq_weight("wd"), bias, product], behind].concat()
}

#[test]
fn layers_between_codes_run_on_codes() {
    let graph = imported(layer("Gemm", true, vec![q("h", "hq"), dq("hq", "y")])).expect("valid");
    assert_eq!(operators(&graph), ["Quantize*", "Linear*", "Dequantize"]);
    let linear = &graph.nodes()[1];
    let [weight, bias] = [1, 2].map(|operand| graph.value(linear.inputs()[operand]));
    assert_eq!(weight.constant(), Some(&constants()[3].1));
    assert_eq!(bias.constant(), Some(&constants()[6].1));
    assert_eq!(bias.ty().params().map(|params| params.scales().len()), Some(2));
    let clamped = layer(
        "Gemm",
        true,
        vec![
            node("Relu", &["h"], "r", vec![]),
            node("Clip", &["r", "", "s"], "c", vec![]),
            q("c", "hq"),
            dq("hq", "y"),
        ],
    );
    let graph = imported(clamped).expect("valid");
    assert_eq!(operators(&graph), ["Quantize*", "Linear*", "Dequantize"]);
    assert_eq!(graph.nodes()[1].op().activation().bounds(), (0.0, 0.5));
}

#[test]
fn what_is_not_quantized_behind_stays_float() {
    let graph = imported(layer("Gemm", true, vec![node("Relu", &["h"], "y", vec![])])).expect("valid");
    assert_eq!(operators(&graph), ["Quantize*", "Dequantize", "Linear", "Relu"]);
    let weight = graph.value(graph.nodes()[2].inputs()[1]).constant().expect("a weight");
    assert_eq!(weight.as_slice::<f32>(), Ok(&[0.5, -1.0, 1.5, 2.0, 1.25, 1.5, -1.75, 2.0][..]));
    // Two read the sum, so it must be real.
    let both = vec![q("h", "hq"), dq("hq", "hd"), node("Add", &["h", "hd"], "y", vec![])];
    let graph = imported(layer("Gemm", true, both)).expect("valid");
    assert_eq!(operators(&graph), ["Quantize*", "Dequantize", "Linear", "Quantize*", "Dequantize", "Add"]);
}

#[test]
fn a_bias_of_another_scale_is_rounded() {
    let mut constants = constants();
    constants[7].1 = codes(&[2], &[0.26_f32, 0.125]);
    let graph = read(&with(&constants, layer("Gemm", true, vec![q("h", "y")]))).expect("valid");
    let bias = graph.value(graph.nodes()[1].inputs()[2]).constant().expect("a bias");
    assert_eq!(bias.as_slice::<i32>(), Ok(&[104, -100][..]));
    // A real bias, as PyTorch writes it.
    let mut nodes = layer("Gemm", true, vec![q("h", "y")]);
    nodes[4].input[2] = "bs".to_owned();
    let graph = read(&with(&constants, nodes)).expect("valid");
    assert_eq!(operators(&graph), ["Quantize*", "Linear*"]);
    let bias = graph.value(graph.nodes()[1].inputs()[2]).constant().expect("a bias");
    assert_eq!(bias.as_slice::<i32>(), Ok(&[1, 1][..]));
}

#[test]
fn codes_are_moved_as_codes() {
    let moved = vec![
        q("x", "xq"),
        dq("xq", "xd"),
        node("Flatten", &["xd"], "f", vec![int("axis", 0)]),
        node("Relu", &["f"], "r", vec![]),
        node("Transpose", &["r"], "t", vec![]),
        q("t", "tq"),
        dq("tq", "y"),
    ];
    let graph = imported(moved).expect("valid");
    assert_eq!(operators(&graph), ["Quantize*", "Reshape*", "Relu*", "Reshape*", "Dequantize"]);
    let again = vec![q("x", "xq"), dq("xq", "xd"), q("xd", "xqq"), dq("xqq", "y")];
    assert_eq!(operators(&imported(again).expect("valid")), ["Quantize*", "Dequantize"]);
    let other = vec![
        q("x", "xq"),
        dq("xq", "xd"),
        node("QuantizeLinear", &["xd", "s2", "z"], "a", vec![]),
        node("DequantizeLinear", &["a", "s2", "z"], "y", vec![]),
    ];
    assert_eq!(operators(&imported(other).expect("valid")), ["Quantize*", "Dequantize", "Quantize*", "Dequantize"]);
    // The bound lies between two quantized values.
    let clipped = |behind| vec![q("x", "xq"), dq("xq", "xd"), node("Clip", &["xd", "", "s2"], "c", vec![]), behind];
    assert_eq!(operators(&imported(clipped(q("c", "y"))).expect("valid")), ["Quantize*", "Clip*"]);
    let float = imported(clipped(node("Sqrt", &["c"], "y", vec![]))).expect("valid");
    assert_eq!(operators(&float), ["Quantize*", "Dequantize", "Clip", "Sqrt"]);
}

#[test]
fn weights_are_turned_where_the_graph_wants_them() {
    let matmul = |weight: NodeProto, more: Vec<NodeProto>| {
        let mut nodes = vec![q("x", "xq"), dq("xq", "xd"), weight];
        nodes.extend(more);
        nodes.extend([q("h", "hq"), dq("hq", "y")]);
        imported(nodes).expect("valid")
    };
    let turned = matmul(
        dq_weight("wd"),
        vec![node("Transpose", &["wd"], "wt", vec![]), node("MatMul", &["xd", "wt"], "h", vec![])],
    );
    assert_eq!(operators(&turned), ["Quantize*", "Linear*", "Dequantize"]);
    assert_eq!(turned.value(turned.nodes()[1].inputs()[1]).constant(), Some(&constants()[3].1));
    let sum = matmul(
        dq_weight("wd"),
        vec![
            node("Transpose", &["wd"], "wt", vec![]),
            node("MatMul", &["xd", "wt"], "p", vec![]),
            node("DequantizeLinear", &["b", "bs"], "bd", vec![int("axis", 0)]),
            node("Add", &["p", "bd"], "h", vec![]),
        ],
    );
    assert_eq!(operators(&sum), ["Quantize*", "Linear*", "Dequantize"]);
    assert_eq!(sum.nodes()[1].inputs().len(), 3);
}

/// A QLinearMatMul whose weight `[4, 2]` and its zero point are given.
fn product(weight: Tensor, zero_point: Tensor) -> Result<Graph, Error> {
    let constants = [constants(), vec![("v", weight), ("vz", zero_point)]].concat();
    let mut product = node("QLinearMatMul", &["xq", "s", "z", "v", "s2", "vz", "s", "z"], "y", vec![]);
    product.name = "product".to_owned();
    read(&with(&constants, vec![q("x", "xq"), product]))
}

#[test]
fn unsigned_weights_become_signed_where_that_is_exact() {
    let weight = |graph: &Graph| graph.value(graph.nodes()[1].inputs()[1]).constant().cloned().expect("a weight");
    let unsigned = codes(&[4, 2], &[0_u8, 128, 255, 129, 127, 1, 2, 3]);
    let graph = product(unsigned.clone(), codes(&[], &[128_u8])).expect("valid");
    assert_eq!(weight(&graph), codes(&[2, 4], &[-128_i8, 127, -1, -126, 0, 1, -127, -125]));
    // 255 - 100 is no i8: the quantized values stay as they are.
    let graph = product(unsigned, codes(&[], &[100_u8])).expect("valid");
    assert_eq!(weight(&graph), codes(&[2, 4], &[0_u8, 255, 127, 2, 128, 129, 1, 3]));
    let params = graph.value(graph.nodes()[1].inputs()[1]).ty().params().expect("codes");
    assert_eq!((params.dtype(), params.zero_points()), (DType::U8, &[100][..]));
    let small = codes(&[4, 2], &[1_u8, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(weight(&product(small, codes(&[], &[9_u8])).expect("fits")).as_slice::<i8>().expect("i8")[0], -8);
}

#[test]
fn weights_that_no_product_of_codes_holds_stay_float_between_dequantizations() {
    let mut constants = constants();
    constants[4].1 = codes(&[4], &[0.5_f32, 0.25, 0.5, 0.25]);
    constants[5].1 = codes(&[4], &[0_i8; 4]);
    let mut nodes = layer("Gemm", true, vec![q("h", "hq"), dq("hq", "y")]);
    // Scales of the operand's features, not of the result's.
    nodes[2].attribute[0].i = 1;
    let graph = read(&with(&constants, nodes)).expect("valid");
    assert_eq!(operators(&graph), ["Quantize*", "Dequantize", "Linear", "Quantize*", "Dequantize"]);
}

#[test]
fn constants_are_quantized_when_they_are_read() {
    let constants = [constants(), vec![("real", floats(&[2, 4])), ("i8", codes(&[2], &[0_i8, 0]))]].concat();
    let nodes = vec![
        q("x", "xq"),
        dq("xq", "xd"),
        node("QuantizeLinear", &["real", "ws", "i8"], "rq", vec![int("axis", 0)]),
        node("DequantizeLinear", &["rq", "ws", "i8"], "rd", vec![int("axis", 0)]),
        node("Gemm", &["xd", "rd"], "h", vec![int("transB", 1)]),
        q("h", "y"),
    ];
    let graph = read(&with(&constants, nodes)).expect("valid");
    assert_eq!(operators(&graph), ["Quantize*", "Linear*"]);
    let weight = graph.value(graph.nodes()[1].inputs()[1]).constant().expect("a weight");
    assert_eq!(weight.as_slice::<i8>(), Ok(&[-6, -4, -2, 0, 4, 8, 12, -12][..]));
}

/// The nodes of a dynamically quantized product, as onnxruntime writes them.
fn dynamic(changes: impl FnOnce(&mut Vec<NodeProto>)) -> Result<Graph, Error> {
    let mut quantize = node("DynamicQuantizeLinear", &["x"], "xq", vec![]);
    quantize.output.extend(["xs".to_owned(), "xz".to_owned()]);
    let cast: Vec<AttributeProto> = vec![int("to", 1)];
    let mut nodes = vec![
        quantize,
        node("Mul", &["xs", "s2"], "scales", vec![]),
        node("MatMulInteger", &["xq", "v", "xz", "vz"], "sums", vec![]),
        node("Cast", &["sums"], "reals", cast),
        node("Mul", &["reals", "scales"], "h", vec![]),
        node("Add", &["h", "bs"], "y", vec![]),
    ];
    changes(&mut nodes);
    let weight = codes(&[4, 2], &[1_i8, -2, 3, 4, 5, 6, -7, 8]);
    read(&with(&[constants(), vec![("v", weight), ("vz", codes(&[], &[0_i8]))]].concat(), nodes))
}

#[test]
fn dynamic_products_become_one_linear() {
    let graph = dynamic(|_| ()).expect("valid");
    let [linear] = graph.nodes() else { panic!("one node") };
    assert!(matches!(linear.op(), Op::Linear(linear) if linear.dynamic == Some(DynamicScheme::OnnxPerTensor)));
    assert_eq!(linear.inputs().len(), 3);
    assert_eq!(graph.value(linear.inputs()[1]).ty().dtype(), DType::I8);
    type Change = fn(&mut Vec<NodeProto>);
    let damages: [Change; 4] = [
        |nodes| nodes[2].input[2] = "vz".to_owned(),
        |nodes| nodes[2].input[1] = "x".to_owned(),
        |nodes| nodes[3].attribute[0].i = 6,
        |nodes| nodes[4].input[0] = "sums".to_owned(),
    ];
    for (index, damage) in damages.into_iter().enumerate() {
        let error = dynamic(damage).expect_err("not the form");
        assert!(error.to_string().starts_with("node `"), "{index}: {error}");
    }
    // Other products of the same steps are valid too, and run step by step.
    let others: [Change; 3] = [
        |nodes| nodes[1].input[1] = "xs".to_owned(),
        |nodes| nodes[2].input.truncate(2),
        |nodes| nodes[5].input[0] = "xs".to_owned(),
    ];
    for other in others {
        assert!(dynamic(other).expect("valid").nodes().len() > 5);
    }
}
