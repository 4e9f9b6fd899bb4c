//! Quantized models that lie: each gives an error that names the node, and none takes long.

use fourfold_graph::Limits;
use fourfold_tensor::Tensor;
use prost::Message;

use super::{all_needed, floats, int, model, node, read};
use crate::import;
use crate::proto::{ModelProto, NodeProto, data_type, type_proto::Value as Type};

/// `x -> Q -> DQ -> Gemm(DQ(w)) -> Q -> DQ -> y`.
fn small(constants: &[(&str, Tensor)], change: impl FnOnce(&mut Vec<NodeProto>)) -> ModelProto {
    let list: Vec<i8> = (0..8).collect();
    let defaults = [
        ("s", Tensor::from_vec(&[], vec![0.5_f32])),
        ("z", Tensor::from_vec(&[], vec![3_u8])),
        ("w", Tensor::from_vec(&[2, 4], list)),
        ("ws", Tensor::from_vec(&[2], vec![0.5_f32, 0.25])),
        ("wz", Tensor::from_vec(&[2], vec![0_i8, 0])),
    ];
    let mut all: Vec<(&str, Tensor)> = constants.to_vec();
    for (name, tensor) in defaults {
        if !constants.iter().any(|(given, _)| *given == name) {
            all.push((name, tensor.expect("as many as the shape has")));
        }
    }
    let mut nodes = vec![
        node("QuantizeLinear", &["x", "s", "z"], "xq", vec![]),
        node("DequantizeLinear", &["xq", "s", "z"], "xd", vec![]),
        node("DequantizeLinear", &["w", "ws", "wz"], "wd", vec![int("axis", 0)]),
        node("Gemm", &["xd", "wd"], "h", vec![int("transB", 1)]),
        node("QuantizeLinear", &["h", "s", "z"], "hq", vec![]),
        node("DequantizeLinear", &["hq", "s", "z"], "y", vec![]),
    ];
    change(&mut nodes);
    model(17, &[-1, 4], &all, nodes)
}

/// Asserts that the model is refused with an error that begins with the node and holds the text.
fn assert_refused(model: &ModelProto, node: &str, text: &str) {
    let error = read(model).expect_err(text).to_string();
    assert!(error.starts_with(&format!("node `{node}`")) && error.contains(text), "{error}");
}

fn assert_scale_refused(scale: f32) {
    let scale_tensor = Tensor::from_vec(&[], vec![scale]).expect("one");
    assert_refused(&small(&[("s", scale_tensor)], |_| ()), "QuantizeLinear_0", "is not a positive normal number");
    let of_weight = Tensor::from_vec(&[2], vec![1.0, scale]).expect("two");
    assert_refused(&small(&[("ws", of_weight)], |_| ()), "DequantizeLinear_2", "is not a positive normal number");
}

#[test]
fn scales_must_be_positive_numbers() {
    assert!(read(&small(&[], |_| ())).is_ok());
    for scale in [0.0, -0.0, -1.0, f32::NAN, f32::INFINITY, 1e-45] {
        assert_scale_refused(scale);
    }
    let none = Tensor::from_vec(&[0], Vec::<f32>::new()).expect("none");
    assert_refused(&small(&[("s", none)], |_| ()), "QuantizeLinear_0", "");
    let whole = Tensor::from_vec(&[], vec![1_i32]).expect("one");
    assert_refused(&small(&[("s", whole)], |_| ()), "QuantizeLinear_0", "input 1 (`s`) is int32");
    assert_refused(&small(&[], |nodes| nodes[0].input.truncate(1)), "QuantizeLinear_0", "has 1 inputs");
    assert_refused(&small(&[], |nodes| nodes[0].input[1].clear()), "QuantizeLinear_0", "lacks input 1");
    assert_refused(&small(&[], |nodes| nodes[0].input[1] = "no".to_owned()), "QuantizeLinear_0", "`no`, which nothing");
    assert_refused(&small(&[], |nodes| nodes[0].input[1] = "x".to_owned()), "QuantizeLinear_0", "not constant");
}

#[test]
fn zero_points_must_fit_the_codes() {
    let signed = Tensor::from_vec(&[], vec![0_i8]).expect("one");
    let other = small(&[("t", signed)], |nodes| nodes[1].input[2] = "t".to_owned());
    assert_refused(&other, "DequantizeLinear_1", "input 2 (`t`) is int8, but input 0 is uint8");
    let real = Tensor::from_vec(&[], vec![0.0_f32]).expect("one");
    assert_refused(&small(&[("z", real)], |_| ()), "QuantizeLinear_0", "input 2 (`z`) is float");
    let moved = Tensor::from_vec(&[], vec![4_u8]).expect("one");
    let other = small(&[("t", moved)], |nodes| nodes[1].input[2] = "t".to_owned());
    assert_refused(&other, "DequantizeLinear_1", "which were made with scale 0.5 and zero point 3");
    let wide = Tensor::from_vec(&[2, 4], vec![1_i32; 8]).expect("eight");
    let ones = Tensor::from_vec(&[2], vec![1_i32; 2]).expect("two");
    assert_refused(&small(&[("w", wide), ("wz", ones)], |_| ()), "DequantizeLinear_2", "of i32 values is not 0");
}

