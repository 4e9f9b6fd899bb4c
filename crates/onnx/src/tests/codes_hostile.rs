//! Codes of few and of many bits, in blocks, and products of integers that lie or ask for more than there is: each
//! gives an error that names the node.

use fourfold_graph::ErrorKind;
use fourfold_tensor::Tensor;

use super::{int, model, node, read};
use crate::Error;
use crate::proto::{
    AttributeProto, ModelProto, NodeProto, TensorProto, attribute_type, data_type,
    tensor_shape_proto::dimension::Value as Size, type_proto::Value as Type,
};

fn codes<T: fourfold_tensor::Element>(shape: &[usize], list: &[T]) -> Tensor {
    Tensor::from_slice(shape, list).expect("as many as the shape has")
}

/// A tensor of a type that none of the graph has.
fn narrow(name: &str, data_type: i32, dims: &[i64], raw: &[u8]) -> TensorProto {
    TensorProto {
        dims: dims.to_vec(),
        data_type,
        name: name.to_owned(),
        raw_data: raw.to_vec(),
        ..TensorProto::default()
    }
}

/// A model of an input `x: f32[n, 4]` with constants of all kinds.
fn with(opset: i64, nodes: Vec<NodeProto>) -> ModelProto {
    let constants = [
        ("s", codes(&[], &[0.5_f32])),
        ("two", codes(&[2], &[0.5_f32, 0.25])),
        ("blocks", codes(&[2, 2], &[0.5_f32, 0.25, 1.0, 2.0])),
        ("w8", codes(&[2, 4], &[1_i8, -2, 3, 4, 5, 6, -7, 8])),
        ("z8", codes(&[], &[3_i8])),
        ("u8", codes(&[4, 2], &[1_u8, 2, 3, 4, 5, 6, 7, 8])),
        ("zu8", codes(&[], &[3_u8])),
        ("zu8s", codes(&[4], &[3_u8, 4, 5, 6])),
        ("i64", codes(&[], &[1_i64])),
        ("bz8", codes(&[2, 2], &[1_i8, 2, 3, 4])),
    ];
    let mut model = model(opset, &[-1, 4], &constants, nodes);
    let more = [
        narrow("w4", data_type::INT4, &[2, 4], &[0x21, 0x43, 0x65, 0x87]),
        narrow("z4", data_type::INT4, &[], &[0x01]),
        narrow("z16", data_type::UINT16, &[], &[0, 1]),
        narrow("w16", data_type::UINT16, &[2, 4], &[7; 16]),
    ];
    model.graph.as_mut().expect("a graph").initializer.extend(more);
    model
}

fn assert_refused(model: &ModelProto, is_unsupported: bool, text: &str) {
    let error = read(model).expect_err(text);
    assert!(error.to_string().contains(text), "{error} has no {text:?}");
    assert_eq!(error.kind() == ErrorKind::Unsupported, is_unsupported, "{error}");
}

fn dequantize(inputs: &[&str], attributes: &[(&str, i64)]) -> Vec<NodeProto> {
    let attributes = attributes.iter().map(|&(name, value)| int(name, value)).collect();
    vec![node("DequantizeLinear", inputs, "d", attributes), node("Gemm", &["x", "d"], "y", vec![int("transB", 1)])]
}

#[test]
fn types_of_codes_are_those_of_the_file() {
    assert!(read(&with(21, dequantize(&["w4", "two", ""], &[("axis", 0)]))).is_ok());
    assert_refused(&with(21, dequantize(&["w4", "s", "z8"], &[])), false, "is int8, but input 0 is int4");
    assert_refused(&with(21, dequantize(&["w8", "s", "z4"], &[])), false, "is int4, but input 0 is int8");
    assert_refused(&with(21, dequantize(&["w16", "s", "z4"], &[])), false, "is int4, but input 0 is uint16");
    assert_refused(&with(19, dequantize(&["w4", "s", "z4"], &[])), false, "is int4, which the operator does not take");
    assert_refused(&with(19, dequantize(&["w16", "s"], &[])), false, "is uint16, which the operator does not take");
    let sum = vec![node("Add", &["w16", "w16"], "a", vec![]), node("Cast", &["a"], "y", vec![int("to", 1)])];
    assert_refused(&with(21, sum), true, "arithmetic on `w16` of type uint16");
    let sum = vec![node("Add", &["w4", "w4"], "a", vec![]), node("Cast", &["a"], "y", vec![int("to", 1)])];
    assert_refused(&with(21, sum), false, "is int4, which the operator does not take");
    let filled = vec![node("Shape", &["x"], "s2", vec![]), node("ConstantOfShape", &["s2"], "y", vec![])];
    let mut filled = with(21, filled);
    let value = AttributeProto {
        name: "value".to_owned(),
        r#type: attribute_type::TENSOR,
        t: Some(narrow("", data_type::INT16, &[1], &[1, 0])),
        ..AttributeProto::default()
    };
    filled.graph.as_mut().expect("a graph").node[1].attribute.push(value);
    assert_refused(&filled, true, "a value of type int16");
}

