//! Quantized operators, element by element or window by window, imported and run, against what ONNX Runtime and PyTorch
//! compute.

#[path = "../../../kernels/tests/vectors/file.rs"]
mod file;

use fourfold_graph::Limits;
use fourfold_schemes::{QuantParams, Scale, dequantize};
use fourfold_tensor::{DType, Tensor};
use prost::Message;

use self::file::Case;
use super::{float, int, ints, model, node};
use crate::import;
use crate::proto::{AttributeProto, NodeProto};

/// The cases of an operator, of which there are so many.
fn cases(operator: &str, count: usize) -> Vec<Case> {
    let mut cases = file::cases("tests/data/elements");
    cases.retain(|case| case.operator == operator);
    assert_eq!(cases.len(), count, "{operator}");
    cases
}

fn tensor(from: &file::Tensor) -> Tensor {
    let dtype = match from.dtype.as_str() {
        "u8" => DType::U8,
        "i8" => DType::I8,
        "i32" => DType::I32,
        _ => DType::F32,
    };
    Tensor::from_le_bytes(dtype, &from.shape, from.bytes()).expect("a whole tensor")
}

/// A model that quantizes its input like the tensor of one role, named after it, and goes on with nodes that read the
/// others as constants; its result, which must be quantized. Channels that are last are moved to the front before, and
/// back after.
fn run(case: &Case, first: &str, nodes: Vec<NodeProto>) -> Vec<u8> {
    let is_last = case.number("channels_last") == Some(1);
    let ([scale, zero_point], mut codes) =
        (["scale", "zero_point"].map(|of| format!("{first}_{of}")), tensor(case.tensor(first)));
    if is_last {
        codes = moved(&codes, false);
    }
    let has_parameters = case.get(&scale).is_some();
    let params = match has_parameters {
        true => params(codes.dtype(), case.tensor(&scale).reals()[0], case.tensor(&zero_point).integers()[0]),
        false => params(codes.dtype(), 1.0, 0),
    };
    let real = dequantize(&codes, &params).expect("codes");
    let shape: Vec<i64> = codes.shape().iter().map(|&size| i64::try_from(size).expect("small")).collect();
    let mut constants: Vec<(String, Tensor)> = Vec::new();
    for role in nodes.iter().flat_map(|node| &node.input).chain([&scale, &zero_point]).filter(|role| *role != first) {
        if let Some(constant) = case.get(role).filter(|_| constants.iter().all(|(known, _)| known != role)) {
            constants.push((role.clone(), tensor(constant)));
        }
    }
    if first == "x" && case.get("weight").is_none() {
        let columns = *codes.shape().last().expect("an axis");
        constants.push(("weight".to_owned(), Tensor::from_vec(&[columns], vec![1.0_f32; columns]).expect("as many")));
    }
    if !has_parameters {
        let zero = Tensor::zeros(codes.dtype(), &[]).expect("one");
        constants.push((scale.clone(), Tensor::from_vec(&[], vec![1.0_f32]).expect("one")));
        constants.push((zero_point.clone(), zero));
    }
    let constants: Vec<(&str, Tensor)> = constants.iter().map(|(name, tensor)| (&**name, tensor.clone())).collect();
    // The input of the model is called x.
    let quantize = node("QuantizeLinear", &["x", &scale, &zero_point], "codes", vec![]);
    let rename = |mut node: NodeProto| {
        node.input.iter_mut().filter(|input| *input == first).for_each(|input| "codes".clone_into(input));
        node
    };
    let nodes = [quantize].into_iter().chain(nodes.into_iter().map(rename)).collect();
    let bytes = model(17, &shape, &constants, nodes).encode_to_vec();
    let graph = import(&bytes, &Limits::default()).unwrap_or_else(|error| panic!("{}: {error}", case.name));
    let output = fourfold_testing::run(&graph, &[real]).remove(0);
    let result = if is_last { moved(&output, true) } else { output };
    assert_eq!(result.shape(), case.tensor("y").shape, "{}", case.name);
    result.bytes().to_vec()
}

