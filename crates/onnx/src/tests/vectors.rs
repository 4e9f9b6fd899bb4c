//! Operators on codes, imported and run, against what ONNX Runtime and PyTorch compute.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use fourfold_graph::Limits;
use fourfold_runtime::{Options, Plan, Session};
use fourfold_schemes::{QuantParams, Scale, dequantize};
use fourfold_tensor::{DType, Tensor};
use prost::Message;
use safetensors::{Dtype, SafeTensors};

use super::{int, ints, model, node};
use crate::import;
use crate::proto::NodeProto;

/// The tensors of one case, by their roles.
type Case = BTreeMap<String, Tensor>;

/// The cases of an operator.
fn cases(operator: &str) -> BTreeMap<String, Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/vectors.safetensors");
    let bytes = fs::read(path).expect("a file of the project");
    let vectors = SafeTensors::deserialize(&bytes).expect("valid safetensors");
    let mut cases: BTreeMap<String, Case> = BTreeMap::new();
    for (name, view) in vectors.iter() {
        let Some((case, role)) = name.strip_prefix(operator).and_then(|name| name.strip_prefix('/')?.rsplit_once('/'))
        else {
            continue;
        };
        let dtype = match view.dtype() {
            Dtype::F32 => DType::F32,
            Dtype::U8 => DType::U8,
            Dtype::I8 => DType::I8,
            Dtype::I32 => DType::I32,
            Dtype::I64 => DType::I64,
            other => panic!("{name} is of {other:?}"),
        };
        let tensor = Tensor::from_le_bytes(dtype, view.shape(), view.data()).expect("a whole tensor");
        cases.entry(case.to_owned()).or_default().insert(role.to_owned(), tensor);
    }
    cases
}

fn list(tensor: &Tensor) -> Vec<i64> {
    tensor.as_slice::<i64>().expect("i64").to_vec()
}

/// The real numbers of the codes called `x`, and the model that quantizes them and goes on with `nodes`; its result, which must be codes.
fn run(case: &Case, x: &str, nodes: Vec<NodeProto>) -> Tensor {
    let codes = &case[x];
    let scale = case[&format!("{}_scale", x.trim_end_matches("_q"))].as_slice::<f32>().expect("f32")[0];
    let zero_point = &case[&format!("{}_zero_point", x.trim_end_matches("_q"))];
    let zero_point = match zero_point.dtype() {
        DType::I8 => i32::from(zero_point.as_slice::<i8>().expect("i8")[0]),
        DType::U8 => i32::from(zero_point.as_slice::<u8>().expect("u8")[0]),
        _ => zero_point.as_slice::<i32>().expect("i32")[0],
    };
    let range = codes.dtype().byte_range().expect("codes");
    let params = QuantParams::per_tensor(codes.dtype(), range, Scale::new(scale).expect("a scale"), zero_point);
    let real = dequantize(codes, &params.expect("valid")).expect("codes");
    let shape: Vec<i64> = codes.shape().iter().map(|&size| i64::try_from(size).expect("small")).collect();
    let read: BTreeSet<&str> = nodes.iter().flat_map(|node| &node.input).map(String::as_str).collect();
    let constants: Vec<(&str, Tensor)> = case
        .iter()
        .filter(|(role, _)| read.contains(role.as_str()))
        .map(|(role, tensor)| (&**role, tensor.clone()))
        .collect();
    let bytes = model(17, &shape, &constants, nodes).encode_to_vec();
    let graph = import(&bytes, &Limits::default()).expect("a supported model");
    let plan = Plan::compile(&graph, &Options::default()).expect("a plan");
    Session::new(plan.into()).run(&[real]).expect("a run")[0].clone()
}

#[test]
fn convolutions_are_those_of_onnx_runtime() {
    let cases = cases("qlinear_conv");
    assert_eq!(cases.len(), 164);
    for (name, mut case) in cases {
        let x = case.remove("x").expect("an operand");
        case.insert("codes".to_owned(), x);
        for role in ["scale", "zero_point"] {
            let parameter = case[&format!("x_{role}")].clone();
            case.insert(format!("codes_{role}"), parameter);
        }
        let mut inputs =
            vec!["xq", "x_scale", "x_zero_point", "w", "w_scale", "w_zero_point", "y_scale", "y_zero_point"];
        inputs.extend(case.contains_key("bias").then_some("bias"));
        let mut attributes: Vec<_> =
            ["kernel_shape", "strides", "pads", "dilations"].map(|name| ints(name, &list(&case[name]))).to_vec();
        attributes.push(int("group", list(&case["group"])[0]));
        let expected = case.remove("y").expect("a result");
        let nodes = vec![
            node("QuantizeLinear", &["x", "x_scale", "x_zero_point"], "xq", vec![]),
            node("QLinearConv", &inputs, "y", attributes),
        ];
        assert!(run(&case, "codes", nodes) == expected, "{name}");
    }
}

#[test]
fn products_are_those_of_onnx_runtime() {
    let cases = cases("qlinear_matmul");
    assert_eq!(cases.len(), 19);
    for (name, mut case) in cases {
        let expected = case.remove("y").expect("a result");
        let inputs = ["aq", "a_scale", "a_zero_point", "b", "b_scale", "b_zero_point", "y_scale", "y_zero_point"];
        let nodes = vec![
            node("QuantizeLinear", &["x", "a_scale", "a_zero_point"], "aq", vec![]),
            node("QLinearMatMul", &inputs, "y", vec![]),
        ];
        assert!(run(&case, "a", nodes) == expected, "{name}");
    }
}

#[test]
fn products_between_codes_are_those_of_pytorch() {
    let cases = cases("torch_linear");
    assert_eq!(cases.len(), 39);
    for (name, mut case) in cases {
        let expected = case.remove("y_q").expect("a result");
        let mut nodes = vec![
            node("QuantizeLinear", &["x", "x_scale", "x_zero_point"], "xq", vec![]),
            node("DequantizeLinear", &["xq", "x_scale", "x_zero_point"], "xd", vec![]),
            node("DequantizeLinear", &["w_q", "w_scale"], "wd", vec![int("axis", 0)]),
            node("Gemm", &["xd", "wd"], "h", vec![int("transB", 1)]),
        ];
        let has_relu = list(&case["relu"]) == [1];
        nodes.extend(has_relu.then(|| node("Relu", &["h"], "r", vec![])));
        let last = if has_relu { "r" } else { "h" };
        nodes.push(node("QuantizeLinear", &[last, "y_scale", "y_zero_point"], "y", vec![]));
        assert!(run(&case, "x_q", nodes) == expected, "{name}");
    }
}