#[test]
fn blocks_must_fit() {
    let blocked = |inputs: &[&str], axis: i64, size: i64| dequantize(inputs, &[("axis", axis), ("block_size", size)]);
    assert!(read(&with(21, blocked(&["w8", "blocks", "bz8"], 1, 2))).is_ok());
    assert!(read(&with(21, blocked(&["w8", "blocks"], -1, 3))).is_ok());
    assert_refused(&with(21, blocked(&["w8", "blocks"], 1, 4)), false, "for blocks of 4 of [2, 4] on axis 1");
    assert_refused(&with(21, blocked(&["w8", "blocks"], 0, 2)), false, "for blocks of 2 of [2, 4] on axis 0");
    assert_refused(&with(21, blocked(&["w8", "blocks"], 2, 2)), false, "axis 2 of an input with 2 axes");
    assert_refused(&with(21, blocked(&["w8", "blocks"], 1, -2)), false, "blocks of -2");
    assert_refused(&with(21, blocked(&["w8", "blocks", "z8"], 1, 2)), false, "for blocks of 2");
    assert_refused(&with(21, blocked(&["w4", "blocks", "bz8"], 1, 2)), false, "is int8, but input 0 is int4");
    assert_refused(&with(21, blocked(&["w8", "s"], 1, i64::MAX)), false, "for blocks of");
    let computed = |size: i64| {
        let attributes = || vec![int("axis", 1), int("block_size", size)];
        let quantize = node("QuantizeLinear", &["x", "blocks", "bz8"], "q", attributes());
        with(
            21,
            vec![
                quantize,
                node("DequantizeLinear", &["q", "blocks", "bz8"], "y", vec![int("axis", 1), int("block_size", 2)]),
            ],
        )
    };
    assert_refused(&computed(2), true, "whose sizes are not known");
    let mut fixed = computed(2);
    let input = fixed.graph.as_mut().expect("a graph").input[0].r#type.as_mut().expect("a type");
    if let Some(Type::TensorType(tensor)) = input.value.as_mut() {
        tensor.shape.as_mut().expect("a shape").dim[0].value = Some(Size::DimValue(2));
    }
    assert!(read(&fixed).is_ok());
    fixed.graph.as_mut().expect("a graph").node[1].attribute[1].i = 3;
    assert_refused(&fixed, true, "in other blocks than those");
    fixed.graph.as_mut().expect("a graph").node[1].attribute.truncate(1);
    assert_refused(&fixed, true, "a scale of shape [2, 2], for blocks,");
}

#[test]
fn codes_of_16_bits_are_read_as_they_were_made() {
    let quantize = || node("QuantizeLinear", &["x", "s", "z16"], "q", vec![]);
    let read_by = |reader: NodeProto| with(21, vec![quantize(), reader]);
    assert!(read(&read_by(node("DequantizeLinear", &["q", "s", "z16"], "y", vec![]))).is_ok());
    let other = node("DequantizeLinear", &["q", "s"], "y", vec![]);
    assert_refused(&read_by(other), true, "which were made with scale 0.5 and zero point 256");
    let sum = node("Add", &["q", "q"], "y", vec![]);
    assert_refused(&read_by(sum), true, "arithmetic on `q` of type uint16");
    assert_refused(&read_by(node("Relu", &["q"], "y", vec![])), false, "is uint16, which the operator does not take");
    let wrong = node("DequantizeLinear", &["q", "s", "zu8"], "y", vec![]);
    assert_refused(&read_by(wrong), false, "is uint8, but input 0 is uint16");
    let typed = node("QuantizeLinear", &["x", "s", "z16"], "y", vec![int("output_dtype", 5)]);
    assert_refused(&with(21, vec![typed]), false, "output_dtype is int16, but the zero point is uint16");
    for (number, text) in [(1, "output_dtype float"), (6, "output_dtype int32"), (99, "output_dtype an unknown type")] {
        let typed = node("QuantizeLinear", &["x", "s"], "y", vec![int("output_dtype", number)]);
        assert_refused(&with(21, vec![typed]), true, text);
    }
}

/// A quantized product of the input and a weight.
fn product(operator: &str, inputs: &[&str]) -> Result<fourfold_graph::Graph, Error> {
    let quantize = node("QuantizeLinear", &["x", "s", "zu8"], "q", vec![]);
    read(&with(
        21,
        vec![quantize, node("Cast", &["i64"], "free", vec![int("to", 2)]), node(operator, inputs, "y", vec![])],
    ))
}

#[test]
fn products_of_integers_must_fit() {
    let refused = |operator: &str, inputs: &[&str], is_unsupported: bool, text: &str| {
        let error = product(operator, inputs).expect_err(text);
        assert!(error.to_string().contains(text), "{error} has no {text:?}");
        assert_eq!(error.kind() == ErrorKind::Unsupported, is_unsupported, "{error}");
    };
    assert!(product("MatMulInteger", &["q", "u8", "zu8", "zu8"]).is_ok());
    refused("MatMulInteger", &["q", "u8", "zu8s"], true, "a zero point for each row");
    refused("MatMulInteger", &["q", "u8", "zu8", "zu8s"], false, "4 scales for axis 1 of a tensor of shape [4, 2]");
    refused("MatMulInteger", &["q", "u8"], true, "the zero point 0 for quantized values `q`, which were made with 3,");
    refused("MatMulInteger", &["q", "u8", "z8"], false, "is int8, but input 0 is uint8");
    refused("MatMulInteger", &["q", "w8", "zu8"], false, "");
    refused("MatMulInteger", &["x", "u8"], false, "is float, which the operator does not take");
    refused("MatMulInteger", &["q", "w4", "zu8"], false, "is int4, which the operator does not take");
    refused("MatMulInteger", &["q", "u8", "none"], false, "nothing before it makes");
    refused("ConvInteger", &["q", "u8", "zu8"], false, "expects 1 groups of 2");
    refused("ConvInteger", &["q", "q", "zu8", "zu8"], true, "a weight `q` that is not constant");
}