fn params(dtype: DType, scale: f32, zero_point: i32) -> QuantParams {
    let range = dtype.byte_range().expect("codes");
    QuantParams::per_tensor(dtype, range, Scale::new(scale).expect("a scale"), zero_point).expect("valid")
}

/// The second axis moved to the end, or the last to second place.
fn moved(x: &Tensor, to_end: bool) -> Tensor {
    let rank = x.shape().len();
    let axes: Vec<usize> = match to_end {
        true => [0].into_iter().chain(2..rank).chain([1]).collect(),
        false => [0, rank - 1].into_iter().chain(1..rank - 1).collect(),
    };
    match x.dtype() {
        DType::I8 => x.view::<i8>().and_then(|view| view.permute(&axes)?.to_tensor()),
        _ => x.view::<u8>().and_then(|view| view.permute(&axes)?.to_tensor()),
    }
    .expect("bytes and axes")
}

/// Asserts that a result is that of the case, within as many steps as the case's tolerance allows.
fn assert_codes(case: &Case, actual: &[u8]) {
    let allowed = if case.tolerance == "exact" { 0 } else { 1 };
    let expected = case.tensor("y");
    if let file::Content::Crc(_) = expected.content {
        assert!(expected.is(actual), "{}", case.name);
        return;
    }
    // The distance of signed values is that of the bytes with the sign bit flipped.
    let shift = if expected.is_signed() { 0x80 } else { 0 };
    for (index, (&actual, &expected)) in actual.iter().zip(expected.bytes()).enumerate() {
        let (actual, expected) = (actual ^ shift, expected ^ shift);
        assert!(actual.abs_diff(expected) <= allowed, "{} {index}: {actual}, {expected}", case.name);
    }
}

