//! Quantized operators, imported and run, against what ONNX Runtime and PyTorch compute.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use fourfold_graph::Limits;
use fourfold_schemes::{QuantParams, Scale, dequantize};
use fourfold_tensor::{DType, Tensor};
use fourfold_testing::is_close;
use prost::Message;
use safetensors::{Dtype, SafeTensors};

use super::{int, ints, model, node, text};
use crate::import;
use crate::proto::NodeProto;

/// The tensors of one case, by their roles.
type Case = BTreeMap<String, Tensor>;

/// The cases of an operator.
fn cases(operator: &str) -> BTreeMap<String, Case> {
    cases_of("vectors", operator)
}

fn cases_of(file: &str, operator: &str) -> BTreeMap<String, Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/{file}.safetensors"));
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

/// The dequantized tensor `x`, and the model that quantizes it and goes on with `nodes`; its result, which must be
/// quantized.
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
    fourfold_testing::run(&graph, &[real]).remove(0)
}

#[test]
fn convolutions_are_those_of_onnx_runtime() {
    let cases = cases("qlinear_conv");
    assert_eq!(cases.len(), 213);
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
    assert_eq!(cases.len(), 66);
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

#[test]
fn transposed_convolutions_are_those_of_onnx_runtime() {
    let cases = cases_of("transposed", "conv_transpose");
    assert_eq!(cases.len(), 17);
    for (name, case) in cases {
        let mut attributes = Vec::new();
        for (role, value) in case.iter().filter(|(role, _)| !["x", "w", "b", "y"].contains(&role.as_str())) {
            attributes.push(match role.split_once('.') {
                Some((attribute, word)) => text(attribute, word),
                None if role == "group" => int("group", list(value)[0]),
                None => ints(role, &list(value)),
            });
        }
        let shape: Vec<i64> = case["x"].shape().iter().map(|&size| i64::try_from(size).expect("small")).collect();
        let constants = [("w", case["w"].clone()), ("b", case["b"].clone())];
        let nodes = vec![node("ConvTranspose", &["x", "w", "b"], "y", attributes)];
        let bytes = model(17, &shape, &constants, nodes).encode_to_vec();
        let graph = import(&bytes, &Limits::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let actual = fourfold_testing::run(&graph, std::slice::from_ref(&case["x"])).remove(0);
        assert_eq!(actual.shape(), case["y"].shape(), "{name}");
        let [actual, expected] = [&actual, &case["y"]].map(|y| y.as_slice::<f32>().expect("f32"));
        assert!(is_close(actual, expected, 1e-5, 1e-5), "{name}: {actual:?}, {expected:?}");
    }
}

#[test]
fn transposed_convolutions_that_make_no_sense_are_refused() {
    let weight = || Tensor::zeros(DType::F32, &[2, 2, 3, 3]).expect("small");
    let import_with = |shape: &[i64], weight: Tensor, attributes: Vec<crate::proto::AttributeProto>| {
        let nodes = vec![node("ConvTranspose", &["x", "w"], "y", attributes)];
        import(&model(17, shape, &[("w", weight)], nodes).encode_to_vec(), &Limits::default()).map(|_| ())
    };
    let image = [1, 2, 4, 4];
    assert_eq!(import_with(&image, weight(), vec![]), Ok(()));
    let huge = i64::MAX;
    for attribute in [
        ints("strides", &[0, 1]),
        ints("strides", &[huge, huge]),
        ints("dilations", &[huge, 1]),
        ints("pads", &[-1, 0, 0, 0]),
        ints("pads", &[9, 9, 9, 9]),
        ints("kernel_shape", &[2, 2]),
        ints("output_padding", &[1, 0]),
        ints("output_padding", &[huge, 0]),
        ints("output_shape", &[huge, huge]),
        ints("output_shape", &[0, 0]),
        ints("output_shape", &[3]),
        int("group", 0),
        int("group", -1),
        int("group", 3),
        text("auto_pad", "SOME"),
    ] {
        assert!(import_with(&image, weight(), vec![attribute.clone()]).is_err(), "{attribute:?}");
    }
    assert!(import_with(&[1, 2, 4], weight(), vec![]).is_err(), "an axis too few");
    assert!(import_with(&[1, 2, 4, -1], weight(), vec![text("auto_pad", "SAME_UPPER")]).is_err(), "an unknown size");
    let none = Tensor::zeros(DType::F32, &[2, 2]).expect("small");
    assert!(import_with(&[1, 2], none, vec![]).is_err(), "no window");
}