#[test]
fn channels_must_fit_the_axis() {
    let axis = |axis: i64| small(&[], |nodes| nodes[2].attribute[0].i = axis);
    assert_refused(&axis(2), "DequantizeLinear_2", "axis 2 of an input with 2 axes");
    assert_refused(&axis(-3), "DequantizeLinear_2", "axis -3 of an input with 2 axes");
    assert_refused(&axis(i64::MIN), "DequantizeLinear_2", "of an input with 2 axes");
    assert_refused(&axis(1), "DequantizeLinear_2", "has 2 scales for axis 1 of a tensor of shape [2, 4]");
    assert!(read(&axis(-2)).is_ok());
    let three = Tensor::from_vec(&[3], vec![0_i8; 3]).expect("three");
    assert_refused(&small(&[("wz", three)], |_| ()), "DequantizeLinear_2", "has 2 scales, but 3 zero points");
    let listed = small(&[], |nodes| nodes[0].input = ["x", "ws", "z"].map(str::to_owned).to_vec());
    assert_refused(&listed, "QuantizeLinear_0", "2 scales for axis 1 of [n, 4]");
    let blocks = small(&[], |nodes| nodes[2].attribute.push(int("block_size", 2)));
    assert_refused(
        &blocks,
        "DequantizeLinear_2",
        "the attribute `block_size`, which the operator does not take in this opset",
    );
}

#[test]
fn only_codes_are_dequantized_and_only_numbers_computed_with() {
    assert_refused(
        &small(&[], |nodes| nodes[1].input[0] = "x".to_owned()),
        "DequantizeLinear_1",
        "input 0 (`x`) is float",
    );
    let again = small(&[], |nodes| nodes[5].input[0] = "xd".to_owned());
    assert_refused(&again, "DequantizeLinear_5", "input 0 (`xd`) is float");
    let raw = small(&[], |nodes| nodes[3].input[0] = "xq".to_owned());
    assert_refused(&raw, "Gemm_3", "input 0 (`xq`) is uint8");
    let clamp = small(&[], |nodes| nodes[5] = node("Relu", &["hq"], "y", vec![]));
    assert_refused(&clamp, "Relu_5", "input 0 (`hq`) is uint8");
    // A quantized Clip has bounds of its type.
    let clip = |bound| small(&[("low", bound)], |nodes| nodes[5] = node("Clip", &["hq", "low"], "y", vec![]));
    assert_refused(&clip(floats(&[])), "Clip_5", "input 1 (`low`) is float, but input 0 is uint8");
    assert_refused(
        &clip(Tensor::from_vec(&[], vec![1_i8]).expect("one")),
        "Clip_5",
        "input 1 (`low`) is int8, but input 0 is uint8",
    );
    assert_refused(&clip(Tensor::from_vec(&[2], vec![1_u8; 2]).expect("two")), "Clip_5", "clamps u8 values to u8");
    assert!(read(&clip(Tensor::from_vec(&[], vec![1_u8]).expect("one"))).is_ok());
    let real = small(&[("f", floats(&[2, 4]))], |nodes| nodes[2].input[0] = "f".to_owned());
    assert_refused(&real, "DequantizeLinear_2", "input 0 (`f`) is float");
}

/// The same with a quantized input, which the nodes read directly.
fn of_codes(change: impl FnOnce(&mut Vec<NodeProto>)) -> ModelProto {
    let mut model = small(&[], |nodes| {
        nodes.remove(0);
        nodes[0].input[0] = "x".to_owned();
        change(nodes);
    });
    let input = model.graph.as_mut().expect("a graph").input[0].r#type.as_mut().expect("a type");
    if let Some(Type::TensorType(tensor)) = input.value.as_mut() {
        tensor.elem_type = data_type::UINT8;
    }
    model
}