fn microsoft(operator: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> NodeProto {
    NodeProto { domain: "com.microsoft".to_owned(), ..node(operator, inputs, "y", attributes) }
}

const ONE: [&str; 5] = ["x", "x_scale", "x_zero_point", "y_scale", "y_zero_point"];
const TWO: [&str; 8] = ["a", "a_scale", "a_zero_point", "b", "b_scale", "b_zero_point", "y_scale", "y_zero_point"];

#[test]
fn sums_and_products_are_those_of_onnx_runtime() {
    for operator in ["QLinearAdd", "QLinearMul"] {
        for case in cases(operator, 22) {
            assert_codes(&case, &run(&case, "a", vec![microsoft(operator, &TWO, vec![])]));
        }
    }
}

#[test]
fn functions_are_those_of_onnx_runtime() {
    for case in cases("QLinearSigmoid", 24) {
        assert_codes(&case, &run(&case, "x", vec![microsoft("QLinearSigmoid", &ONE, vec![])]));
    }
    for case in cases("QLinearLeakyRelu", 16) {
        let alpha = float("alpha", case.number("alpha").expect("a slope"));
        assert_codes(&case, &run(&case, "x", vec![microsoft("QLinearLeakyRelu", &ONE, vec![alpha])]));
    }
    for case in cases("QLinearSoftmax", 36) {
        let attributes = ["axis", "opset"].map(|name| int(name, case.number(name).expect("a number"))).to_vec();
        assert_codes(&case, &run(&case, "x", vec![microsoft("QLinearSoftmax", &ONE, attributes)]));
    }
}

/// The operands of a Concat: a scale and a zero point, then three inputs for each.
fn joined(case: &Case) -> Vec<String> {
    let mut inputs = vec!["y_scale".to_owned(), "y_zero_point".to_owned()];
    for index in (0..).take_while(|index| case.get(&format!("x{index}")).is_some()) {
        inputs.extend(["", "_scale", "_zero_point"].map(|part| format!("x{index}{part}")));
    }
    inputs
}

#[test]
fn joined_codes_are_those_of_onnx_runtime_and_pytorch() {
    for case in [cases("QLinearConcat", 12), cases("torch.cat", 3)].into_iter().flatten() {
        let inputs = joined(&case);
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let axis = int("axis", case.number("axis").expect("an axis"));
        assert_codes(&case, &run(&case, "x0", vec![microsoft("QLinearConcat", &inputs, vec![axis])]));
    }
}

/// The attributes of a window.
fn window(case: &Case) -> Vec<AttributeProto> {
    let list = |name: &str| {
        let sizes = case.sizes(name).into_iter().map(|size| i64::try_from(size).expect("small"));
        (name.to_owned(), sizes.collect::<Vec<_>>())
    };
    let lists = ["kernel_shape", "strides", "pads", "dilations"].map(list);
    let mut attributes: Vec<_> =
        lists.iter().filter(|(_, sizes)| !sizes.is_empty()).map(|(name, sizes)| ints(name, sizes)).collect();
    attributes.extend(case.number("ceil_mode").map(|ceil| int("ceil_mode", ceil)));
    attributes.extend(case.number("count_include_pad").map(|count| int("count_include_pad", count)));
    attributes
}

#[test]
fn poolings_are_those_of_onnx_runtime() {
    for case in cases("MaxPool", 14) {
        assert_codes(&case, &run(&case, "x", vec![node("MaxPool", &["x"], "y", window(&case))]));
    }
    for case in cases("QLinearAveragePool", 26) {
        assert_codes(&case, &run(&case, "x", vec![microsoft("QLinearAveragePool", &ONE, window(&case))]));
    }
    for case in cases("QLinearGlobalAveragePool", 14) {
        assert_codes(&case, &run(&case, "x", vec![microsoft("QLinearGlobalAveragePool", &ONE, vec![])]));
    }
}

/// Nodes that dequantize and compute in floats, as PyTorch exports them.
fn between(case: &Case, operands: &[&str], operator: &str, attributes: Vec<AttributeProto>) -> Vec<NodeProto> {
    let real = |role: &str| format!("{role}.real");
    let mut nodes: Vec<NodeProto> = operands
        .iter()
        .filter(|role| case.get(&format!("{role}_scale")).is_some())
        .map(|role| {
            let [scale, zero_point] = ["scale", "zero_point"].map(|of| format!("{role}_{of}"));
            node("DequantizeLinear", &[role, &scale, &zero_point], &real(role), vec![])
        })
        .collect();
    let inputs = operands
        .iter()
        .map(|role| if case.get(&format!("{role}_scale")).is_some() { real(role) } else { (*role).to_owned() });
    let inputs: Vec<String> = inputs.collect();
    nodes.push(node(operator, &inputs.iter().map(String::as_str).collect::<Vec<_>>(), "h", attributes));
    let has_relu = case.number("relu") == Some(1);
    nodes.extend(has_relu.then(|| node("Relu", &["h"], "r", vec![])));
    let last = if has_relu { "r" } else { "h" };
    nodes.push(node("QuantizeLinear", &[last, "y_scale", "y_zero_point"], "y", vec![]));
    nodes
}

#[test]
fn operators_between_codes_are_those_of_pytorch() {
    for (operator, name, count) in
        [("torch.add", "Add", 4), ("torch.add_relu", "Add", 3), ("torch.mul", "Mul", 4), ("torch.mul_relu", "Mul", 3)]
    {
        for case in cases(operator, count) {
            let nodes = between(&case, &["a", "b"], name, vec![]);
            assert_codes(&case, &run(&case, "a", nodes));
        }
    }
    for (operator, name, attribute) in [
        ("torch.sigmoid", "Sigmoid", None),
        ("torch.hardswish", "HardSwish", None),
        ("torch.leaky_relu", "LeakyRelu", Some("alpha")),
        ("torch.elu", "Elu", Some("alpha")),
    ] {
        for case in cases(operator, 3) {
            let attributes = attribute.map(|name| float(name, case.number(name).expect("a number")));
            let nodes = between(&case, &["x"], name, attributes.into_iter().collect());
            assert_codes(&case, &run(&case, "x", nodes));
        }
    }
}

#[test]
fn normalizations_of_codes_are_those_of_pytorch() {
    for case in cases("torch.layer_norm", 5) {
        let attributes = vec![float("epsilon", case.number("eps").expect("a number")), int("axis", -1)];
        let operands: &[&str] = if case.get("bias").is_some() { &["x", "weight", "bias"] } else { &["x", "weight"] };
        let nodes = between(&case, operands, "LayerNormalization", attributes);
        assert_codes(&case, &run(&case, "x", nodes));
    }
}
