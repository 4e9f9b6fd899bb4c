//! Graphs that are written; that ONNX Runtime runs them is checked with the results of the facade.

use std::fs;
use std::path::Path;

use fourfold_graph::{Graph, Limits};
use prost::Message;

use crate::proto::ModelProto;
use crate::{export, import};

fn digits(path: &str) -> Graph {
    let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).expect("a file of the project");
    import(&bytes, &Limits::default()).expect("a supported model")
}

/// Every node as operator and names, and every constant.
pub(super) fn meaning(graph: &Graph) -> Vec<String> {
    let named = |id: &fourfold_graph::ValueId| {
        let value = graph.value(*id);
        match value.constant() {
            Some(constant) => format!("{:?}", constant.to_le_bytes()),
            None => value.name().to_owned(),
        }
    };
    let node = |node: &fourfold_graph::Node| {
        format!(
            "{:?} {:?} -> {}",
            node.op(),
            node.inputs().iter().map(named).collect::<Vec<_>>(),
            named(&node.output())
        )
    };
    graph.nodes().iter().map(node).collect()
}

#[test]
fn float_models_come_back() {
    for path in
        ["cli/data/digits_cnn.onnx", "fourfold/tests/data/digits_mlp.onnx", "fourfold/tests/data/digits_mobile.onnx"]
    {
        let graph = digits(path);
        let bytes = export(&graph).expect("a float graph");
        assert_eq!(export(&graph).as_ref(), Ok(&bytes), "the same bytes every time");
        let back = import(&bytes, &Limits::default()).expect("what was written can be read");
        assert_eq!(meaning(&back), meaning(&graph), "{path}");
    }
}

#[test]
fn quantized_values_are_quantized_and_dequantized() {
    use fourfold_graph::{Dim, GraphBuilder, NewNode, Op, ValueType};
    use fourfold_schemes::{QuantParams, Scale};
    use fourfold_tensor::{DType, Tensor};

    let params = |dtype, codes, scale: f32, zero_point| {
        QuantParams::per_tensor(dtype, codes, Scale::new(scale).expect("normal"), zero_point).expect("valid")
    };
    let mut builder = GraphBuilder::new("q");
    let x = builder.input("x", ValueType::f32(&[Dim::symbol("n"), 2.into()])).expect("valid");
    let input = params(DType::U8, (0, 255), 0.5, 3);
    let new = NewNode { name: "q", output: "x.q", op: Op::Quantize, inputs: &[x], params: Some(input.clone()) };
    let codes = builder.add(new).expect("valid");
    let weight = Tensor::from_vec(&[1, 2], vec![1_i8, -2]).expect("two");
    let weight = builder.quantized_constant("w", weight, params(DType::I8, (-127, 127), 0.1, 0)).expect("valid");
    let new = NewNode {
        name: "fc",
        output: "fc",
        op: Op::Linear(fourfold_graph::Linear::default()),
        inputs: &[codes, weight],
        params: Some(input),
    };
    let sum = builder.add(new).expect("valid");
    let y = builder.node("y", Op::Dequantize, &[sum]).expect("valid");
    builder.output(y);
    let graph = builder.finish().expect("valid");
    let model = ModelProto::decode(export(&graph).expect("a QDQ form").as_slice()).expect("a model");
    let nodes = model.graph.expect("a graph").node;
    let written: Vec<(&str, &str)> =
        nodes.iter().map(|node| (node.op_type.as_str(), node.output[0].as_str())).collect();
    assert_eq!(
        written,
        [
            ("QuantizeLinear", "x.q"),
            ("DequantizeLinear", "x.q.real"),
            ("DequantizeLinear", "w.real"),
            ("Gemm", "fc.unquantized"),
            ("QuantizeLinear", "fc"),
            ("DequantizeLinear", "y")
        ]
    );
    assert_eq!(nodes[3].input, ["x.q.real", "w.real"]);
}

#[test]
fn codes_at_the_border_are_integers() {
    use fourfold_graph::{GraphBuilder, ValueType};
    use fourfold_schemes::{QuantParams, Scale};

    let mut builder = GraphBuilder::new("codes");
    let params = QuantParams::per_tensor(fourfold_tensor::DType::U8, (0, 255), Scale::ONE, 0).expect("valid");
    let x = builder.input("x", ValueType::quantized(&[2.into()], params)).expect("valid");
    builder.output(x);
    let bytes = export(&builder.finish().expect("valid")).expect("integers of 8 bits");
    let back = import(&bytes, &Limits::default()).expect("what was written can be read");
    let ty = back.value(back.inputs()[0]).ty();
    assert_eq!((ty.dtype(), back.outputs()), (fourfold_tensor::DType::U8, back.inputs()));
}