#[test]
fn all_readers_of_an_input_of_codes_agree() {
    let graph = read(&of_codes(|_| ())).expect("valid");
    assert_eq!(graph.value(graph.inputs()[0]).ty().to_string(), "u8[n, 4] scale 0.5 zero point 3");
    let second = |inputs: &[&str]| {
        let again = node("DequantizeLinear", inputs, "again", vec![]);
        all_needed(of_codes(|nodes| nodes.insert(1, again)))
    };
    assert!(read(&second(&["x", "s", "z"])).is_ok());
    assert_refused(&second(&["x", "s"]), "DequantizeLinear_1", "which were made with scale 0.5 and zero point 3");
    let cast = all_needed(of_codes(|nodes| nodes.insert(1, node("Cast", &["x"], "number", vec![int("to", 1)]))));
    assert_refused(&cast, "Cast_1", "arithmetic on `x`, which holds quantized values");
    let plain = of_codes(|nodes| nodes[0] = node("Identity", &["x"], "xd", vec![]));
    assert_refused(&plain, "Gemm_2", "input 0 (`xd`) is uint8");
    let wrong = of_codes(|nodes| nodes[0].input[2] = "wz".to_owned());
    assert_refused(&wrong, "DequantizeLinear_0", "input 2 (`wz`) is int8, but input 0 is uint8");
    let circle = of_codes(|nodes| nodes[0] = node("Identity", &["xd"], "xd", vec![]));
    assert!(read(&circle).is_err());
}

#[test]
fn names_must_not_run_in_circles() {
    assert_refused(&small(&[], |nodes| nodes[1].input[0] = "hq".to_owned()), "DequantizeLinear_1", "nothing before it");
    assert_refused(&small(&[], |nodes| nodes[0].input[0] = "y".to_owned()), "QuantizeLinear_0", "nothing before it");
    let own = small(&[], |nodes| nodes[2].input[1] = "wd".to_owned());
    assert_refused(&own, "DequantizeLinear_2", "nothing before it");
    let late = small(&[], |nodes| nodes.swap(3, 4));
    assert_refused(&late, "QuantizeLinear_3", "nothing before it");
    assert!(read(&small(&[], |nodes| nodes[4].output[0] = "xq".to_owned())).is_err(), "made twice");
}

#[test]
fn operators_on_codes_need_all_their_parameters() {
    let product = |inputs: &[&str]| {
        small(&[], |nodes| {
            nodes.truncate(1);
            nodes.push(node("QLinearMatMul", inputs, "y", vec![]));
        })
    };
    let turned = |names: &[&str]| product(names);
    assert_refused(&turned(&["xq", "s", "z", "w", "s", "z", "s"]), "QLinearMatMul_1", "has 7 inputs");
    assert_refused(
        &turned(&["xd", "s", "z", "w", "s", "wz", "s", "z"]),
        "QLinearMatMul_1",
        "`xd`, which nothing before it makes",
    );
    assert_refused(&turned(&["xq", "", "z", "w", "s", "wz", "s", "z"]), "QLinearMatMul_1", "lacks input 1");
    assert_refused(&turned(&["x", "s", "z", "w", "s", "wz", "s", "z"]), "QLinearMatMul_1", "input 0 (`x`) is float");
    assert_refused(&turned(&["xq", "ws", "z", "w", "s", "wz", "s", "z"]), "QLinearMatMul_1", "2 scales");
    assert_refused(&turned(&["xq", "s", "z", "xq", "s", "", "s", "z"]), "QLinearMatMul_1", "lacks input 5");
    assert_refused(&turned(&["xq", "s", "z", "w", "ws", "wz", "s", "z"]), "QLinearMatMul_1", "2 scales for axis 1");
    assert_refused(&turned(&["xq", "s", "z", "ws", "s", "z", "s", "z"]), "QLinearMatMul_1", "input 3 (`ws`) is float");
}

#[test]
fn damage_does_not_panic() {
    let bytes = small(&[], |_| ()).encode_to_vec();
    for index in 0..bytes.len() {
        for change in [1, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[index] ^= change;
            let _ = import(&damaged, &Limits::default());
        }
    }
}

#[test]
fn many_quantized_nodes_take_linear_time() {
    let count = 16_000;
    let name = |index: usize| if index == count { "y".to_owned() } else { format!("a{index}") };
    let layers = (0..count).flat_map(|index| {
        let [codes, real, sum, back] = ["q", "d", "h", "r"].map(|letter| format!("{letter}{index}"));
        let input = if index == 0 { "x".to_owned() } else { name(index) };
        [
            node("QuantizeLinear", &[&input, "s", "z"], &codes, vec![]),
            node("DequantizeLinear", &[&codes, "s", "z"], &real, vec![]),
            node("MatMul", &[&real, "wd"], &sum, vec![]),
            node("Relu", &[&sum], &back, vec![]),
            node("QuantizeLinear", &[&back, "s", "z"], &format!("b{index}"), vec![]),
            node("DequantizeLinear", &[&format!("b{index}"), "s", "z"], &name(index + 1), vec![]),
        ]
    });
    let square = Tensor::from_vec(&[4, 4], vec![1_i8; 16]).expect("sixteen");
    let weight = node("DequantizeLinear", &["v", "s"], "wd", vec![]);
    let model = small(&[("v", square)], |nodes| *nodes = [weight].into_iter().chain(layers).collect());
    let graph = read(&model).expect("a long chain");
    assert_eq!(graph.nodes().len(), count + 2, "codes that were dequantized are not quantized again");
}
